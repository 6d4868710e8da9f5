import type { Audience, Source, Unchanged, Who } from '../domain/audience.ts';
import type { Live, LiveListing, LivePlacement } from '../domain/listing.ts';
import { type Members, membersOf, noMembers } from '../domain/members.ts';
import type { Block, Change, Plan } from '../domain/plan.ts';
import type { Target } from '../domain/target.ts';
import type { KeyedHash } from '../lib/keyed-hash.ts';

/** Turns sets of names into sets of hashes, each set once. */
export type HashMembers = (members: Members) => Members;

export function memberHasher(hash: KeyedHash): HashMembers {
  const known = new WeakMap<Members, Members>();
  return members => {
    if (members.size === 0) return noMembers;
    let hashed = known.get(members);
    if (hashed === undefined) {
      hashed = membersOf(
        Array.from(members.values(), name => hash.of(name)),
        true,
      );
      known.set(members, hashed);
    }
    return hashed;
  };
}

/** The source with hashes in the place of names. */
export function hashedSource(source: Source, hashed: HashMembers): Source {
  return {
    id: source.id,
    type: source.type,
    announces: source.announces,
    ...(source.looksItself !== undefined && { looksItself: source.looksItself }),
    readiness: (seen, signal) => source.readiness(seen, signal),
    async *resolve(asks, signal, look) {
      for await (const item of source.resolve(asks, signal, look)) yield hashedAnswer(item, hashed);
    },
    hints: (push, signal) => source.hints(push, signal),
    close: signal => source.close(signal),
  };
}

function hashedAnswer(item: Audience | Unchanged, hashed: HashMembers): Audience | Unchanged {
  if ('unchanged' in item) return item;
  if (item.state === 'defined') return { ...item, who: hashedWho(item.who, hashed) };
  if (item.state !== 'not-ready' || item.candidate === undefined) return item;
  return { ...item, candidate: hashedWho(item.candidate, hashed) };
}

/** The target as it is to be read and planned, with hashes in the place of names. It cannot be written so. */
export function hashedTarget(target: Target, hashed: HashMembers): Target {
  return {
    name: target.name,
    type: target.type,
    address: target.address,
    can: target.can,
    environments: target.environments,
    remoteEnvironment: environment => target.remoteEnvironment(environment),
    ...(target.place && { place: target.place.bind(target) }),
    ...(target.remoteKey && { remoteKey: target.remoteKey.bind(target) }),
    ...(target.read && { read: hashedRead(target.read.bind(target), hashed) }),
    shape: draft => target.shape(draft),
    apply() {
      throw new Error('a target with hashes in the place of names is never written');
    },
    close: () => target.close(),
  };
}

function hashedRead(read: NonNullable<Target['read']>, hashed: HashMembers): NonNullable<Target['read']> {
  return async (want, signal, onlyThese) => hashedLive(await read(want, signal, onlyThese), hashed);
}

function hashedLive({ listings, unreadable }: Live, hashed: HashMembers): Live {
  const found = listings.map((listing): LiveListing => {
    const placements = listing.placements.map(placement => hashedPlacement(placement, hashed));
    const { definition: _, ...rest } = listing;
    return { ...rest, placements };
  });
  return { listings: found, unreadable };
}

function hashedPlacement(placement: LivePlacement, hashed: HashMembers): LivePlacement {
  const { who, pending } = placement;
  return {
    ...placement,
    who: hashedWho(who, hashed),
    ...(pending && { pending: { ...pending, who: hashedWho(pending.who, hashed) } }),
  };
}

function hashedWho(who: Who, hashed: HashMembers): Who {
  return who.kind === 'members' ? { kind: 'members', members: hashed(who.members) } : who;
}

/** The plan as others may compare it: hashes in the place of whoever gains or loses something. */
export function hashedPlan(plan: Plan, hashed: HashMembers): Plan {
  const both = <Item extends Pick<Block, 'granted' | 'revoked'>>(item: Item): Item => {
    return { ...item, granted: hashed(item.granted), revoked: hashed(item.revoked) };
  };
  return {
    ...plan,
    changes: plan.changes.map((change): Change => (change.kind === 'placement' ? both(change) : change)),
    blocked: plan.blocked.map(both),
  };
}
