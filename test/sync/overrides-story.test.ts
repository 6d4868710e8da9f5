import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { OverrideSubject } from '../../src/domain/override.ts';
import type { Change } from '../../src/domain/plan.ts';
import { createWorld, toggleOf, type World, type WorldOptions } from '../support/world.ts';

const problem = { code: 'out-of-order', message: 'It is out of order.', hint: 'Wait.' };
const keys = ['a', 'b', 'c'] as const;
const people = ['alice', 'bob', 'carol', 'dave', 'erin', 'frank'];

const subject: fc.Arbitrary<OverrideSubject> = fc.oneof(
  fc.record({ kind: fc.constant('deny' as const), member: fc.constantFrom(...people) }),
  fc.record({
    kind: fc.constant('off' as const),
    toggle: fc.constantFrom(...keys),
    environment: fc.constantFrom(null, 'production'),
  }),
  fc.constantFrom<OverrideSubject>(
    { kind: 'pause', what: 'source', name: 'opal' },
    { kind: 'pause', what: 'target', name: 'rest' },
    { kind: 'pause', what: 'toggle', name: 'a' },
    { kind: 'pause', what: 'toggle', name: 'b' },
  ),
);

type Op =
  | {
      readonly do: 'policy';
      readonly key: string;
      readonly users: readonly string[] | undefined;
      readonly told: boolean;
    }
  | { readonly do: 'source'; readonly is: 'down' | 'up' | 'empty' | 'whole' | 'slow' | 'quick' }
  | { readonly do: 'writes'; readonly are: 'done' | 'failed' | 'lost' | 'slow' }
  | { readonly do: 'file'; readonly key: string; readonly becomes: 'on' | 'off' | 'gone' | 'moved' | 'shared' }
  | { readonly do: 'say'; readonly subject: OverrideSubject; readonly time: number | null }
  | { readonly do: 'back'; readonly which: number }
  | { readonly do: 'restart' }
  | { readonly do: 'wait'; readonly ms: number };

const key = fc.constantFrom(...keys);
const op: fc.Arbitrary<Op> = fc.oneof(
  {
    weight: 5,
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
      is: fc.constantFrom(
        'down' as const,
        'up' as const,
        'empty' as const,
        'whole' as const,
        'slow' as const,
        'quick' as const,
      ),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('writes' as const),
      are: fc.constantFrom('done' as const, 'failed' as const, 'lost' as const, 'slow' as const),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('file' as const),
      key,
      becomes: fc.constantFrom('on' as const, 'off' as const, 'gone' as const, 'moved' as const, 'shared' as const),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('say' as const),
      subject,
      time: fc.constantFrom(null, null, 5_000, 60_000),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('back' as const), which: fc.nat(5) }) },
  { weight: 1, arbitrary: fc.constant({ do: 'restart' as const }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('wait' as const),
      ms: fc.constantFrom(0, 100, 2_100, 5_100, 17_000, 70_000),
    }),
  },
);

const shapes: [string, WorldOptions['targets']][] = [
  ['a target that can be read', [{ name: 'rest' }]],
  ['a target with groups', [{ name: 'rest', groups: { above: 2, back: 1 } }]],
  ['a target that cannot be read', [{ name: 'rest', readable: false, marks: false }]],
];

describe.each(shapes)('whatever happens to %s', (_, targets) => {
  test('what operators said holds, nothing else is written to what is paused, and taken back all agree', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(op, { minLength: 1, maxLength: 20 }), fc.boolean(), async (steps, strict) => {
        const world = createWorld({
          toggles: keys.map(one => toggleOf(one, { guard: { allowEmpty: !strict } })),
          targets: targets ?? [],
          guard: { ...(strict ? { alwaysAllowedRevocations: 1 } : { maxRevokedShare: 1 }), maxRemovedToggles: 1 },
        });
        const wrong = watch(world);
        for (const one of keys) world.policy(one, people.slice(0, 4));
        await world.start();
        for (const step of steps) await carryOut(world, step);

        // Only what keeps writes from coming through is put right: sources may be down, policies undefined.
        world.target.fault = () => undefined;
        await world.clock.advance(25_000);
        await hear(world);
        await world.clock.advance(25_000);
        const { denied, off } = world.line.overriding.current;
        for (const [name, who] of served(world)) {
          expect(who.filter(one => denied.has(one))).toEqual([]);
          if (off.has(name.slice(0, 1))) expect(who).toEqual([]);
        }
        expect(wrong).toEqual([]);

        world.store.resume(
          world.store.overrides(world.clock.now()).map(({ id }) => id),
          'oncall',
          world.clock.now(),
        );
        world.source.down = undefined;
        world.source.state = 'ready';
        world.source.before = () => {};
        for (const one of keys) if (!world.source.rules.get(`app.${one}`)) world.policy(one, people.slice(0, 4));
        await hear(world);
        await world.callback();
        for (const { id } of world.store.blocks())
          world.store.approve(id, 'oncall', Number.MAX_SAFE_INTEGER, world.clock.now());
        world.line.approved();
        await world.clock.advance(25_000);
        for (const { id } of world.store.blocks())
          world.store.approve(id, 'oncall', Number.MAX_SAFE_INTEGER, world.clock.now());
        world.line.approved();
        await world.clock.advance(25_000);
        expect(new Map(served(world))).toEqual(wanted(world));
        expect(wrong).toEqual([]);
        await world.line.stop();
      }),
      { numRuns: Number(process.env.SIMULATIONS ?? 60) },
    );
  }, 120_000);
});

