import { createHash, type Hash } from 'node:crypto';

/** A hash of sorted members with what it was on the way, so that a set which begins in the same way need not begin anew. */
export interface Hashed {
  readonly hex: string;
  /** After every `stride` members; only ever copied. */
  readonly stops: readonly Hash[];
}

/** Texts of more than 100 kB cost twice as much each. */
const chunk = 1024;
const stride = 64 * chunk;

/**
 * SHA-256 (hex) over the members, each ended by a line feed. `like`: its first `same` members are these, so only what
 * follows is hashed.
 */
export function hashSorted(
  sorted: readonly string[],
  like?: { readonly hashed: Hashed; readonly same: number },
): Hashed {
  const stops = like ? like.hashed.stops.slice(0, Math.floor(like.same / stride)) : [];
  const hash = stops.at(-1)?.copy() ?? createHash('sha256');
  for (let start = stops.length * stride; start < sorted.length; start += chunk) {
    hash.update(`${sorted.slice(start, start + chunk).join('\n')}\n`);
    const end = start + chunk;
    if (end % stride === 0 && end <= sorted.length) stops.push(hash.copy());
  }
  return { hex: hash.digest('hex'), stops };
}
