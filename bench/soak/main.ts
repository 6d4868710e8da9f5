/**
 * `npm run soak` (30 minutes), `npm run soak -- 2` (2 minutes): 20 changes a second with faults, of a built world as in
 * `npm run bench`. Writes `bench/soak.svg` and, beside the working files, every sample as CSV. Exit 1 when the target does
 * not agree with policy at the end, somebody was taken out who should not, or something was left behind.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';
import { installPeers } from '../../test/peers/install.ts';
import { until } from '../../test/peers/until.ts';
import { now, pause } from '../clock.ts';
import { mb, ms, percentile } from '../stats.ts';
import { FAULTS } from './faults.ts';
import { plot } from './plot.ts';
import { type Sample, slopePerHour, takeSample, toCsv } from './sample.ts';
import { inSoakWorld, type SoakWorld } from './world.ts';

const CHANGES_PER_SECOND = 20;
/** Seconds: until the first fault; of a fault; from one fault to the next. */
const QUIET = 20;
const FAULT = 8;
const EVERY = 25;
/** ms that the target may need to agree once everything works again: what `docs/how-it-works.md` promises. */
const CONVERGED = 20_000;
/** Before the first second that counts, and ms without work before each look at what is alive. */
const WARM_CHANGES = 200;
const REST = 6_000;

const minutes = Number(process.argv[2] ?? 30);
if (!(minutes >= 1 && minutes <= 1_440)) {
  console.error('How many minutes? 1 to 1440, as in: npm run soak -- 30');
  process.exit(64);
}
const seconds = Math.round(minutes * 60);
/** Seconds that do not count for the memory's slope: until then the heap finds its size. */
const settling = seconds / 2;

interface Result {
  readonly samples: readonly Sample[];
  readonly changes: number;
  readonly faults: number;
  readonly convergedMs: number;
  readonly wronged: number;
  readonly heap: readonly [number, number];
  readonly sockets: readonly [number, number];
  readonly timers: readonly [number, number];
}

await installPeers(line => console.error(line));
const result = await inSoakWorld(1, soak);
const lines = summary(result);
const failures = judge(result);
const title = `OPToggles: ${minutes} minutes at ${CHANGES_PER_SECOND} changes a second, with faults`;
const work = fileURLToPath(new URL('../.work', import.meta.url));
mkdirSync(work, { recursive: true });
writeFileSync(`${work}/soak.csv`, toCsv(result.samples));
writeFileSync(fileURLToPath(new URL('../soak.svg', import.meta.url)), plot(result.samples, title, lines));
for (const line of [title, ...lines, ...failures.map(text => `FAILED: ${text}`)]) console.log(line);
process.exit(failures.length === 0 ? 0 : 1);

async function soak(world: SoakWorld): Promise<Result> {
  await until('a callback is registered', () => world.opal.callbacks.size > 0);
  await until('the target agrees', () => world.model.differing(world.target.held).length === 0);
  // Both looks at what is alive are at rest: work under way holds sockets and timers.
  await warmUp(world);
  const first = await leftBehind(world);
  const samples: Sample[] = [];
  const over = new AbortController();
  const began = now();
  const elapsed = () => (now() - began) / 1e3;
  let fault = '';
  let faults = 0;
  let changes = 0;

  async function change(): Promise<void> {
    while (!over.signal.aborted) {
      if (elapsed() * CHANGES_PER_SECOND < changes) await pause(5);
      else {
        changes += 1;
        await world.apply(world.model.change());
      }
    }
  }

  async function fail(): Promise<void> {
    await pause(QUIET * 1e3);
    // The last one is over well before the end.
    while (elapsed() + FAULT + 5 < seconds) {
      const next = FAULTS[faults % FAULTS.length];
      if (next === undefined) break;
      const at = now();
      fault = next.name;
      faults += 1;
      console.error(`${elapsed().toFixed(0)} s: ${fault}`);
      await next.begin(world);
      await pause(Math.max(0, FAULT * 1e3 - (now() - at)));
      await next.end(world);
      fault = '';
      await pause(Math.max(0, EVERY * 1e3 - (now() - at)));
    }
  }

  async function watch(): Promise<void> {
    for (let second = 0; second < seconds; second += 1) {
      await pause(Math.max(0, (second - elapsed()) * 1e3));
      samples.push(await takeSample(world, elapsed(), fault));
    }
    over.abort();
  }

  await Promise.all([change(), fail(), watch()]);
  const ended = now();
  await until('the target agrees at the end', () => world.model.differing(world.target.held).length === 0, {
    timeoutMs: CONVERGED * 3,
  }).catch(error => console.error(error));
  const convergedMs = now() - ended;
  await pause(REST);
  const last = await leftBehind(world);
  return {
    samples,
    changes,
    faults,
    convergedMs,
    wronged: world.target.counts.wronged,
    heap: [first.heap, last.heap],
    sockets: [first.sockets, last.sockets],
    timers: [first.timers, last.timers],
  };
}

