import { noMembers, union } from '../domain/members.ts';
import type { Approval, ApprovalWindow, Block, PlacementRef } from '../domain/plan.ts';
import type { StoredBlock } from '../domain/state.ts';
import type { Database } from './database.ts';
import type { Journal } from './journal.ts';
import type { MemberSets, SetId } from './member-sets.ts';

interface BlockRow {
  readonly target: string;
  readonly id: string;
  readonly since: number;
  readonly block: string;
  readonly revoked: SetId;
  readonly granted: SetId;
}

/** What the guard stopped, and what people let through nevertheless. */
export class Consent {
  readonly #db: Database;
  readonly #sets: MemberSets;
  readonly #journal: Journal;

  constructor(db: Database, sets: MemberSets, journal: Journal) {
    this.#db = db;
    this.#sets = sets;
    this.#journal = journal;
  }

  /** Replaces the blocks of one target. Writes nothing when they are the same. */
  saveBlocks(target: string, blocks: readonly Block[], at: number): { fresh: StoredBlock[]; gone: StoredBlock[] } {
    const before = this.#db.all<BlockRow>('SELECT * FROM blocks WHERE target = ? ORDER BY id', target);
    if (before.length === 0 && blocks.length === 0) return { fresh: [], gone: [] };
    return this.#db.transaction(() => {
      const known = new Map(before.map(row => [row.id, row]));
      const wanted = new Map(blocks.map(block => [block.id, block]));
      const fresh: StoredBlock[] = [];
      for (const block of wanted.values()) {
        const row = known.get(block.id);
        const since = row?.since ?? at;
        this.#saveBlock(target, block, since, row);
        if (row) continue;
        const stored = { ...block, target, since };
        fresh.push(stored);
        this.#journal.write({ at, what: 'blocked', ...aboutBlock(stored) }, stored);
      }
      const gone = before.filter(row => !wanted.has(row.id)).map(row => this.#blockOf(row));
      for (const block of gone) {
        this.#db.run('DELETE FROM blocks WHERE target = ? AND id = ?', target, block.id);
        this.#journal.write({
          at,
          what: this.#isApproved(block.id, at) ? 'unblocked' : 'withdrawn',
          ...aboutBlock(block),
        });
      }
      return { fresh, gone };
    });
  }

  /** All blocks, by target, then id. */
  blocks(): StoredBlock[] {
    const rows = this.#db.all<BlockRow>('SELECT * FROM blocks ORDER BY target, id');
    return rows.map(row => this.#blockOf(row));
  }

  /** Those that hold at `now`, by id. */
  approvals(now: number): Approval[] {
    const rows = this.#db.all<{ approval: string; revoked: SetId; granted: SetId }>(
      'SELECT approval, revoked, granted FROM approvals WHERE until > ? ORDER BY id',
      now,
    );
    return rows.map(row => ({
      ...(JSON.parse(row.approval) as Omit<Approval, 'revoked' | 'granted'>),
      revoked: this.#sets.byId(row.revoked),
      granted: this.#sets.byId(row.granted),
    }));
  }

  /** The stored blocks of that id, as one approval. Undefined: there is none. */
  approve(id: string, by: string, until: number, at: number): Approval | undefined {
    return this.#db.transaction(() => {
      const rows = this.#db.all<BlockRow>('SELECT * FROM blocks WHERE id = ? ORDER BY target', id);
      const blocks = rows.map(row => this.#blockOf(row));
      return blocks.length === 0 ? undefined : this.#approveAll(blocks, by, until, at);
    });
  }

  /** Approves a block that is stored nowhere yet. */
  approveBlock(block: Block, by: string, until: number, at: number): Approval {
    return this.#db.transaction(() => this.#approveAll([block], by, until, at));
  }

  /** Those open at `now`, in the order of opening. */
  windows(now: number): ApprovalWindow[] {
    return this.#db
      .all<ApprovalWindow>('SELECT source, until, reason, by FROM windows WHERE until > ? ORDER BY id', now)
      .map(row => ({ ...row }));
  }

  /** Opens a window, with its audit row. */
  openWindow(window: ApprovalWindow, at: number): void {
    const { source, until, reason, by } = window;
    this.#db.transaction(() => {
      this.#db.run('INSERT INTO windows (source, until, reason, by) VALUES (?, ?, ?, ?)', source, until, reason, by);
      const message = `Everything of source ${source} until ${new Date(until).toISOString()}: ${reason}`;
      this.#journal.write({ at, what: 'approved', approval: `window of ${source}`, source, by, until, message });
    });
  }

  /** Who gave an approval, by its id or as `window of <source>`; undefined: it is none of ours, or gone. */
  approver(approval: string, now: number): string | undefined {
    const window = approval.startsWith('window of ') ? approval.slice('window of '.length) : undefined;
    if (window !== undefined) return this.windows(now).find(({ source }) => source === window)?.by;
    const row = this.#db.get<{ approval: string }>('SELECT approval FROM approvals WHERE id = ?', approval);
    return row && (JSON.parse(row.approval) as Approval).by;
  }

  /** Drops what ended before that moment. */
  prune(before: number): void {
    this.#db.run('DELETE FROM approvals WHERE until < ?', before);
    this.#db.run('DELETE FROM windows WHERE until < ?', before);
  }

  #isApproved(id: string, now: number): boolean {
    return this.#db.get('SELECT 1 FROM approvals WHERE id = ? AND until > ?', id, now) !== undefined;
  }

  #saveBlock(target: string, block: Block, since: number, row: BlockRow | undefined): void {
    const { revoked, granted, ...rest } = block;
    // What else happened is that of the moment when it was first seen: later it has been done.
    const { also = rest.also } = row ? (JSON.parse(row.block) as Pick<Block, 'also'>) : rest;
    const text = JSON.stringify({ ...rest, ...(also && { also }) });
    const revokedId = this.#sets.put(revoked);
    const grantedId = this.#sets.put(granted);
    if (row?.block === text && row.revoked === revokedId && row.granted === grantedId) return;
    this.#db.run(
      `INSERT INTO blocks (target, id, since, block, revoked, granted) VALUES (?, ?, ?, ?, ?, ?)
       ON CONFLICT DO UPDATE SET block = excluded.block, revoked = excluded.revoked, granted = excluded.granted`,
      target,
      block.id,
      since,
      text,
      revokedId,
      grantedId,
    );
  }

  #blockOf(row: BlockRow): StoredBlock {
    return {
      ...(JSON.parse(row.block) as Omit<Block, 'revoked' | 'granted'>),
      revoked: this.#sets.byId(row.revoked),
      granted: this.#sets.byId(row.granted),
      target: row.target,
      since: row.since,
    };
  }

  #approveAll(blocks: readonly Block[], by: string, until: number, at: number): Approval {
    const [first] = blocks as readonly [Block];
    const rest = {
      id: first.id,
      scope: first.scope,
      source: first.source,
      audience: first.audience,
      removals: [...new Set(blocks.flatMap(block => block.removals))].sort(),
      instance: first.instance,
      reason: first.reason,
      until,
      by,
    };
    const revoked = union(noMembers, ...blocks.map(block => block.revoked));
    const granted = union(noMembers, ...blocks.map(block => block.granted));
    this.#db.run(
      `INSERT INTO approvals (id, until, approval, revoked, granted) VALUES (?, ?, ?, ?, ?)
       ON CONFLICT DO UPDATE SET until = excluded.until, approval = excluded.approval,
         revoked = excluded.revoked, granted = excluded.granted`,
      rest.id,
      until,
      JSON.stringify(rest),
      this.#sets.put(revoked),
      this.#sets.put(granted),
    );
    const all = { ...first, placements: blocks.flatMap(block => block.placements), removals: rest.removals };
    const about = { ...aboutBlock(all), revoked: revoked.size, granted: granted.size };
    this.#journal.write({ at, what: 'approved', by, until, ...about }, { revoked, granted });
    return { ...rest, revoked, granted };
  }
}

function aboutBlock(block: Block) {
  const toggles = [...new Set([...block.placements.map(({ toggle }) => toggle), ...block.removals])].sort();
  return {
    ...(toggles.length === 1 ? { toggle: toggles[0] as string } : { toggles }),
    ...common('target', block.placements),
    ...common('environment', block.placements),
    ...(block.source !== null && { source: block.source }),
    revoked: block.revoked.size,
    granted: block.granted.size,
    approval: block.id,
    message: block.message,
  };
}

/** What all of them say, if they agree. */
function common(field: 'target' | 'environment', placements: readonly PlacementRef[]) {
  const said = new Set(placements.map(placement => placement[field]));
  const [only] = said;
  return said.size === 1 && { [field]: only };
}
