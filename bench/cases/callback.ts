import { pause } from '../clock.ts';
import { bigList, bigSet, type BenchPolicy, rulesOf, separateRules, sharedRules } from '../policies.ts';
import type { Row } from '../result.ts';
import { mb, median, ms, percentile } from '../stats.ts';
import { inWorld, type World } from '../world.ts';
import { timeToSend } from './send.ts';

interface Samples {
  readonly ours: number[];
  readonly opa: number[];
  readonly way: string;
}

/** In turn: change one fact, ask OPA ourselves, then send the callback and wait for the write. */
async function sample(
  world: World,
  rules: readonly string[],
  counts: { warm: number; samples: number },
  large: boolean,
): Promise<Samples> {
  const { ask, name } = await world.opa.cheapest(rules, large);
  const ours: number[] = [];
  const opa: number[] = [];
  for (let round = 0; round < counts.warm + counts.samples; round += 1) {
    const present = round % 2 === 0;
    await world.change(present);
    const alone = await ask();
    const took = await world.callbackToWrite(120_000);
    if (round >= counts.warm) {
      ours.push(took);
      opa.push(alone);
    }
    if (round === 0 || round === counts.warm + counts.samples - 1) await world.verify(present);
    // The write is there before the program has put its own books in order.
    await pause(5);
  }
  return { ours, opa, way: name };
}

function spread(samples: readonly number[]): string {
  return `p50 ${ms(median(samples))}, p95 ${ms(percentile(samples, 0.95))}`;
}

interface SmallCase {
  readonly name: string;
  readonly policy: () => BenchPolicy;
  readonly warm: number;
  readonly samples: number;
  readonly goal: string;
  readonly limit: (opa: number) => number;
  readonly before: string;
}

const SMALL: readonly SmallCase[] = [
  {
    name: '2 toggles, one changed',
    policy: () => separateRules(2),
    warm: 300,
    samples: 500,
    goal: 'p50 ≤ 2.5 ms',
    limit: () => 2.5,
    before: 'p50 2.3–2.7, p95 3.7–5 ms',
  },
  {
    name: '200 toggles, one changed',
    policy: () => separateRules(200),
    warm: 60,
    samples: 200,
    goal: 'p50 ≤ OPA + 5 ms',
    limit: opa => opa + 5,
    before: 'p50 95–150, p95 117–312 ms',
  },
  {
    name: '2,000 toggles on 20 shared policies, one changed',
    policy: () => sharedRules(2_000, 20),
    warm: 40,
    samples: 100,
    goal: 'p50 ≤ 1.5 × OPA',
    limit: opa => 1.5 * opa,
    before: '',
  },
  {
    name: '2,000 toggles on 2,000 rules, one changed',
    policy: () => separateRules(2_000),
    warm: 10,
    samples: 40,
    goal: 'p50 ≤ 1.5 × OPA',
    limit: opa => 1.5 * opa,
    before: '',
  },
];

/** Callback → write received for many small audiences. */
export async function callbackCases(say: (row: Row) => void): Promise<void> {
  for (const { name, policy: make, warm, samples, goal, limit, before } of SMALL) {
    const policy = make();
    const got = await inWorld(policy, world => sample(world, rulesOf(policy), { warm, samples }, false));
    say({
      name: `callback → write, ${name}`,
      measured: spread(got.ours),
      beside: `OPA ${spread(got.opa)} (${got.way})`,
      goal,
      met: median(got.ours) <= limit(median(got.opa)),
      before,
    });
  }
}

const BIG = [
  {
    users: 100_000,
    label: '100k users',
    shape: 'set rule',
    make: bigSet,
    warm: 3,
    samples: 15,
    before: '0.58 s (OPA 0.50 s), 45 MB',
  },
  {
    users: 100_000,
    label: '100k users',
    shape: 'list rule',
    make: bigList,
    warm: 5,
    samples: 25,
    before: '0.13 s (OPA 0.055 s)',
  },
  {
    users: 1_000_000,
    label: '1M users',
    shape: 'set rule',
    make: bigSet,
    warm: 1,
    samples: 5,
    before: '7.4 s (OPA 6.4 s), 308 MB',
  },
  {
    users: 1_000_000,
    label: '1M users',
    shape: 'list rule',
    make: bigList,
    warm: 3,
    samples: 15,
    before: '1.17 s (OPA 0.29 s)',
  },
] as const;

/** One toggle with a very large audience: time and peak memory. */
export async function bigCases(say: (row: Row) => void): Promise<void> {
  for (const { users, label, shape, make, warm, samples, before } of BIG) {
    const million = users >= 1_000_000;
    await inWorld(
      make(users),
      async world => {
        const got = await sample(world, ['big'], { warm, samples }, true);
        const memory = world.program.peakMemory();
        const sending = await timeToSend(world.sink.url, users);
        const limit = 1.15 * median(got.opa) + sending;
        say({
          name: `callback → write, one toggle of ${label}, ${shape}`,
          measured: `${spread(got.ours)}, ${mb(memory)} peak`,
          beside: `OPA ${spread(got.opa)} (${got.way}), sending the body ${ms(sending)}`,
          goal: million ? `p50 ≤ 1.15 × OPA + sending = ${ms(limit)}, ≤ 600 MB` : '',
          met: million ? median(got.ours) <= limit && memory <= 600e6 : undefined,
          before,
        });
      },
      { startMs: 600_000 },
    );
  }
}
