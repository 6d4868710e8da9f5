import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pause } from '../clock.ts';
import { createFolder } from '../files.ts';
import { startLaunchDarkly } from '../launchdarkly.ts';
import { inLaunchDarklyWorld, type LaunchDarklyWorld, writeLaunchDarkly } from '../launchdarkly-world.ts';
import { bigSet, type BenchPolicy, separateRules, sharedRules } from '../policies.ts';
import { runOnce } from '../program.ts';
import type { Row } from '../result.ts';
import { mb, median, ms, percentile } from '../stats.ts';

const nothing = { beside: '', before: '' };

/** How many requests LaunchDarkly sees, and how long it takes until its SDK answers otherwise. */
export async function launchdarklyCases(say: (row: Row) => void): Promise<void> {
  await firstSync(say);
  await oneUser(say);
  await reading(say);
  await untilServed(say, '2 toggles, one changed', separateRules(2), { warm: 100, samples: 300 });
  await untilServed(say, 'one toggle of 5,000 users in a segment', bigSet(5_000), { warm: 30, samples: 150 });
}

async function firstSync(say: (row: Row) => void): Promise<void> {
  const policy = sharedRules(1_000, 20);
  await inLaunchDarklyWorld(policy, ['production', 'staging', 'test'], async world => {
    const { ms: took, counts } = world.first;
    say({
      name: 'LaunchDarkly: first sync of 1,000 toggles × 3 environments',
      measured: `${counts.writes} writes, ${counts.reads} reads, ${ms(took)} from the start of the program`,
      goal: '4,000 writes: one to make each flag, one for each environment',
      met: counts.writes <= 4_000,
      ...nothing,
    });
    const idle = await world.requestsOf(() => world.opal.callback());
    say({
      name: 'LaunchDarkly: a callback, nothing changed, 1,000 toggles × 3 environments',
      measured: `${idle.reads + idle.writes} requests`,
      goal: '0 requests',
      met: idle.reads + idle.writes === 0,
      ...nothing,
    });
  });
}

async function oneUser(say: (row: Row) => void): Promise<void> {
  const many = bigSet(1_100);
  const toggles = Array.from({ length: 500 }, (_, at) => ({ key: `t${String(at).padStart(5, '0')}`, rule: 'big' }));
  const policy = { ...many, toggles, changing: 't00499' };
  await inLaunchDarklyWorld(policy, ['production'], async world => {
    const { ms: took, counts } = world.first;
    const came = await world.requestsOf(() => changed(world, true));
    const went = await world.requestsOf(() => changed(world, false));
    say({
      name: 'LaunchDarkly: one user of a policy with 1,100 that 500 toggles share',
      measured: `${came.writes} write to let in, ${went.writes} to take out, ${came.reads + went.reads} reads`,
      beside: `first sync: ${counts.writes} writes, ${counts.reads} reads, ${ms(took)}`,
      goal: '1 write',
      met: came.writes === 1 && went.writes === 1,
      before: '',
    });
  });
}

async function changed(world: LaunchDarklyWorld, present: boolean): Promise<number> {
  await world.change(present);
  return world.callbackToAnswer(present, 60_000);
}

/** `plan` over an account of 10,000 flags of ours: everything is read. */
async function reading(say: (row: Row) => void): Promise<void> {
  const count = 10_000;
  const { folder, remove } = await createFolder();
  const launchDarkly = await startLaunchDarkly();
  try {
    const toggles = Array.from({ length: count }, (_, at) => ({ key: `t${String(at).padStart(5, '0')}`, rule: 'few' }));
    await launchDarkly.addFlags(toggles.map(({ key }) => key));
    await writeFile(join(folder, 'audiences.yaml'), JSON.stringify({ 'bench.few': ['alice', 'bob'] }));
    const source = { type: 'static', path: 'audiences.yaml' };
    await writeLaunchDarkly(folder, 0, source, launchDarkly, toggles, ['production', 'staging', 'test']);
    const { reads: before } = await launchDarkly.counts();
    const { ms: took, memory, code, output } = await runOnce(['plan', '--timeout', '5m'], folder);
    if (code !== 0) throw new Error(`plan ended with ${code}: ${output.slice(-500)}`);
    const { reads, writes } = await launchDarkly.counts();
    say({
      name: 'LaunchDarkly: reading 10,000 flags in 3 environments (optoggles plan)',
      measured: `${reads - before} requests, ${ms(took)}, ${mb(memory)} peak`,
      goal: '≤ 105 requests',
      met: reads - before <= 105 && writes === 0,
      ...nothing,
    });
  } finally {
    await launchDarkly.stop();
    await remove();
  }
}

/** In turn: change one fact, ask OPA ourselves, then send the callback and wait for the SDK's other answer. */
async function untilServed(
  say: (row: Row) => void,
  name: string,
  policy: BenchPolicy,
  counts: { readonly warm: number; readonly samples: number },
): Promise<void> {
  await inLaunchDarklyWorld(policy, ['production'], async world => {
    const rules = [...new Set(policy.toggles.map(({ rule }) => rule))];
    const { ask, name: way } = await world.opa.cheapest(rules, false);
    const ours: number[] = [];
    const opa: number[] = [];
    for (let round = 0; round < counts.warm + counts.samples; round += 1) {
      const present = round % 2 === 0;
      await world.change(present);
      const alone = await ask();
      const took = await world.callbackToAnswer(present, 60_000);
      if (round >= counts.warm) {
        ours.push(took);
        opa.push(alone);
      }
      // The answer is there before the program has put its own books in order.
      await pause(10);
    }
    const spread = (samples: readonly number[]) => `p50 ${ms(median(samples))}, p95 ${ms(percentile(samples, 0.95))}`;
    say({
      name: `LaunchDarkly: callback → the SDK’s changed answer, ${name}`,
      measured: spread(ours),
      beside: `OPA ${spread(opa)} (${way})`,
      goal: '',
      met: undefined,
      before: '',
    });
  });
}
