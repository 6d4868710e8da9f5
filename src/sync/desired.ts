import type { Ask, AudienceId } from '../domain/audience.ts';
import { audienceIdOf, placementIdOf } from '../domain/identity.ts';
import type { Problem } from '../domain/problem.ts';
import type { DesiredListing, DesiredPlacement, Refusal } from '../domain/listing.ts';
import type { ListingDraft, Target } from '../domain/target.ts';
import type { Toggle, ToggleEnvironment } from '../domain/toggle.ts';

/** What git and the configuration want of one target, and what has to be asked for it. */
export interface Desired {
  readonly listings: readonly DesiredListing[];
  readonly refused: readonly Refusal[];
  readonly asks: ReadonlyMap<AudienceId, Ask>;
  /** Toggles whose file is there and cannot be used, not even an older one of it: left as the target has them. */
  readonly invalid: ReadonlySet<string>;
}

/** The name of the only environment of a target that names none, for a toggle that names none either. */
const nameless = 'default';

/**
 * Pure: toggles (sorted by key) × one target. `present` are the keys of all files, valid or not; `adoptAll` is implied
 * by OPToggles' old configuration.
 */
export function desiredFor(
  target: Target,
  toggles: readonly Toggle[],
  present: ReadonlySet<string>,
  adoptAll: boolean,
): Desired {
  const owners = new Map<string, string>();
  const listings: DesiredListing[] = [];
  const refused: Refusal[] = [];
  const asks = new Map<AudienceId, Ask>();
  for (const toggle of toggles) {
    const here = toggle.targets === undefined ? { spec: {} } : own(toggle.targets, target.name);
    if (here === undefined) continue;
    const plain = here.key ?? toggle.key;
    const key = target.remoteKey?.(plain, here.spec) ?? plain;
    const placements: DesiredPlacement[] = [];
    const asked: Ask[] = [];
    for (const environment of environmentsIn(target, toggle)) {
      const inFile: ToggleEnvironment = own(toggle.environments ?? {}, environment) ?? {};
      const policy = inFile.usersPolicy ?? toggle.usersPolicy;
      const audience = audienceIdOf(policy, toggle.contextKind);
      asked.push({ id: audience, policy, contextKind: toggle.contextKind });
      placements.push({
        id: placementIdOf(target.address, target.remoteEnvironment(environment), key),
        toggle: toggle.key,
        target: target.name,
        environment,
        // The file's `off` is for everywhere; an environment can only add to it.
        state: toggle.state === 'off' ? 'off' : (inFile.state ?? toggle.state),
        source: policy.source,
        audience,
        guard: toggle.guard,
      });
    }
    if (placements.length === 0) continue;
    const owner = owners.get(key);
    if (owner !== undefined) {
      refused.push({ toggle: toggle.key, target: target.name, key, problem: sameKey(key, owner) });
      continue;
    }
    owners.set(key, toggle.key);
    const shaped = target.shape(draftOf(toggle, target.name, key, adoptAll, here.spec, placements));
    if ('refused' in shaped) refused.push(shaped.refused);
    else {
      listings.push(shaped.listing);
      for (const ask of asked) asks.set(ask.id, ask);
    }
  }
  const known = new Set(toggles.map(toggle => toggle.key));
  return { listings, refused, asks, invalid: new Set([...present].filter(key => !known.has(key))) };
}

function sameKey(key: string, owner: string): Problem {
  return {
    code: 'same-remote-key',
    message: `The toggle ${owner} has the key ${key} in this target already.`,
    hint: 'Give one of the two another `key` under `targets` in its file.',
  };
}

/** Names come from files: `constructor` must not find what every object has. */
function own<T>(record: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(record, name) ? record[name] : undefined;
}

function environmentsIn(target: Target, toggle: Toggle): readonly string[] {
  const own = toggle.environments === undefined ? undefined : Object.keys(toggle.environments);
  if (target.environments.length === 0) return own === undefined ? [nameless] : own.slice(0, 1);
  return own === undefined ? target.environments : target.environments.filter(name => own.includes(name));
}

function draftOf(
  toggle: Toggle,
  target: string,
  key: string,
  adoptAll: boolean,
  spec: ListingDraft['spec'],
  placements: readonly DesiredPlacement[],
): ListingDraft {
  return {
    toggle: toggle.key,
    target,
    key,
    contextKind: toggle.contextKind,
    adopt: adoptAll || toggle.adopt,
    placements,
    spec,
    ...(toggle.name !== undefined && { name: toggle.name }),
    ...(toggle.description !== undefined && { description: toggle.description }),
    ...(toggle.owner !== undefined && { owner: toggle.owner }),
    ...(toggle.type !== undefined && { type: toggle.type }),
  };
}
