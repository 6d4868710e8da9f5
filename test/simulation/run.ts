/**
 * `npm run simulate -- --seeds 200`: tells the stories of so many seeds, on every core, and says which went wrong.
 * `--seed 7 --story` tells one of them, `--shrink` makes it short first.
 */
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { stepsOf } from './generate.ts';
import { setupOf } from './setup.ts';
import { shrink } from './shrink.ts';
import { simulate } from './simulate.ts';

interface Share {
  readonly seeds: readonly string[];
  readonly steps: number;
}

interface Told {
  readonly seed: string;
  readonly wrong: readonly string[];
}

async function tellAll({ seeds, steps }: Share, tell: (told: Told) => void): Promise<void> {
  for (const seed of seeds) {
    const setup = setupOf(seed);
    const { wrong } = await simulate(setup, stepsOf(setup, steps));
    tell({ seed, wrong });
  }
}

const tellEvery = 100;

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      seeds: { type: 'string', default: '200' },
      from: { type: 'string', default: '0' },
      steps: { type: 'string', default: '200' },
      workers: { type: 'string', default: String(availableParallelism()) },
      seed: { type: 'string' },
      shrink: { type: 'boolean', default: false },
      story: { type: 'boolean', default: false },
    },
  });
  const steps = Number(values.steps);
  if (values.seed !== undefined) return one(values.seed, steps, values);
  const from = Number(values.from);
  const seeds = Array.from({ length: Number(values.seeds) }, (_, at) => String(from + at));
  const workers = Number(values.workers);
  const begin = performance.now();
  const failed: Told[] = [];
  let done = 0;
  const tell = (told: Told): void => {
    done++;
    if (done % tellEvery === 0 && done < seeds.length)
      console.log(`${done} of ${seeds.length} told, ${failed.length} failed`);
    if (told.wrong.length === 0) return;
    failed.push(told);
    console.log(`seed ${told.seed}: ${told.wrong.slice(0, 3).join('; ')}`);
  };
  const shares = Array.from({ length: workers }, (_, at): Share => {
    return { seeds: seeds.filter((_, index) => index % workers === at), steps };
  });
  await Promise.all(workers === 1 ? shares.map(share => tellAll(share, tell)) : shares.map(share => work(share, tell)));
  const seconds = (performance.now() - begin) / 1000;
  const rate = Math.round((done * steps) / seconds);
  console.log(
    `${done} seeds of ${steps} steps, ${failed.length} failed, ${Math.round(seconds)} s, ${rate} steps a second`,
  );
  return failed.length === 0 && done === seeds.length ? 0 : 1;
}

/** One seed, short if wanted, as a story. */
async function one(seed: string, count: number, how: { shrink: boolean; story: boolean }): Promise<number> {
  const setup = setupOf(seed);
  let steps = stepsOf(setup, count);
  const { wrong } = await simulate(setup, steps);
  for (const what of wrong) console.log(what);
  const [first] = wrong;
  if (how.shrink && first !== undefined) {
    steps = await shrink(setup, steps, first);
    console.log(JSON.stringify(setup));
    for (const step of steps) console.log(JSON.stringify(step));
  }
  if (how.story) await simulate(setup, steps, line => console.log(line));
  return wrong.length === 0 ? 0 : 1;
}

function work(share: Share, tell: (told: Told) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL(import.meta.url), { workerData: share });
    worker.on('message', tell);
    worker.on('error', reject);
    worker.on('exit', code => (code === 0 ? resolve() : reject(new Error(`a worker ended with ${code}`))));
  });
}

if (isMainThread) process.exitCode = await main();
else await tellAll(workerData as Share, told => parentPort?.postMessage(told));
