import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Who } from '../../src/domain/audience.ts';
import type { Change, PlacementChange } from '../../src/domain/plan.ts';
import type { Outcome } from '../../src/domain/target.ts';
import { ProblemError } from '../../src/domain/problem.ts';
import { createWorld, toggleOf, type World, type WorldOptions } from '../support/world.ts';

const problem = { code: 'out-of-order', message: 'It is out of order.', hint: 'Wait.' };
const keys = ['a', 'b', 'c'] as const;
const people = ['alice', 'bob', 'carol', 'dave'];

type Op =
  | {
      readonly do: 'policy';
      readonly key: string;
      readonly users: readonly string[] | undefined;
      readonly told: boolean;
    }
  | { readonly do: 'source'; readonly is: 'down' | 'up' | 'empty' | 'whole' }
  | { readonly do: 'writes'; readonly fail: Fault }
  | { readonly do: 'file'; readonly key: string; readonly becomes: 'on' | 'off' | 'gone' | 'moved' | 'shared' }
  | { readonly do: 'restart' }
  | { readonly do: 'wait'; readonly ms: number };

/** `lost`: carried out, and nobody hears of it. `dropped`: not carried out, and nobody hears of it. */
type Fault = 'none' | 'failed' | 'lost' | 'dropped' | 'slow' | 'conflict' | 'full';

const key = fc.constantFrom(...keys);
const ops: fc.Arbitrary<Op> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('policy' as const),
      key,
      users: fc.option(fc.subarray(people), { nil: undefined, freq: 5 }),
      told: fc.boolean(),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('source' as const),
      is: fc.constantFrom('down' as const, 'up' as const, 'empty' as const, 'whole' as const),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('writes' as const),
      fail: fc.constantFrom<Fault>('none', 'failed', 'lost', 'dropped', 'slow', 'conflict', 'full'),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('file' as const),
      key,
      becomes: fc.constantFrom('on', 'off', 'gone', 'moved', 'shared', 'shared'),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ do: 'restart' as const }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('wait' as const),
      ms: fc.constantFrom(0, 1, 100, 600, 2_100, 5_100, 17_000, 70_000),
    }),
  },
);

/** Lets everything through: what is looked at here is not the guard. */
const open = {
  maxRevokedShare: 1,
  alwaysAllowedRevocations: 1_000,
  alwaysAllowedGrants: 1_000,
  maxRemovedToggles: 1,
};

const shapes: [string, WorldOptions['targets']][] = [
  ['a target that can be read', [{ name: 'rest' }]],
  ['a target that shows only what is asked for', [{ name: 'rest', marks: false }]],
  ['a target with groups', [{ name: 'rest', groups: { above: 2, back: 1 } }]],
  ['a target that cannot be read', [{ name: 'rest', readable: false, marks: false }]],
];

describe.each(shapes)('whatever happens to %s', (_, targets) => {
  test('nobody comes in or goes out but by an answer of a source that is whole, and in the end all agree', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(ops, { minLength: 1, maxLength: 25 }), async steps => {
        const world = createWorld({
          toggles: keys.map(one => toggleOf(one, { guard: { allowEmpty: true } })),
          targets: targets ?? [],
          guard: open,
        });
        const told = watch(world);
        for (const one of keys) world.policy(one, ['alice', 'bob']);
        await world.start();
        for (const step of steps) await carryOut(world, step);
        expect(told.wrong).toEqual([]);

        // Everything is put right again; somebody tells of the last policy, and from then on it may take 20 s.
        await carryOut(world, { do: 'writes', fail: 'none' });
        await carryOut(world, { do: 'source', is: 'up' });
        await carryOut(world, { do: 'source', is: 'whole' });
        for (const one of keys) {
          if (!world.source.rules.get(`app.${one}`)) world.policy(one, ['carol']);
        }
        await world.callback();
        await world.clock.advance(20_000);
        expect(told.wrong).toEqual([]);
        expect(served(world)).toEqual(wanted(world));
        await world.line.stop();
      }),
      { numRuns: Number(process.env.SIMULATIONS ?? 150) },
    );
  }, 120_000);
});

/** Looks at every write that is carried out: does it stand on an answer that was given just now by a whole source? */
function watch(world: World): { readonly wrong: string[] } {
  const wrong: string[] = [];
  const answers: Answer[] = [];
  const resolve = world.source.resolve.bind(world.source);
  Object.assign(world.source, {
    async *resolve(...args: Parameters<typeof resolve>) {
      for await (const item of resolve(...args)) {
        if (
          'state' in item &&
          item.state === 'defined' &&
          item.who.kind === 'members' &&
          world.source.state === 'ready'
        ) {
          answers.push({ rule: item.from.rule, at: world.clock.now(), users: listOf(item.who) });
        }
        yield item;
      }
    },
  });
  const apply = world.target.apply.bind(world.target);
  Object.assign(world.target, {
    apply(batch: readonly Change[], signal: AbortSignal, mayStart: (change: Change) => boolean) {
      return apply(batch, signal, (change: Change) => {
        const may = mayStart(change);
        if (may && change.kind === 'placement' && change.after.on) {
          if (
            !isStill(change) &&
            !answers.some(answer => world.clock.now() - answer.at <= 5_000 && stands(world, change, answer))
          ) {
            wrong.push(`${change.id}: ${listOf(change.after.who).join()}`);
          }
        }
        return may;
      });
    },
  });
  return { wrong };
}

