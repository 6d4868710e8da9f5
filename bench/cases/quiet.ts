import { now, pause } from '../clock.ts';
import { rulesOf, separateRules, sharedRules } from '../policies.ts';
import type { Row } from '../result.ts';
import { median, ms } from '../stats.ts';
import { inWorld, type World } from '../world.ts';

const QUIET_MS = 1_000;

/** Waits until OPA was asked nothing for a second. Resolves to when the last question was seen, in ms of `now()`. */
async function untilQuiet(world: World): Promise<number> {
  let seen = await world.opa.questions();
  let last = now();
  while (now() - last < QUIET_MS) {
    await pause(10);
    const questions = await world.opa.questions();
    if (questions !== seen) last = now();
    seen = questions;
  }
  return last;
}

/** A callback, until nothing happens any more. */
async function lookOnce(world: World): Promise<{ questions: number; writes: number; ms: number }> {
  const questions = await world.opa.questions();
  const writes = world.sink.count();
  const began = now();
  await world.opal.callback();
  const last = await untilQuiet(world);
  return {
    questions: (await world.opa.questions()) - questions,
    writes: world.sink.count() - writes,
    ms: last - began,
  };
}

const BEFORE_IDLE: Readonly<Record<number, string>> = {
  2: '2 queries, 2 writes, 3 ms',
  200: '200 queries, 200 writes, 116 ms',
  2_000: '2,000 queries, 2,000 writes, 1.1 s',
};

const BEFORE_STORM: Readonly<Record<number, string>> = {
  2: '3,400–5,300 queries and writes, quiet after 2.6 s',
  200: '7,600 queries and writes, quiet after 4.2 s',
  2_000: '56,000 queries and writes, quiet after 33 s',
};

const SHAPES = [
  { name: '2 toggles', policy: () => separateRules(2), promised: false, idle: BEFORE_IDLE[2], storm: BEFORE_STORM[2] },
  {
    name: '200 toggles',
    policy: () => separateRules(200),
    promised: false,
    idle: BEFORE_IDLE[200],
    storm: BEFORE_STORM[200],
  },
  {
    name: '2,000 toggles on 20 shared policies',
    policy: () => sharedRules(2_000, 20),
    promised: true,
    idle: '',
    storm: '',
  },
  {
    name: '2,000 toggles on 2,000 rules',
    policy: () => separateRules(2_000),
    promised: true,
    idle: BEFORE_IDLE[2_000],
    storm: BEFORE_STORM[2_000],
  },
] as const;

/** Nothing changed: how much is asked and written; then a storm of callbacks in the same world. */
export async function quietCases(say: (row: Row) => void): Promise<void> {
  for (const shape of SHAPES) {
    await inWorld(
      shape.policy(),
      async world => {
        await untilQuiet(world);
        await lookOnce(world);
        const idle = await lookOnce(world);
        say({
          name: `nothing changed, ${shape.name}`,
          measured: `${idle.questions} queries, ${idle.writes} writes, ${ms(idle.ms)}`,
          beside: '',
          goal: '0 writes',
          met: idle.writes === 0,
          before: shape.idle ?? '',
        });
        const row = await storm(world, shape.name, idle.questions, shape.storm ?? '');
        say(shape.promised ? row : { ...row, goal: '', met: undefined });
      },
      { callbacksAtOnce: 50 },
    );
  }
}

/** 10,000 callbacks, 50 at a time, while one fact changes half way: passes are counted by OPA's questions. */
async function storm(world: World, toggles: string, perPass: number, before: string): Promise<Row> {
  const callbacks = 10_000;
  const questions = await world.opa.questions();
  const writes = world.sink.count();
  const began = now();
  let sent = 0;
  const sender = async () => {
    for (let index = sent++; index < callbacks; index = sent++) {
      if (index === callbacks / 2) await world.change(true);
      await world.opal.callback();
    }
  };
  await Promise.all(Array.from({ length: 50 }, sender));
  const over = now();
  const quiet = Math.max(0, (await untilQuiet(world)) - over);
  await world.verify(true);
  const asked = (await world.opa.questions()) - questions;
  const { ask } = await world.opa.cheapest(rulesOf(world.policy), false);
  const alone = median([await ask(), await ask(), await ask()]);

  const passes = asked / Math.max(1, perPass);
  return {
    name: `10,000 callbacks, 50 at a time, ${toggles}`,
    measured: `${asked} queries (${passes.toFixed(1)} passes), ${world.sink.count() - writes} writes, quiet ${ms(quiet)} after the last callback`,
    beside: `OPA alone ${ms(alone)}; the callbacks took ${ms(over - began)}`,
    goal: '≤ 4 passes, quiet after ≤ 200 ms',
    met: passes <= 4 && quiet <= 200,
    before,
  };
}
