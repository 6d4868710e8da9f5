import { createHmac } from 'node:crypto';

/** Stands for names where nobody may read them: who has the same key can compare, nobody can turn back. */
export interface KeyedHash {
  /** 22 characters of base64url: 128 bits of an HMAC-SHA256. */
  of(name: string): string;
  /** 16 hex digits: the same for the same key and purpose, and nothing can be compared with it. */
  readonly id: string;
}

const bytes = 16;

/** A hash under a key. Another `purpose` is another hash, so that nothing can be compared across them. */
export function createKeyedHash(key: string | Uint8Array, purpose: string): KeyedHash {
  const derived = createHmac('sha256', key).update(`optoggles names ${purpose}`).digest();
  return {
    of: name => createHmac('sha256', derived).update(name).digest().subarray(0, bytes).toString('base64url'),
    id: createHmac('sha256', key).update(`optoggles key ${purpose}`).digest('hex').slice(0, 16),
  };
}