async function hear(world: World): Promise<void> {
  world.line.overridden();
  await world.clock.advance(0);
}

/** Each write that starts: does it let in whom somebody denied, or touch what is paused for another reason? */
function watch(world: World): string[] {
  const wrong: string[] = [];
  const apply = world.target.apply.bind(world.target);
  Object.assign(world.target, {
    apply(batch: readonly Change[], signal: AbortSignal, mayStart: (change: Change) => boolean) {
      return apply(batch, signal, (change: Change) => {
        const may = mayStart(change);
        if (may) judge(world, change, wrong);
        return may;
      });
    },
  });
  return wrong;
}

function judge(world: World, change: Change, wrong: string[]): void {
  const { denied, paused } = world.line.overriding.current;
  const isPaused = paused.toggle.has(change.toggle) || paused.target.has('rest');
  if (change.kind !== 'placement') {
    if (isPaused) wrong.push(`${change.id} is paused`);
    return;
  }
  for (const member of change.granted.values()) if (denied.has(member)) wrong.push(`${change.id} lets ${member} in`);
  if (!isPaused) return;
  if (change.granted.size > 0) wrong.push(`${change.id} is paused and lets somebody in`);
  const others = [...change.revoked.values()].filter(member => !denied.has(member));
  if (change.after.on && others.length > 0) wrong.push(`${change.id} is paused and takes it from ${others.join()}`);
}

async function carryOut(world: World, step: Op): Promise<void> {
  const { clock, source, store } = world;
  switch (step.do) {
    case 'policy':
      world.policy(step.key, step.users);
      if (step.told) await world.callback();
      return;
    case 'source':
      if (step.is === 'down') source.down = problem;
      else if (step.is === 'up') source.down = undefined;
      else if (step.is === 'slow') source.before = () => clock.sleep(8_000);
      else if (step.is === 'quick') source.before = () => {};
      else if (step.is === 'empty') {
        source.instance = `${source.instance}'`;
        source.state = 'suspect';
      } else source.state = 'ready';
      return;
    case 'writes':
      world.target.fault = {
        done: () => undefined,
        failed: (change: Change) => ({
          change: change.id,
          result: 'failed' as const,
          problem,
          scope: 'change' as const,
        }),
        lost(change: Change) {
          if (world.target.listings.get(change.key)) world.target.put(change);
          return { change: change.id, result: 'unanswered' as const, problem };
        },
        async slow() {
          await clock.sleep(3_000);
          return undefined;
        },
      }[step.are];
      return;
    case 'file': {
      const more = {
        on: {},
        off: { state: 'off' as const },
        shared: { usersPolicy: toggleOf('a').usersPolicy },
        moved: { targets: { rest: { key: `${step.key}-2`, spec: {} } } },
        gone: undefined,
      }[step.becomes];
      if (more === undefined) world.toggles.delete(step.key);
      else world.toggles.set(step.key, toggleOf(step.key, { guard: { allowEmpty: true }, ...more }));
      world.line.rescan();
      return clock.advance(0);
    }
    case 'say': {
      const until = step.time === null ? null : clock.now() + step.time;
      store.override(step.subject, { until, by: 'oncall', reason: '' }, clock.now());
      return hear(world);
    }
    case 'back': {
      const one = store.overrides(clock.now())[step.which];
      if (one) store.resume([one.id], 'oncall', clock.now());
      return hear(world);
    }
    case 'restart': {
      const stopped = world.line.stop();
      await clock.advance(20_000);
      await stopped;
      const started = world.start();
      await clock.advance(2_000);
      return started;
    }
    case 'wait':
      await clock.advance(step.ms);
      return hear(world);
  }
}

function served(world: World): [string, readonly string[]][] {
  const all = [...world.target.listings.keys()].map(
    name => [name, world.target.members(name, 'production') ?? []] as const,
  );
  return all.filter(([, who]) => who.length > 0).map(([name, who]) => [name, [...who].sort()]);
}

function wanted(world: World): Map<string, readonly string[]> {
  const found = new Map<string, readonly string[]>();
  for (const { key: toggle, state, targets, usersPolicy } of world.toggles.values()) {
    const users = world.source.rules.get(`app.${usersPolicy.rule}`) as readonly string[];
    if (state === 'on' && users.length > 0) found.set(targets?.rest?.key ?? toggle, [...users].sort());
  }
  return found;
}
