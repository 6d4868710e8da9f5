import { toProblem } from '../../src/domain/problem.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { silentLog } from '../../src/lib/log.ts';
import { openState } from '../../src/state/store.ts';
import { address, became, list, write } from '../support/state-changes.ts';

// Writes more than fits, and tells what the state looks like to itself after that.
const store = openState({
  folder: process.argv[2] as string,
  instance: 'test',
  clock: systemClock,
  log: silentLog,
  access: 'own',
});
store.applied(address);
const after = Array.from({ length: 20_000 }, (_, index) => `user-${index}`);
let problem: unknown;
try {
  store.record(address, [became(list('create', 'other')), became(write({ key: 'other', before: [], after }))], 20);
} catch (error) {
  problem = toProblem(error);
}
process.stdout.write(JSON.stringify({ applied: [...store.applied(address).keys()], problem }));
