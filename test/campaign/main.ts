/**
 * `npm run campaign`: the program as it is, real OPA (and real OPAL for every fifth seed), killed and cut off from its
 * peers by the schedule of each seed. `--seeds 50` (default 50), `--from 1`, `--main dist/cli/main.js` for a build,
 * `--story` to hear what happened.
 */
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { installPeers } from '../peers/install.ts';
import { runSchedule } from './run.ts';
import { scheduleOf } from './schedule.ts';
import { summary } from './summary.ts';

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '50' },
    from: { type: 'string', default: '1' },
    main: { type: 'string' },
    story: { type: 'boolean', default: false },
  },
});

await installPeers(line => console.error(line));
const first = Number(values.from);
const main = values.main === undefined ? undefined : resolve(values.main);
const results = [];
for (let seed = first; seed < first + Number(values.seeds); seed += 1) {
  const began = performance.now();
  const result = await runSchedule(scheduleOf(seed), { main });
  results.push(result);
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  const verdict = result.broken.length === 0 ? 'passed' : `BROKEN: ${result.broken[0]}`;
  console.log(`seed ${seed}: ${verdict} (${seconds} s, ${result.writes} writes)`);
  if (values.story || result.broken.length > 0) console.log(result.story.join('\n'));
}
console.log(summary(results));
process.exitCode = results.some(({ broken }) => broken.length > 0) ? 1 : 0;
