import { ProblemError } from '../domain/problem.ts';
import { createKeyedHash, type KeyedHash } from '../lib/keyed-hash.ts';

/** Where the key is told: the same where a snapshot is taken and where it is used. */
export const keyVariable = 'OPTOGGLES_SNAPSHOT_KEY';
/** Names of people can be guessed; the key must not be (characters). */
const shortest = 32;

/**
 * The hash that stands for names in the snapshots of an instance, by the key in the environment. Throws a ProblemError
 * where there is none, or one that could be guessed.
 */
export function snapshotHash(env: Readonly<Record<string, string | undefined>>, instance: string): KeyedHash {
  const key = env[keyVariable]?.trim() ?? '';
  const make = `Make one with "openssl rand -base64 32", and set it in ${keyVariable} here and where the plan is made.`;
  if (key === '') {
    throw new ProblemError({
      code: 'snapshot-key-missing',
      message: `A snapshot holds keyed hashes of names, and ${keyVariable} is not set.`,
      hint: make,
    });
  }
  if (key.length < shortest) {
    throw new ProblemError({
      code: 'snapshot-key-short',
      message: `${keyVariable} has fewer than ${shortest} characters: names could be guessed from the snapshot.`,
      hint: make,
    });
  }
  return createKeyedHash(key, `snapshot ${instance}`);
}