interface Answer {
  readonly rule: string;
  readonly at: number;
  readonly users: readonly string[];
}

/** Nobody comes or goes: it leaves a group as it is. */
function isStill({ before, after, granted, revoked }: PlacementChange): boolean {
  return before.on === after.on && granted.size + revoked.size === 0;
}

/** It says what the answer says, or, under a key that the toggle left, takes from people what the answer takes. */
function stands(world: World, change: Change & PlacementChange, { rule, users }: Answer): boolean {
  // Its own rule, or the one that its file names; a file may be read only after the next answer.
  const policy = world.toggles.get(change.toggle)?.usersPolicy.rule ?? change.toggle;
  if (rule !== `app.${change.toggle}` && rule !== `app.${policy}` && rule !== 'app.a') return false;
  const after = listOf(change.after.who).join();
  const left = listOf(change.before.who).filter(user => users.includes(user));
  return after === users.join() || (change.granted.size === 0 && after === left.join());
}

function listOf(who: Who): readonly string[] {
  return who.kind === 'members' ? [...who.members.values()] : [];
}

async function carryOut(world: World, op: Op): Promise<void> {
  switch (op.do) {
    case 'policy':
      world.policy(op.key, op.users);
      if (op.told) await world.callback();
      return;
    case 'source':
      if (op.is === 'down') world.source.down = problem;
      else if (op.is === 'up') world.source.down = undefined;
      else if (op.is === 'empty') {
        world.source.instance = `${world.source.instance}'`;
        world.source.state = 'suspect';
      } else world.source.state = 'ready';
      return;
    case 'writes':
      world.target.fault = faultOf(world, op.fail);
      fill(world, op.fail === 'full');
      return;
    case 'file': {
      const { key: toggle } = op;
      if (op.becomes === 'gone') world.toggles.delete(toggle);
      else {
        const more = {
          on: {},
          off: { state: 'off' as const },
          // The policy of another toggle.
          shared: { usersPolicy: toggleOf('a').usersPolicy },
          moved: { targets: { rest: { key: `${toggle}-2`, spec: {} } } },
        }[op.becomes];
        world.toggles.set(toggle, toggleOf(toggle, { guard: { allowEmpty: true }, ...more }));
      }
      world.line.rescan();
      await world.clock.advance(0);
      return;
    }
    case 'restart': {
      const stopped = world.line.stop();
      await world.clock.advance(15_000);
      await stopped;
      const started = world.start();
      await world.clock.advance(2_000);
      return started;
    }
    case 'wait':
      await world.clock.advance(op.ms);
  }
}

const disks = new WeakMap<World, { isFull: boolean }>();

/** A full disk: from the first time on, the state asks whether there is room. */
function fill(world: World, isFull: boolean): void {
  const known = disks.get(world);
  if (known) {
    known.isFull = isFull;
    return;
  }
  const disk = { isFull };
  disks.set(world, disk);
  const { store } = world;
  const [intend, record, observed] = [store.intend.bind(store), store.record.bind(store), store.observed.bind(store)];
  const room = (): void => {
    if (disk.isFull) throw new ProblemError(problem);
  };
  Object.assign(store, {
    intend: (...args: Parameters<typeof intend>) => (room(), intend(...args)),
    record: (...args: Parameters<typeof record>) => (room(), record(...args)),
    observed: (...args: Parameters<typeof observed>) => (room(), observed(...args)),
  });
}

function faultOf(world: World, fault: Fault): World['target']['fault'] {
  switch (fault) {
    case 'none':
    case 'full':
      return () => undefined;
    case 'failed':
      return change => ({ change: change.id, result: 'failed', problem, scope: 'change' });
    case 'conflict':
      return change => ({ change: change.id, result: 'conflict', problem });
    case 'dropped':
      return change => ({ change: change.id, result: 'unanswered', problem });
    case 'lost':
      return (change): Outcome => {
        const listing = world.target.listings.get(change.key);
        if (listing) world.target.put(change);
        return { change: change.id, result: 'unanswered', problem };
      };
    case 'slow':
      return async () => {
        await world.clock.sleep(3_000);
        return undefined;
      };
  }
}

function served(world: World): Record<string, readonly string[]> {
  const found: Record<string, readonly string[]> = {};
  for (const [name] of world.target.listings) {
    const users = world.target.members(name, 'production') ?? [];
    if (users.length > 0) found[name] = users;
  }
  return sorted(found);
}

function wanted(world: World): Record<string, readonly string[]> {
  const found: Record<string, readonly string[]> = {};
  for (const { key: toggle, state, targets, usersPolicy } of world.toggles.values()) {
    const users = world.source.rules.get(`app.${usersPolicy.rule}`);
    if (state === 'on' && Array.isArray(users) && users.length > 0) {
      found[targets?.rest?.key ?? toggle] = [...(users as readonly string[])].sort();
    }
  }
  return sorted(found);
}

function sorted<T>(record: Record<string, T>): Record<string, T> {
  return Object.fromEntries(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)));
}
