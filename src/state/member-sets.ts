import { createHash } from 'node:crypto';
import { difference, fetchedMembers, type Members, noMembers, sortedOf, subtract, union } from '../domain/members.ts';
import type { Database } from './database.ts';
import { applyDelta, decodeDelta, decodeFull, encodeDelta, encodeFull, type Form } from './encoding.ts';
import { changedMeanwhile, damaged } from './problems.ts';

/** Names a set inside the state file. */
export type SetId = number;

/** How a set came from one that is stored already, where the caller knows: saves comparing a million members. */
export interface Step {
  readonly from: Members;
  readonly granted: Members;
  readonly revoked: Members;
}

interface Row {
  readonly id: SetId;
  readonly hash: string;
  readonly size: number;
  readonly base: SetId | null;
  readonly form: Form;
  readonly body: Uint8Array;
}

type Head = Omit<Row, 'body'>;

/** Small sets are written whole: a delta saves nothing and costs a read of its base. */
const leastForDelta = 256;
const largestDelta = 0.1;
/** Members that are kept decoded, over all sets: two of a million, and then some. */
const mostDecoded = 2_500_000;
/** Smaller sets are read again in no time; thousands of them, as a busy day leaves, would be 100 MB. */
const leastKept = 10_000;

/** Sets of members, each stored once, whoever has them; large ones that differ little as a delta to a whole one. */
export class MemberSets {
  readonly #db: Database;
  /** By hash, so that one set is one object for as long as somebody has it: comparing it is then free. */
  readonly #handed = new Map<string, WeakRef<Members>>();
  /** Decoded lists by hash, the last used at the end. */
  readonly #decoded = new Map<string, readonly string[]>();
  #decodedSize = 0;

  constructor(db: Database) {
    this.#db = db;
  }

  /** Stores a set if it is not there. `near` is one that it may differ little from. Part of the caller's transaction. */
  put(members: Members, near?: SetId | null, step?: Step): SetId {
    const { hash } = members;
    const found = this.#db.get<{ id: SetId }>('SELECT id FROM members WHERE hash = ?', hash);
    if (this.#handed.get(hash)?.deref() === undefined) this.#handed.set(hash, new WeakRef(members));
    if (found) return found.id;
    const delta = near ? this.#deltaTo(members, near, step) : undefined;
    const encoded = delta ? encodeDelta(delta.added, delta.removed) : encodeFull(members);
    return this.#db.run(
      'INSERT INTO members (hash, size, base, form, body) VALUES (?, ?, ?, ?, ?)',
      hash,
      members.size,
      delta ? delta.base : null,
      encoded.form,
      encoded.body,
    );
  }

  /** The set of that hash; its members are read when somebody looks at them. */
  get(hash: string, size: number): Members {
    const known = this.#handed.get(hash)?.deref();
    if (known) return known;
    // Who looks once looks often; what nobody needs any more goes with the next collection.
    let held: WeakRef<readonly string[]> | undefined;
    const members = fetchedMembers(size, hash, () => {
      const known = held?.deref();
      if (known) return known;
      const list = this.#list(hash);
      held = new WeakRef(list);
      return list;
    });
    this.#handed.set(hash, new WeakRef(members));
    return members;
  }

  /** The set of that id. */
  byId(id: SetId): Members {
    const head = this.#db.get<{ hash: string; size: number }>('SELECT hash, size FROM members WHERE id = ?', id);
    if (!head) throw changedMeanwhile();
    return this.get(head.hash, head.size);
  }

