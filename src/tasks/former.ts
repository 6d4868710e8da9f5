import type { Config } from '../domain/config.ts';
import type { Problem } from '../domain/problem.ts';
import type { StateStore } from '../domain/state.ts';
import type { Target } from '../domain/target.ts';
import type { TargetContext, TargetKind } from '../targets/kind.ts';
import { isOpen, isOver, reaches } from '../sync/former-address.ts';

export interface FormerOptions {
  readonly config: Pick<Config, 'targets' | 'guard'>;
  readonly store: Pick<StateStore, 'addresses' | 'applied' | 'forget'>;
  /** Those of the configuration. */
  readonly targets: readonly Target[];
  readonly kinds: Readonly<Record<string, TargetKind>>;
  context(entry: Config['targets'][number]): TargetContext;
  /** ms since the epoch. */
  readonly now: number;
  /** False: nothing is written into the state. */
  readonly remember: boolean;
}

export interface Former {
  /** Targets at the addresses that they had before, by name. */
  readonly targets: ReadonlyMap<string, readonly Target[]>;
  /** What is left alone. */
  readonly warnings: readonly Problem[];
  /** What is being moved. */
  readonly news: readonly Problem[];
}

/**
 * Finds what was applied at addresses that no target of the configuration has any more. Where a target of that name is
 * there still, and its kind can be had at the address, it is a move; everything else is left alone, and said.
 */
export function formerTargets(options: FormerOptions): Former {
  const { config, store, now } = options;
  const known = new Set(options.targets.map(({ address }) => address));
  const targets = new Map<string, Target[]>();
  const warnings: Problem[] = [];
  const news: Problem[] = [];
  for (const { address, target: name } of store.addresses()) {
    if (known.has(address)) continue;
    const listings = [...store.applied(address).values()];
    const left = listings.filter(listing => !isOver(listing, now - config.guard.window));
    if (options.remember) {
      for (const listing of listings) if (!left.includes(listing)) store.forget(address, listing.key);
    }
    if (left.length === 0) continue;
    const open = left.flatMap(({ key, placements }) =>
      placements.filter(isOpen).map(placement => ({ key, placement })),
    );
    const former = targetAt(address, name, options);
    if (former === undefined) {
      if (open.length > 0) warnings.push(dropped(name, address));
      continue;
    }
    targets.set(name, [...(targets.get(name) ?? []), former]);
    const lost = open.filter(({ key, placement }) => !reaches(former, key, placement));
    const environments = [...new Set(lost.map(({ placement }) => placement.environment))].sort();
    if (environments.length > 0) warnings.push(environmentsLeft(name, address, environments));
    const to = options.targets.find(target => target.name === name)?.address ?? '';
    if (open.length > lost.length) news.push(moving(name, address, to));
  }
  return { targets, warnings, news };
}

/** The target of that name as it was at the address; undefined: it cannot be had there. */
function targetAt(address: string, name: string, options: FormerOptions): Target | undefined {
  const { config, store, kinds } = options;
  const entry = config.targets.find(one => one.name === name);
  const kind = entry && kinds[entry.type];
  if (entry === undefined || kind?.at === undefined) return undefined;
  const listings = [...store.applied(address).values()];
  const applied = new Set(listings.flatMap(({ placements }) => placements.map(({ environment }) => environment)));
  const environments = entry.environments?.filter(environment => applied.has(environment));
  const former = kind.at(address, entry.settings, { ...options.context(entry), environments });
  if (former?.address !== address) return undefined;
  const isThere = listings.some(({ key, placements }) => placements.some(one => reaches(former, key, one)));
  return isThere ? former : undefined;
}

function dropped(name: string, address: string): Problem {
  return {
    code: 'target-dropped',
    message: `The configuration no longer names ${address} (target ${name}): its toggles are left as they are.`,
    hint: 'Put it back with policy: sync and without toggles to close them.',
  };
}

function environmentsLeft(name: string, address: string, environments: readonly string[]): Problem {
  return {
    code: 'environment-left-alone',
    message: `Toggles were applied at ${address} (target ${name}) in ${environments.join(', ')}, which the target does not list there any more; they are left as they are.`,
    hint: 'Put the address and the environment back and take it out of the toggles first, or clean up in the target.',
  };
}

function moving(name: string, from: string, to: string): Problem {
  return {
    code: 'target-moved',
    message: `Target ${name} moves from ${from} to ${to}: a toggle is closed at the former address once the new one has everybody.`,
    hint: 'Nothing has to be done.',
  };
}
