import { createHmac } from 'node:crypto';
import type { Value } from './database.ts';
import type { Database } from './database.ts';
import type { MemberSets, SetId } from './member-sets.ts';

/** Where the members of a line are: in a set until their names are hashed, then in a list of hashes. */
interface Place {
  readonly set: SetId | null;
  readonly hashes: number | null;
}

export interface AuditMembersOptions {
  /** The configuration says that names are kept. */
  readonly users: boolean;
  /** The key of the hashes that stand for members. */
  key(): string;
}

/** 64 bits: among a million members one in 10¹³ others is taken for one of them. */
const bytes = 8;

/**
 * Whom the lines of the audit log are about. A line is written with its sets as they are, so that a write costs no more
 * than that; later, a few thousand at a time, names are replaced by keyed hashes, which stay when the names are gone.
 */
export class AuditMembers {
  readonly #db: Database;
  readonly #sets: MemberSets;
  readonly #options: AuditMembersOptions;
  /** A large set is hashed over many calls. */
  #under: { readonly set: SetId; readonly body: Buffer; readonly names: Iterator<string>; done: number } | undefined;

  constructor(db: Database, sets: MemberSets, options: AuditMembersOptions) {
    this.#db = db;
    this.#sets = sets;
    this.#options = options;
  }

  get areNamed(): boolean {
    return this.#options.users;
  }

  /** `h:` and the first 8 bytes of the member's HMAC-SHA256, in hex. */
  tag(member: string): string {
    return `h:${this.#hash(member).toString('hex')}`;
  }

  /** As it is kept: by name, or as a tag. */
  shown(member: string): string {
    return this.#options.users ? member : this.tag(member);
  }

  /** Names where they are kept, else tags. */
  *list({ set, hashes }: Place): Generator<string> {
    if (set !== null) for (const member of this.#sets.byId(set).values()) yield this.shown(member);
    else if (hashes !== null) {
      const body = this.#body(hashes);
      for (let at = 0; at < body.length; at += bytes) yield `h:${body.toString('hex', at, at + bytes)}`;
    }
  }

  has({ set, hashes }: Place, member: string): boolean {
    if (set !== null) return this.#sets.byId(set).has(member);
    return hashes !== null && isAmong(this.#body(hashes), this.#hash(member).readBigUInt64BE());
  }

  /**
   * Replaces names by hashes, about `most` of them; true: there are more. Nothing is done where names are kept. Each set
   * is one transaction.
   */
  seal(most: number): boolean {
    if (this.#options.users) return false;
    this.#sealSingle();
    for (let left = most; left > 0; ) {
      const set = this.#under?.set ?? this.#next();
      if (set === undefined) return false;
      left -= Math.max(1, this.#sealPart(set, left));
    }
    return this.#next() !== undefined;
  }

  /** Rows of the log go: so do the hashes that no other row needs. `which` is a condition on rows of `audit`. */
  forgetting(which: string, values: readonly Value[], forget: () => void): void {
    const columns = ['granted_hashes', 'revoked_hashes'];
    const selects = columns.map(one => `SELECT ${one} AS id FROM audit WHERE ${one} IS NOT NULL AND (${which})`);
    const ids = this.#db.all<{ id: number }>(selects.join(' UNION '), ...values, ...values);
    forget();
    for (const { id } of ids) {
      this.#db.run(
        `DELETE FROM audit_hashes WHERE id = ?
           AND NOT EXISTS (SELECT 1 FROM audit WHERE granted_hashes = audit_hashes.id)
           AND NOT EXISTS (SELECT 1 FROM audit WHERE revoked_hashes = audit_hashes.id)`,
        id,
      );
    }
  }

  /** Lines about one member, from a time when names were kept. */
  #sealSingle(): void {
    for (const { id, member } of this.#db.all<{ id: number; member: string }>(
      'SELECT id, member FROM audit WHERE is_name = 1 LIMIT 1000',
    )) {
      this.#db.run('UPDATE audit SET member = ?, is_name = 0 WHERE id = ?', this.tag(member), id);
    }
  }

  #next(): SetId | undefined {
    return (
      this.#db.get<{ id: SetId }>('SELECT granted AS id FROM audit WHERE granted IS NOT NULL LIMIT 1')?.id ??
      this.#db.get<{ id: SetId }>('SELECT revoked AS id FROM audit WHERE revoked IS NOT NULL LIMIT 1')?.id
    );
  }

  /** Gives how many members were hashed. */
  #sealPart(set: SetId, most: number): number {
    const members = this.#sets.byId(set);
    const name = this.#nameOf(members.hash);
    const known = this.#db.get<{ id: number }>('SELECT id FROM audit_hashes WHERE name = ?', name);
    if (known) {
      this.#replace(set, known.id);
      return 0;
    }
    this.#under ??= {
      set,
      body: Buffer.alloc(members.size * bytes),
      names: members.values()[Symbol.iterator](),
      done: 0,
    };
    const { body, names } = this.#under;
    let hashed = 0;
    for (; hashed < most; hashed++) {
      const next = names.next();
      if (next.done) break;
      this.#hash(next.value).copy(body, this.#under.done++ * bytes);
    }
    if (this.#under.done === members.size) {
      this.#db.transaction(() => {
        this.#replace(set, this.#db.run('INSERT INTO audit_hashes (name, body) VALUES (?, ?)', name, sorted(body)));
      });
    }
    return hashed;
  }

  #replace(set: SetId, hashes: number): void {
    this.#under = undefined;
    this.#db.transaction(() => {
      this.#db.run('UPDATE audit SET granted_hashes = ?, granted = NULL WHERE granted = ?', hashes, set);
      this.#db.run('UPDATE audit SET revoked_hashes = ?, revoked = NULL WHERE revoked = ?', hashes, set);
    });
  }

  #body(id: number): Buffer {
    const row = this.#db.get<{ body: Uint8Array }>('SELECT body FROM audit_hashes WHERE id = ?', id);
    return Buffer.from(row?.body ?? []);
  }

  #hash(member: string): Buffer {
    return createHmac('sha256', this.#options.key()).update(member).digest().subarray(0, bytes);
  }

  /** The hash of a set of one member would give the member away. */
  #nameOf(hash: string): string {
    return createHmac('sha256', this.#options.key()).update(`set ${hash}`).digest('base64url');
  }
}

/** In the order of the hashes: that of the names says something about them. */
function sorted(body: Buffer): Buffer {
  body.swap64();
  new BigUint64Array(body.buffer, body.byteOffset, body.length / bytes).sort();
  return body.swap64();
}

function isAmong(body: Buffer, wanted: bigint): boolean {
  let low = 0;
  let high = body.length / bytes;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const found = body.readBigUInt64BE(middle * bytes);
    if (found === wanted) return true;
    if (found < wanted) low = middle + 1;
    else high = middle;
  }
  return false;
}
