import { readFileSync } from 'node:fs';
import { percentile } from '../stats.ts';
import type { SoakWorld } from './world.ts';

/** One second of the soak. Bytes, ms, counts. */
export interface Sample {
  /** Seconds since the changes began. */
  readonly at: number;
  readonly resident: number;
  readonly heap: number;
  readonly sockets: number;
  /** The event loop's delay since the sample before: the longest, and of 99 in 100. */
  readonly lagMax: number;
  readonly lagP99: number;
  readonly writes: number;
  /** From a change to the write that showed it, of those that settled since the sample before; NaN: none did. */
  readonly latencyP50: number;
  readonly latencyMax: number;
  readonly oldestRevocation: number;
  /** The machine's one-minute load: others may work on it too. */
  readonly load: number;
  /** '' outside of faults. */
  readonly fault: string;
}

export const COLUMNS = [
  'at',
  'resident',
  'heap',
  'sockets',
  'lagMax',
  'lagP99',
  'writes',
  'latencyP50',
  'latencyMax',
  'oldestRevocation',
  'load',
  'fault',
] as const satisfies readonly (keyof Sample)[];

/** Looks at the program from outside: /proc, and its own /metrics, whose event-loop figures start anew at each look. */
export async function takeSample(world: SoakWorld, at: number, fault: string): Promise<Sample> {
  const text = await (await fetch(`${world.url}/metrics`)).text();
  const metric = (name: string) => Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1]);
  const status = readFileSync(`/proc/${world.program.pid}/status`, 'utf8');
  const settled = world.latencies.splice(0);
  return {
    at,
    resident: Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024,
    heap: metric('nodejs_heap_size_used_bytes'),
    sockets: world.program.sockets(),
    lagMax: metric('nodejs_eventloop_lag_max_seconds') * 1e3,
    lagP99: metric('nodejs_eventloop_lag_p99_seconds') * 1e3,
    writes: world.target.counts.writes,
    latencyP50: percentile(settled, 0.5),
    latencyMax: percentile(settled, 1),
    oldestRevocation: world.model.oldestRevocation(),
    load: Number(readFileSync('/proc/loadavg', 'utf8').split(' ')[0]),
    fault,
  };
}

/** A line of the table for each sample. */
export function toCsv(samples: readonly Sample[]): string {
  const cell = (value: string | number) =>
    typeof value === 'string' ? `"${value}"` : Number.isNaN(value) ? '' : String(Math.round(value * 100) / 100);
  return `${[COLUMNS.join(','), ...samples.map(one => COLUMNS.map(name => cell(one[name])).join(','))].join('\n')}\n`;
}

/** Least squares: how much `value` grows in an hour. */
export function slopePerHour(samples: readonly Sample[], value: (sample: Sample) => number): number {
  const n = samples.length;
  const meanX = samples.reduce((sum, one) => sum + one.at, 0) / n;
  const meanY = samples.reduce((sum, one) => sum + value(one), 0) / n;
  const over = samples.reduce((sum, one) => sum + (one.at - meanX) * (value(one) - meanY), 0);
  const under = samples.reduce((sum, one) => sum + (one.at - meanX) ** 2, 0);
  return (over / under) * 3_600;
}
