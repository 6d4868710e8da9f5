import { systemClock } from '../../src/lib/clock.ts';
import { silentLog } from '../../src/lib/log.ts';
import { openState } from '../../src/state/store.ts';
import { toProblem } from '../../src/domain/problem.ts';
import { address } from '../support/state-changes.ts';

// Opens a state as a user who may not write it, and tells what it finds as JSON.
const [folder, access] = process.argv.slice(2) as [string, 'own' | 'share'];
let told: object;
try {
  const store = openState({ folder, instance: 'test', clock: systemClock, log: silentLog, access });
  const applied = [...store.applied(address).keys()];
  try {
    store.approve('b1', 'oncall', 100, 1);
    told = { applied, approved: true };
  } catch (error) {
    told = { applied, problem: toProblem(error) };
  }
  store.close();
} catch (error) {
  told = { problem: toProblem(error) };
}
process.stdout.write(JSON.stringify(told));
