import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { createWorld, plainGuard, toggleOf } from '../support/world.ts';

const problem = { code: 'out-of-order', message: 'It is out of order.', hint: 'Wait.' };
const everybody = Array.from({ length: 40 }, (_, index) => `u${String(index).padStart(2, '0')}`);

type Op =
  | { readonly do: 'policy'; readonly users: readonly string[] }
  | { readonly do: 'wait'; readonly ms: number }
  | { readonly do: 'restart' }
  | { readonly do: 'writes'; readonly fail: 'none' | 'lost' | 'dropped' | 'failed' };

const ops: fc.Arbitrary<Op> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('policy' as const),
      users: fc.shuffledSubarray(everybody, { minLength: 20 }),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.tuple(fc.nat({ max: 35 }), fc.integer({ min: 1, max: 6 })).map(([from, count]) => ({
      do: 'policy' as const,
      users: everybody.filter((_, at) => at < from || at >= from + count),
    })),
  },
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.constantFrom(1_000, 60_000, 200_000, 700_000) }),
  },
  { weight: 1, arbitrary: fc.constant({ do: 'restart' as const }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('writes' as const),
      fail: fc.constantFrom('none' as const, 'lost' as const, 'dropped' as const, 'failed' as const),
    }),
  },
);

test.each([[true], [false]])(
  'within any window nobody takes more away than the guard lets one plan (readable: %j)',
  async readable => {
    await fc.assert(
      fc.asyncProperty(fc.array(ops, { minLength: 2, maxLength: 20 }), async steps => {
        const world = createWorld({
          toggles: [toggleOf('beta')],
          targets: [{ name: 'rest', readable, marks: readable }],
        });
        world.policy('beta', everybody);
        await world.start();
        const begin = world.clock.now();
        /** Who was really in, from when on. */
        const history: { at: number; users: readonly string[] }[] = [{ at: begin, users: everybody }];
        const wrong: string[] = [];
        const look = (): void => {
          const users = world.target.members('beta', 'production') ?? [];
          if (history.at(-1)?.users.join() === users.join()) return;
          const since = world.clock.now() - plainGuard.window;
          const base = history.findLast(one => one.at <= since)?.users ?? everybody;
          const gone = base.filter(user => !users.includes(user)).length;
          if (gone > 5 && gone / base.length > 0.3)
            wrong.push(`${gone} of ${base.length} at ${world.clock.now() - begin}`);
          history.push({ at: world.clock.now(), users });
        };
        // At each write: later, the window has moved on.
        const apply = world.target.apply.bind(world.target);
        Object.assign(world.target, {
          async *apply(...args: Parameters<typeof apply>) {
            for await (const outcome of apply(...args)) {
              look();
              yield outcome;
            }
          },
        });
        for (const step of steps) {
          if (step.do === 'policy') {
            world.policy('beta', step.users);
            await world.callback();
          } else if (step.do === 'restart') await world.restart();
          else if (step.do === 'writes') {
            world.target.fault = change => {
              if (step.fail === 'none') return undefined;
              if (step.fail === 'failed') return { change: change.id, result: 'failed', problem, scope: 'change' };
              const listing = world.target.listings.get(change.key);
              // Where nothing can be read, nobody can count from what was written unheard.
              if (step.fail === 'lost' && readable && change.kind === 'placement')
                listing?.in.set(change.environment, change.after);
              return { change: change.id, result: 'unanswered', problem };
            };
          } else await world.clock.advance(step.ms);
        }
        expect(wrong).toEqual([]);
        await world.line.stop();
      }),
      { numRuns: Number(process.env.SIMULATIONS ?? 100) },
    );
  },
  120_000,
);
