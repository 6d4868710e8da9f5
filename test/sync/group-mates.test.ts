import { describe, expect, it } from 'vitest';
import type { LiveListing } from '../../src/domain/listing.ts';
import { membersOf } from '../../src/domain/members.ts';
import type { Change, PlacementChange } from '../../src/domain/plan.ts';
import type { Outcome } from '../../src/domain/target.ts';
import { createGroupMates } from '../../src/sync/group-mates.ts';

type Standing = Readonly<Record<string, string | undefined>>;

const list = (...users: readonly string[]) => ({ kind: 'members' as const, members: membersOf(users) });

/** Listings by key, with the group of each in each environment, all held by alice. */
function liveOf(listings: Readonly<Record<string, Standing>>): Map<string, LiveListing> {
  return new Map(
    Object.entries(listings).map(([key, standing]) => [
      key,
      {
        key,
        owner: 'ours',
        archived: false,
        removed: false,
        placements: Object.entries(standing).map(([environment, group]) => ({
          id: `${key} ${environment}`,
          environment,
          seen: 'read' as const,
          on: true,
          who: list('alice'),
          waysIn: [],
          ...(group !== undefined && { group }),
        })),
      },
    ]),
  );
}

function change(key: string, environment: string, group: string | undefined, ...users: readonly string[]) {
  const after = { on: true, who: list(...users), ...(group !== undefined && { group }) };
  return { kind: 'placement', key, environment, after } as PlacementChange & Change;
}

const outcome = (result: Outcome['result']) => ({ change: 'any', result }) as Outcome;

/** `b production: alice bob` of everything. */
function held(live: ReadonlyMap<string, LiveListing>): readonly string[] {
  return [...live.values()].flatMap(({ key, placements }) =>
    placements.map(({ environment, who }) => {
      const users = who.kind === 'members' ? [...who.members.values()] : [];
      return `${key} ${environment}: ${users.join(' ')}`;
    }),
  );
}

const three = {
  a: { production: 'g', test: 'g' },
  b: { production: 'g' },
  c: { production: 'h' },
  d: { test: undefined },
};

describe('who shares a group', () => {
  it('has what it was written with, whoever it was written for', () => {
    const live = liveOf(three);
    expect(createGroupMates().landed(live, change('a', 'production', 'g', 'alice', 'bob'), outcome('done'))).toEqual(
      [],
    );
    // The change itself is for others to note.
    expect(held(live)).toEqual([
      'a production: alice',
      'a test: alice',
      'b production: alice bob',
      'c production: alice',
      'd test: alice',
    ]);
  });

  it('is read again where nobody knows whether it was written', () => {
    const live = liveOf(three);
    expect(createGroupMates().landed(live, change('a', 'production', 'g'), outcome('unanswered'))).toEqual(['b']);
    expect(held(live)).toEqual(held(liveOf(three)));
  });

  it.each(['failed', 'conflict', 'late', 'refused', 'pending'] as const)(
    'stays as it is when the write was %s',
    result => {
      const live = liveOf(three);
      expect(createGroupMates().landed(live, change('a', 'production', 'g', 'bob'), outcome(result))).toEqual([]);
      expect(held(live)).toEqual(held(liveOf(three)));
    },
  );

  it('is none of what is written as a list', () => {
    const live = liveOf(three);
    createGroupMates().landed(live, change('a', 'production', undefined, 'bob'), outcome('done'));
    expect(held(live)).toEqual(held(liveOf(three)));
  });

  it('counts from when it came, and until it left', () => {
    const live = liveOf(three);
    const mates = createGroupMates();
    mates.landed(live, change('c', 'production', 'g', 'bob'), outcome('done'));
    expect(held(live)).toContain('b production: bob');
    const moved = liveOf({ ...three, b: { production: 'h' }, c: { production: 'g' } });
    mates.landed(moved, change('a', 'production', 'g', 'carol'), outcome('done'));
    expect(held(moved)).toContain('b production: alice');
    expect(held(moved)).toContain('c production: carol');
  });

  it('is looked at anew after everything was read', () => {
    const mates = createGroupMates();
    mates.landed(liveOf(three), change('a', 'production', 'g', 'bob'), outcome('done'));
    mates.forget();
    const live = liveOf({ ...three, c: { production: 'g' } });
    mates.landed(live, change('a', 'production', 'g', 'bob'), outcome('done'));
    expect(held(live)).toContain('c production: bob');
  });
});
