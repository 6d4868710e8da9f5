import type { Who } from '../../src/domain/audience.ts';
import { placementIdOf } from '../../src/domain/identity.ts';
import type { JsonObject } from '../../src/domain/json.ts';
import { noMembers } from '../../src/domain/members.ts';
import type { Change } from '../../src/domain/plan.ts';
import type { ListingRef, LiveListing, LivePlacement } from '../../src/domain/listing.ts';
import type { Outcome, Target } from '../../src/domain/target.ts';

type Fault = (change: Change) => Outcome | undefined | Promise<Outcome | undefined>;

/** A platform in memory, strict about what does not exist, with faults that a test sets. */
export interface FakeTarget extends Target {
  readonly listings: Map<
    string,
    {
      metadata: JsonObject;
      removed: boolean;
      in: Map<string, { readonly on: boolean; readonly who: Who; readonly group?: string }>;
    }
  >;
  /** Members by environment and name of the group. */
  readonly groups: Map<string, Who>;
  /** Ids of the changes that arrived, in order. */
  readonly writes: string[];
  /** Ids of the changes that were carried out, in order. */
  readonly done: string[];
  reads: number;
  /** Decides about a change before it is carried out; undefined = carry it out. */
  fault: Fault;
  members(key: string, environment: string): readonly string[] | undefined;
  /** Carries a placement's change out, whatever the faults say. */
  put(change: Change): void;
}

export interface FakeTargetOptions {
  readonly readable?: boolean;
  readonly environments?: readonly string[];
  /** Without marks a read gives only what was asked for. */
  readonly marks?: boolean;
  /** Where it is; `fake <name>` unless told. */
  readonly address?: string;
  /** Lists above that size are groups, which placements share that follow one audience. */
  readonly groups?: { readonly above: number; readonly back: number };
}

export function createFakeTarget(name: string, options: FakeTargetOptions = {}): FakeTarget {
  const address = options.address ?? `fake ${name}`;
  const listings: FakeTarget['listings'] = new Map();
  const groups: FakeTarget['groups'] = new Map();

  function whoIn(environment: string, { who, group }: { readonly who: Who; readonly group?: string }): Who {
    return group === undefined ? who : (groups.get(`${environment} ${group}`) ?? nobody);
  }

  function put(change: Change): void {
    if (change.kind !== 'placement') return;
    const { group, who } = change.after;
    if (group !== undefined) groups.set(`${change.environment} ${group}`, who);
    listings.get(change.key)?.in.set(change.environment, change.after);
  }

  function carryOut(change: Change): Outcome {
    const done: Outcome = { change: change.id, result: 'done' };
    const listing = listings.get(change.key);
    if (change.kind === 'create') {
      if (listing) return { ...done, existed: true };
      const closed = change.environments.map(one => [one, { on: false, who: nobody }] as const);
      listings.set(change.key, { metadata: change.metadata, removed: false, in: new Map(closed) });
      return done;
    }
    if (!listing) throw new Error(`${change.id}: there is no ${change.key}`);
    if (change.kind === 'placement') put(change);
    else {
      listing.metadata = change.metadata;
      listing.removed = change.kind === 'retire';
    }
    return done;
  }

  const target: FakeTarget = {
    name,
    type: 'fake',
    address,
    environments: options.environments ?? ['production'],
    can: {
      environments: 'many',
      marks: options.marks ?? true,
      groups: options.groups ?? null,
      conditions: false,
      contextKinds: 'any',
      mostMembers: null,
      metadataAlone: true,
      onOff: true,
      archive: false,
      atomic: 'placement',
    },
    listings,
    groups,
    put,
    writes: [],
    done: [],
    reads: 0,
    fault: () => undefined,
    members(key, environment) {
      const placement = listings.get(key)?.in.get(environment);
      const who = placement && whoIn(environment, placement);
      if (!placement?.on || who?.kind !== 'members') return placement && [];
      return [...who.members.values()];
    },
    remoteEnvironment: environment => environment,
    shape: ({ name: title, description, owner, type, spec, placements, ...listing }) => ({
      listing: {
        ...listing,
        metadata: { title: title ?? listing.key, ...spec },
        placements: placements.map(placement => ({
          ...placement,
          ...(options.groups && { groups: { shared: placement.audience.slice(0, 8), own: `own-${listing.key}` } }),
        })),
      },
    }),
    async *apply(batch, _signal, mayStart) {
      for (const change of batch) {
        if (!mayStart(change)) {
          yield { change: change.id, result: 'late' };
          continue;
        }
        target.writes.push(change.id);
        const outcome = (await target.fault(change)) ?? carryOut(change);
        if (outcome.result === 'done') target.done.push(change.id);
        yield outcome;
      }
    },
    async close() {},
  };
  if (options.readable === false) return target;
  return Object.assign(target, {
    async read(want: readonly ListingRef[] | 'managed') {
      target.reads++;
      const asked = want === 'managed' ? [] : want.map(({ key }) => key);
      const told = [...listings].filter(([key]) => target.can.marks || asked.includes(key));
      const found = told.map(([key, listing]): LiveListing => {
        const placements = [...listing.in].map(([environment, there]): LivePlacement => {
          const { on, group } = there;
          const who = whoIn(environment, there);
          const id = placementIdOf(address, environment, key);
          return { id, environment, seen: 'read', on, who, waysIn: [], ...(group !== undefined && { group }) };
        });
        return {
          key,
          owner: 'ours',
          archived: false,
          removed: listing.removed,
          metadata: listing.metadata,
          placements,
        };
      });
      return { listings: found, unreadable: [] };
    },
  });
}

const nobody: Who = { kind: 'members', members: noMembers };