async function warmUp(world: SoakWorld): Promise<void> {
  for (let count = 0; count < WARM_CHANGES; count += 1) {
    await world.apply(world.model.change());
    await pause(1e3 / CHANGES_PER_SECOND);
  }
  await pause(REST);
  world.latencies.splice(0);
}

/** What is alive after a garbage collection. */
async function leftBehind(world: SoakWorld): Promise<{ heap: number; sockets: number; timers: number }> {
  const { heapUsed, resources } = await world.program.alive();
  return { heap: heapUsed, sockets: world.program.sockets(), timers: resources['Timeout'] ?? 0 };
}

function summary({ samples, changes, faults, convergedMs, heap, sockets, timers }: Result): string[] {
  const warm = samples.filter(({ at }) => at > settling);
  const calm = samples.filter(({ fault }) => fault === '');
  const perHour = (of: (sample: Sample) => number) => {
    const slope = slopePerHour(warm, of);
    return `${slope < 0 ? '−' : '+'}${mb(Math.abs(slope))} an hour in the second half`;
  };
  const lag = samples.map(({ lagP99 }) => lagP99);
  const median = calm.map(({ latencyP50 }) => latencyP50).filter(Number.isFinite);
  return [
    surroundings(),
    `${changes.toLocaleString('en')} changes, ${samples.at(-1)?.writes.toLocaleString('en')} writes, ${faults} faults of ${FAULT} s (shaded); the target agreed ${ms(convergedMs)} after the last change`,
    `memory: resident ${perHour(one => one.resident)}; heap after a collection ${mb(heap[0])} → ${mb(heap[1])}`,
    `sockets ${sockets[0]} → ${sockets[1]}, timers ${timers[0]} → ${timers[1]}; event loop delay of 99 in 100: median ${ms(percentile(lag, 0.5))}, at worst ${ms(Math.max(...lag))}`,
    `change → write outside of faults: median ${ms(percentile(median, 0.5))}; the machine’s load ${Math.min(...samples.map(({ load }) => load)).toFixed(1)} to ${Math.max(...samples.map(({ load }) => load)).toFixed(1)}`,
  ];
}

function judge({ convergedMs, wronged, heap, sockets, timers, changes }: Result): string[] {
  const failures: string[] = [];
  if (convergedMs > CONVERGED) failures.push(`the target did not agree within ${ms(CONVERGED)}`);
  if (wronged > 0) failures.push(`${wronged} times somebody was taken out whom policy never took out`);
  if (changes < seconds * CHANGES_PER_SECOND * 0.9) failures.push('the changes did not come at their pace');
  if (heap[1] - heap[0] > 10e6) failures.push(`the heap grew by ${mb(heap[1] - heap[0])}`);
  if (sockets[1] > sockets[0] + 2) failures.push(`sockets: ${sockets[0]} → ${sockets[1]}`);
  if (timers[1] > timers[0] + 5) failures.push(`timers: ${timers[0]} → ${timers[1]}`);
  return failures;
}

function surroundings(): string {
  const git = (...args: string[]) => execFileSync('git', args, { encoding: 'utf8' }).trim();
  const changed = git('status', '--porcelain', '--', 'src') === '' ? '' : ' with changes';
  const processor = cpus()[0]?.model.trim() ?? 'unknown';
  const memory = Math.round(totalmem() / 2 ** 30);
  const date = new Date().toISOString().slice(0, 10);
  return `${date}, commit ${git('rev-parse', '--short', 'HEAD')}${changed}, ${availableParallelism()} cores of ${processor}, ${memory} GiB, Node ${process.versions.node}`;
}