  /** Drops what nothing refers to, except what somebody still holds. `used` is a SELECT of ids. */
  prune(used: string): void {
    const candidates = this.#db.all<{ id: SetId; hash: string }>(
      `SELECT id, hash FROM members WHERE id NOT IN (${used})
         AND id NOT IN (SELECT base FROM members WHERE base IS NOT NULL AND id IN (${used}))
       ORDER BY base IS NULL`,
    );
    const kept = new Set<SetId>();
    for (const { id, hash } of candidates) {
      if (this.#handed.get(hash)?.deref() === undefined) continue;
      kept.add(id);
      const base = this.#db.get<{ base: SetId | null }>('SELECT base FROM members WHERE id = ?', id)?.base;
      if (base != null) kept.add(base);
    }
    for (const { id } of candidates) if (!kept.has(id)) this.#db.run('DELETE FROM members WHERE id = ?', id);
    for (const [hash, held] of this.#handed) if (held.deref() === undefined) this.#handed.delete(hash);
    this.#decoded.clear();
    this.#decodedSize = 0;
  }

  #deltaTo(members: Members, near: SetId, step: Step | undefined) {
    if (members.size < leastForDelta) return undefined;
    const last = this.#db.get<Head>('SELECT id, hash, size, base, form FROM members WHERE id = ?', near);
    const base =
      last?.base == null
        ? last
        : this.#db.get<Head>('SELECT id, hash, size, base, form FROM members WHERE id = ?', last.base);
    if (!last || !base) return undefined;
    const most = members.size * largestDelta;
    if (Math.abs(base.size - members.size) > most) return undefined;
    const delta = this.#byStep(members, last, base, step) ?? difference(this.get(base.hash, base.size), members);
    return delta.added.size + delta.removed.size <= most ? { ...delta, base: base.id } : undefined;
  }

  /** Base and delta of the last set are known, and so is what changed since: no need to look at the whole sets. */
  #byStep(members: Members, last: Head, base: Head, step: Step | undefined) {
    if (!step || this.#handed.get(last.hash)?.deref() !== step.from) return undefined;
    const { added, removed } =
      last.base === null ? { added: noMembers, removed: noMembers } : this.#delta(last.id, last.hash);
    const delta = {
      added: union(subtract(added, step.revoked), subtract(step.granted, removed)),
      removed: union(subtract(removed, step.granted), subtract(step.revoked, added)),
    };
    return base.size + delta.added.size - delta.removed.size === members.size ? delta : undefined;
  }

  #delta(id: SetId, hash: string) {
    const row = this.#db.get<Row>('SELECT body FROM members WHERE id = ?', id);
    const delta = row && decodeDelta(row.body);
    if (!delta) throw this.#damaged(hash);
    return delta;
  }

  #list(hash: string): readonly string[] {
    const known = this.#decoded.get(hash);
    if (known) {
      this.#decoded.delete(hash);
      this.#decoded.set(hash, known);
      return known;
    }
    const row = this.#db.get<Row>('SELECT id, hash, size, base, form, body FROM members WHERE hash = ?', hash);
    if (!row) throw changedMeanwhile();
    const list = row.base === null ? decodeFull(row, hash) : this.#patched(row, row.base);
    if (list?.length !== row.size) throw this.#damaged(hash);
    this.#remember(hash, list);
    return list;
  }

  #patched(row: Row, base: SetId): readonly string[] | undefined {
    const delta = decodeDelta(row.body);
    if (!delta) return undefined;
    const list = applyDelta(sortedOf(this.byId(base)), delta.added, delta.removed);
    return hashOf(list) === row.hash ? list : undefined;
  }

  #remember(hash: string, list: readonly string[]): void {
    if (list.length < leastKept) return;
    this.#decoded.set(hash, list);
    this.#decodedSize += list.length;
    for (const [oldest, old] of this.#decoded) {
      if (this.#decodedSize <= mostDecoded || oldest === hash) break;
      this.#decoded.delete(oldest);
      this.#decodedSize -= old.length;
    }
  }

  #damaged(hash: string) {
    return damaged(this.#db.path, `the stored set ${hash.slice(0, 12)} is not what was written`);
  }
}

function hashOf(list: readonly string[]): string {
  const hash = createHash('sha256');
  for (let start = 0; start < list.length; start += 8192)
    hash.update(`${list.slice(start, start + 8192).join('\n')}\n`);
  return hash.digest('hex');
}
