import type { FakeRestApi } from '../support/fake-rest-api.ts';
import type { RestRequest } from '../support/rest-api-rules.ts';
import { lastWords } from './process.ts';
import { until } from './until.ts';

/** Who has a toggle in the target; undefined where it is not there. */
export function usersOf(target: FakeRestApi, key: string): unknown {
  return target.toggles.get(key)?.users;
}

/**
 * Waits until a toggle is held by exactly these; says who had it when that does not come. An OPAL that has its policy and
 * no data yet is given 15 s before it is asked to load again.
 */
export async function untilHolds(
  target: FakeRestApi,
  key: string,
  users: readonly string[],
  timeoutMs = 45_000,
): Promise<void> {
  const wanted = JSON.stringify(users);
  await until(`${key} for ${wanted}`, () => JSON.stringify(usersOf(target, key)) === wanted, { timeoutMs }).catch(
    error => {
      throw new Error(`${key} is held by ${JSON.stringify(usersOf(target, key))}\n${lastWords()}`, { cause: error });
    },
  );
}

/** Notes where the target's record stands; `writes` are those after that. */
export function mark(target: FakeRestApi): { writes(): readonly RestRequest[]; keys(): readonly string[] } {
  const from = target.writes.length;
  const writes = () => target.writes.slice(from);
  return { writes, keys: () => [...new Set(writes().map(write => write.key ?? 'create'))].sort() };
}

/** The users of each write of a key, in order; a write without users is left out. */
export function usersWritten(writes: readonly RestRequest[], key: string): readonly (readonly string[])[] {
  return writes
    .filter(write => write.key === key && write.text !== undefined)
    .flatMap(write => {
      const { users } = JSON.parse(write.text as string) as { users?: readonly string[] };
      return users === undefined ? [] : [users];
    });
}
