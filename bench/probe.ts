/**
 * Loaded into the program under test with `--import`, so that it needs no hook of its own: answers what is alive in it
 * after a garbage collection, and ends it when the benchmark is gone.
 */
import { writeFileSync } from 'node:fs';

export interface Alive {
  /** process.getActiveResourcesInfo(), counted by name. */
  readonly resources: Readonly<Record<string, number>>;
  readonly heapUsed: number;
}

const memoryFile = process.env['OPTOGGLES_BENCH_MEMORY'];

process.on('message', () => {
  // Twice: what a finalizer lets go is only collected by the next one.
  globalThis.gc?.();
  setImmediate(() => {
    globalThis.gc?.();
    const resources: Record<string, number> = {};
    for (const name of process.getActiveResourcesInfo()) resources[name] = (resources[name] ?? 0) + 1;
    const alive: Alive = { resources, heapUsed: process.memoryUsage().heapUsed };
    process.send?.(alive);
  });
});
process.on('disconnect', () => process.exit());
process.channel?.unref();
if (memoryFile !== undefined) {
  process.on('exit', () => writeFileSync(memoryFile, String(process.resourceUsage().maxRSS * 1024)));
}
