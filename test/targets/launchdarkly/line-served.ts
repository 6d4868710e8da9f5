import type { SdkData } from '../../support/fake-launchdarkly/sdk-payload.ts';
import { servedIn } from './history.ts';

/** Who has a toggle; `missing`: nothing is served, so that applications take their own default. */
export type Served = ReadonlySet<string> | 'missing';

/** Who of these people has each toggle, by the real SDK. */
export async function servedSets(
  state: SdkData,
  keys: readonly string[],
  people: readonly string[],
): Promise<ReadonlyMap<string, Served>> {
  if (keys.length === 0) return new Map();
  const served = await servedIn(state, keys, people);
  return new Map(
    keys.map(key => {
      const inside = served[key];
      return [key, inside === undefined ? ('missing' as const) : new Set(inside)];
    }),
  );
}

/** True where that member is served it. */
export function has(served: Served | undefined, member: string): boolean {
  return served !== undefined && served !== 'missing' && served.has(member);
}

/** Who is served it, cut where it is long: a flag that is not there and one that lets nobody in are told apart. */
export function differing(is: Served | undefined, wanted: Served | undefined): unknown {
  if (!(is instanceof Set) || !(wanted instanceof Set))
    return [is, wanted].map(one => (one instanceof Set ? one.size : one));
  const only = (one: ReadonlySet<string>, other: ReadonlySet<string>) =>
    [...one].filter(key => !other.has(key)).slice(0, 5);
  return { letIn: only(is, wanted), keptOut: only(wanted, is) };
}

/** The flag or any segment differs. */
export function isOther(one: SdkData, other: SdkData, key: string): boolean {
  const text = (value: unknown) => JSON.stringify(value);
  return text(one.flags[key]) !== text(other.flags[key]) || text(one.segments) !== text(other.segments);
}

/** Strings in arrays called `values`, `included` and `excluded`, wherever they stand. */
export function collectKeys(value: unknown, into: Set<string>): void {
  if (typeof value !== 'object' || value === null) return;
  for (const [name, part] of Object.entries(value)) {
    const isKeys = name === 'values' || name === 'included' || name === 'excluded';
    if (isKeys && Array.isArray(part)) for (const one of part) if (typeof one === 'string') into.add(one);
    collectKeys(part, into);
  }
}
