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
  /** The answer given last; it holds until the window's start passes `until` or the placement changes. */
  readonly #answers = new Map<
    PlacementId,
    { readonly since: number; readonly until: number; readonly answer: Baseline }
  >();

  constructor(db: Database, sets: MemberSets) {
    this.#db = db;
    this.#sets = sets;
    this.reload();
  }

  /** Another process may have written. */
  reload(): void {
    this.#answers.clear();
    this.#lastAt = new Map(
      this.#db
        .all<{ placement: string; at: number }>('SELECT placement, max(at) AS at FROM history GROUP BY placement')
        .map(row => [row.placement, row.at]),
    );
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
      this.#answers.delete(step.placement);
    });
  }

  /** Who was in at `since`: what the oldest change since then found; for a placement first filled since, that fill. */
  baseline(placement: PlacementId, since: number): Baseline | undefined {
    const lastAt = this.#lastAt.get(placement);
    if (lastAt === undefined || lastAt <= since) return undefined;
    const known = this.#answers.get(placement);
    if (known && known.since <= since && since < known.until) return known.answer;
    const rows = this.#db.all<Row>(
      `SELECT at, first, before, after, approved_granted AS granted, approved_revoked AS revoked
         FROM history WHERE placement = ? AND at > ? ORDER BY id`,
      placement,
      since,
    );
    const [oldest] = rows;
    if (!oldest) return undefined;
    const answer: Baseline = {
      members: this.#sets.byId(oldest.first ? oldest.after : oldest.before),
      approvedGranted: this.#joined(rows.map(row => row.granted)),
      approvedRevoked: this.#joined(rows.map(row => row.revoked)),
    };
    const until = rows.reduce((least, row) => Math.min(least, row.at), oldest.at);
    this.#answers.set(placement, { since, until, answer });
    return answer;
  }

  /** Drops changes before that moment: no window may begin earlier from then on. */
  prune(before: number): void {
    this.#db.run('DELETE FROM history WHERE at < ?', before);
    this.#db.afterCommit(() => {
      for (const [placement, at] of this.#lastAt) if (at < before) this.#lastAt.delete(placement);
      this.#answers.clear();
    });
  }

  #joined(ids: readonly (SetId | null)[]): Members {
    const unique = new Set(ids);
    unique.delete(null);
    return union(noMembers, ...[...unique].map(id => this.#sets.byId(id as SetId)));
  }
}
