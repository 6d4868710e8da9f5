import { describe, expect, test } from 'vitest';
import { stepsOf } from './generate.ts';
import { regressions } from './regressions.ts';
import { type Setup, setupOf } from './setup.ts';
import { shrink } from './shrink.ts';
import { simulate } from './simulate.ts';
import type { Step } from './steps.ts';

/** Each run of the tests tells a few seeds; `npm run simulate` tells as many as wanted. */
const seeds = ['1', '2', '3'];
/** ms */
const patience = 180_000;

describe('the fault campaign', () => {
  test.each(seeds)(
    'seed %s',
    async seed => {
      const setup = setupOf(seed);
      const { wrong } = await simulate(setup, stepsOf(setup, 60));
      expect(wrong).toEqual([]);
    },
    patience,
  );

  const segments: Pick<Setup, 'platforms'> = {
    platforms: [
      { name: 't1', kind: 'launchdarkly', readable: true, marks: true, groups: true, environments: ['production'] },
    ],
  };

  test.each([
    ['', {}],
    [', also with LaunchDarkly', segments],
  ])(
    'a seed tells the same story twice, to the last byte%s',
    async (_, over) => {
      const setup = { ...setupOf('twice'), ...over };
      const story = async () => {
        const lines: string[] = [];
        const { trace } = await simulate(setup, stepsOf(setup, 30), line => lines.push(line));
        return { trace, lines };
      };
      const [first, second] = [await story(), await story()];
      expect(first.lines.length).toBeGreaterThan(300);
      expect(second.lines).toEqual(first.lines);
      expect(second.trace).toBe(first.trace);
    },
    patience,
  );

  test.each(regressions)(
    '$what',
    async ({ setup, steps }) => {
      const { wrong } = await simulate(setup, steps);
      expect(wrong).toEqual([]);
    },
    patience,
  );
});

describe('the judge', { timeout: patience }, () => {
  const setup = setupOf('judged');

  /** A program that does what it should not. */
  async function judged(steps: readonly Step[], spoil: Parameters<typeof simulate>[3]): Promise<readonly string[]> {
    return (await simulate(setup, steps, undefined, spoil)).wrong;
  }

  const wait: Step = { do: 'wait', after: 3_000 };
  const some = setup.toggles.find(({ state }) => state === 'on');
  const [platform] = setup.platforms;

  test('sees who is let in without an answer', async () => {
    const wrong = await judged([wait], world => {
      world.judge.sent(world.platforms[0] as (typeof world.platforms)[number], `${some?.key} production`, ['z']);
    });
    expect(wrong.join()).toContain('z is let in, and no answer said so');
  });

  test('sees who is taken out without an answer', async () => {
    const wrong = await judged([{ ...wait, after: 7_000 }], world => {
      world.judge.sent(world.platforms[0] as (typeof world.platforms)[number], `${some?.key} production`, []);
    });
    expect(wrong.join()).toContain(`${platform?.name} ${some?.key} production: it is taken from a`);
  });

  test('sees what does not come to agree', async () => {
    const wrong = await judged([wait], world => {
      for (const file of world.files.tree.values()) {
        // The files say so, and nobody is told: the last look was before.
        if (file !== 'broken' && world.running) void world.running.line.stop();
      }
      for (const side of world.sides.values()) for (const rule of side.rules.keys()) side.rules.set(rule, ['b']);
    });
    expect(wrong.join()).toContain('it ends with');
  });
});

test(
  'a failing story is made short',
  async () => {
    const setup = setupOf('short');
    const noise = stepsOf(setup, 12).filter(step => step.do === 'policy' || step.do === 'wait');
    const bad: Step = { do: 'callbacks', source: 'main', count: 1, forged: true, after: 0 };
    const steps = [...noise.slice(0, 3), bad, ...noise.slice(3)];
    const takesForged: Parameters<typeof simulate>[3] = world => {
      const forge = world.forge.bind(world);
      Object.assign(world, { forge: () => (forge(), world.judge.wrong('a forged callback is taken')) });
    };
    const short = await shrink(setup, steps, 'a forged callback is taken', 60, takesForged);
    expect(short).toEqual([bad]);
  },
  patience,
);
