import { systemClock } from '../../src/lib/clock.ts';
import { silentLog } from '../../src/lib/log.ts';
import { openState } from '../../src/state/store.ts';
import { randomOps } from '../support/state-ops.ts';

// A process of its own that has a state and works on it step by step, until somebody kills it.
const [folder, seed, count] = process.argv.slice(2);
const store = openState({
  folder: folder as string,
  instance: 'test',
  clock: systemClock,
  log: silentLog,
  access: 'own',
});
const ops = randomOps(Number(seed), Number(count));

process.on('message', (step: number) => {
  ops[step]?.(store, step);
  process.send?.({ done: step });
});
process.on('disconnect', () => process.exit(0));
process.send?.({ open: true });
