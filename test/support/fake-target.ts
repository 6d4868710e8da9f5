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
    { metadata: JsonObject; removed: boolean; in: Map<string, { on: boolean; who: Who }> }
  >;
  /** Ids of the changes that arrived, in order. */
  readonly writes: string[];
  /** Ids of the changes that were carried out, in order. */
  readonly done: string[];
  reads: number;
  /** Decides about a change before it is carried out; undefined = carry it out. */
  fault: Fault;
  members(key: string, environment: string): readonly string[] | undefined;
}

export interface FakeTargetOptions {
  readonly readable?: boolean;
  readonly environments?: readonly string[];
  /** Without marks a read gives only what was asked for. */
  readonly marks?: boolean;
  /** Where it is; `fake <name>` unless told. */
  readonly address?: string;
}

export function createFakeTarget(name: string, options: FakeTargetOptions = {}): FakeTarget {
  const address = options.address ?? `fake ${name}`;
  const listings: FakeTarget['listings'] = new Map();

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
    if (change.kind === 'placement') listing.in.set(change.environment, change.after);
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
      groups: null,
      conditions: false,
      contextKinds: 'any',
      mostMembers: null,
      metadataAlone: true,
      onOff: true,
      archive: false,
      atomic: 'placement',
    },
    listings,
    writes: [],
    done: [],
    reads: 0,
    fault: () => undefined,
    members(key, environment) {
      const placement = listings.get(key)?.in.get(environment);
      if (!placement?.on || placement.who.kind !== 'members') return placement && [];
      return [...placement.who.members.values()];
    },
    remoteEnvironment: environment => environment,
    shape: ({ name: title, description, owner, type, spec, ...listing }) => ({
      listing: { ...listing, metadata: { title: title ?? listing.key, ...spec } },
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
        const placements = [...listing.in].map(([environment, { on, who }]): LivePlacement => {
          return { id: placementIdOf(address, environment, key), environment, seen: 'read', on, who, waysIn: [] };
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
