import { type Members, noMembers, union } from '../domain/members.ts';
import type { Baseline } from '../domain/plan.ts';
import type { PlacementId } from '../domain/listing.ts';
import type { Database } from './database.ts';
import type { MemberSets, SetId } from './member-sets.ts';

/** One change of whom policy lets in. */
export interface Step {
  readonly placement: PlacementId;
  readonly at: number;
  /** Nobody was ever in before. */
  readonly first: boolean;
  readonly before: SetId;
  readonly after: SetId;
  readonly approval?: string | undefined;
  readonly approved?: { readonly granted: SetId; readonly revoked: SetId } | undefined;
}

interface Row {
  readonly at: number;
  readonly first: number;
  readonly before: SetId;
  readonly after: SetId;
  readonly granted: SetId | null;
  readonly revoked: SetId | null;
}

/**
 * Whom policy let in over time, for the guard's window. Each row holds the set before and after, so rows older than any
 * window can go without taking the start of a later one with them.
 */
export class History {
  readonly #db: Database;
  readonly #sets: MemberSets;
  /** When each placement last changed: most did not in any window, and that has to cost nothing. */
  #lastAt = new Map<PlacementId, number>();
  /** The same without first fills. */
  #movedAt = new Map<PlacementId, number>();
  /** What was asked for so far: a busy placement has thousands of changes in a window, and each plan asks again. */
  readonly #recent = new Map<PlacementId, Recent>();

  constructor(db: Database, sets: MemberSets) {
    this.#db = db;
    this.#sets = sets;
    this.reload();
  }

  /** Another process may have written. */
  reload(): void {
    this.#recent.clear();
    const rows = this.#db.all<{ placement: string; at: number; moved: number | null }>(
      'SELECT placement, max(at) AS at, max(CASE WHEN first = 0 THEN at END) AS moved FROM history GROUP BY placement',
    );
    this.#lastAt = new Map(rows.map(row => [row.placement, row.at]));
    this.#movedAt = new Map(rows.flatMap(row => (row.moved === null ? [] : [[row.placement, row.moved] as const])));
  }

  /** Part of the caller's transaction. */
  add(step: Step): void {
    this.#db.run(
      `INSERT INTO history (placement, at, first, before, after, approval, approved_granted, approved_revoked)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
      step.placement,
      step.at,
      step.first ? 1 : 0,
      step.before,
      step.after,
      step.approval ?? null,
      step.approved?.granted ?? null,
      step.approved?.revoked ?? null,
    );
    this.#db.afterCommit(() => {
      this.#lastAt.set(step.placement, Math.max(step.at, this.#lastAt.get(step.placement) ?? step.at));
      if (!step.first) {
        this.#movedAt.set(step.placement, Math.max(step.at, this.#movedAt.get(step.placement) ?? step.at));
      }
      const { at, before, after, approved } = step;
      this.#recent.get(step.placement)?.add({
        at,
        first: step.first ? 1 : 0,
        before,
        after,
        granted: approved?.granted ?? null,
        revoked: approved?.revoked ?? null,
      });
    });
  }

  /** Who was in at `since`: what the oldest change since then found; for a placement first filled since, that fill. */
  baseline(placement: PlacementId, since: number): Baseline | undefined {
    const lastAt = this.#lastAt.get(placement);
    if (lastAt === undefined || lastAt <= since) return undefined;
    let recent = this.#recent.get(placement);
    if (recent === undefined || since < recent.since) {
      const rows = this.#db.all<Row>(
        `SELECT at, first, before, after, approved_granted AS granted, approved_revoked AS revoked
           FROM history WHERE placement = ? AND at > ? ORDER BY id`,
        placement,
        since,
      );
      recent = new Recent(since, rows);
      this.#recent.set(placement, recent);
    }
    recent.forget(since);
    const [oldest] = recent.rows;
    if (!oldest) return undefined;
    recent.answer ??= {
      members: this.#sets.byId(oldest.first ? oldest.after : oldest.before),
      approvedGranted: this.#joined(recent.rows.map(row => row.granted)),
      approvedRevoked: this.#joined(recent.rows.map(row => row.revoked)),
    };
    return recent.answer;
  }

  /** Who changed after `since` other than by a first fill. */
  moved(since: number): ReadonlySet<PlacementId> {
    const moved = new Set<PlacementId>();
    for (const [placement, at] of this.#movedAt) if (at > since) moved.add(placement);
    return moved;
  }

  /** Drops changes before that moment: no window may begin earlier from then on. */
  prune(before: number): void {
    this.#db.run('DELETE FROM history WHERE at < ?', before);
    this.#db.afterCommit(() => {
      for (const known of [this.#lastAt, this.#movedAt]) {
        for (const [placement, at] of known) if (at < before) known.delete(placement);
      }
      this.#recent.clear();
    });
  }

  #joined(ids: readonly (SetId | null)[]): Members {
    const unique = new Set(ids);
    unique.delete(null);
    return union(noMembers, ...[...unique].map(id => this.#sets.byId(id as SetId)));
  }
}

/** The changes of one placement after `since`, oldest first, and what they come to. */
class Recent {
  since: number;
  rows: Row[];
  answer: Baseline | undefined;
  /** The earliest of them. */
  #first: number;

  constructor(since: number, rows: Row[]) {
    this.since = since;
    this.rows = rows;
    this.#first = earliest(rows);
  }

  add(row: Row): void {
    this.rows.push(row);
    this.#first = Math.min(this.#first, row.at);
    // Only the oldest change and the approved ones say anything.
    if (this.rows.length === 1 || row.granted !== null || row.revoked !== null) this.answer = undefined;
  }

  /** The window moved on. Clocks may step back, so what is too old need not stand in front. */
  forget(since: number): void {
    if (since <= this.since) return;
    this.since = since;
    if (since < this.#first) return;
    this.rows = this.rows.filter(row => row.at > since);
    this.#first = earliest(this.rows);
    this.answer = undefined;
  }
}

function earliest(rows: readonly Row[]): number {
  return rows.reduce((least, { at }) => Math.min(least, at), Number.POSITIVE_INFINITY);
}
