/**
 * Loaded into the program with `--import`: on SIGUSR2 it writes what is alive after a garbage collection into the file
 * that OPTOGGLES_PROBE names. The program needs no hook of its own for that.
 */
import { renameSync, writeFileSync } from 'node:fs';

export interface Alive {
  /** process.getActiveResourcesInfo(), counted by name. */
  readonly resources: Readonly<Record<string, number>>;
  /** Bytes. */
  readonly heapUsed: number;
}

const file = process.env['OPTOGGLES_PROBE'];

process.on('SIGUSR2', () => {
  // Twice: what a finalizer lets go is only collected by the next one.
  globalThis.gc?.();
  setImmediate(() => {
    globalThis.gc?.();
    const resources: Record<string, number> = {};
    for (const name of process.getActiveResourcesInfo()) resources[name] = (resources[name] ?? 0) + 1;
    const alive: Alive = { resources, heapUsed: process.memoryUsage().heapUsed };
    if (file === undefined) return;
    writeFileSync(`${file}.new`, JSON.stringify(alive));
    renameSync(`${file}.new`, file);
  });
});
