/**
 * `npm run bench`: all cases, a table on the terminal, and `bench/RESULTS.md`. With names (`npm run bench -- callback big`)
 * only those, and no page. Takes about ten minutes; nothing else should run on the machine.
 */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { availableParallelism, cpus, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';
import { installPeers, peers } from '../test/peers/install.ts';
import { bigCases, callbackCases } from './cases/callback.ts';
import { enduranceCase } from './cases/endurance.ts';
import { gitCase } from './cases/git.ts';
import { launchdarklyCases } from './cases/launchdarkly.ts';
import { opalCase } from './cases/opal.ts';
import { quietCases } from './cases/quiet.ts';
import { validateCase } from './cases/validate.ts';
import { verifyCase } from './cases/verify.ts';
import { renderPage, renderRow, type Row, type Surroundings } from './result.ts';

const CASES: Readonly<Record<string, (say: (row: Row) => void) => Promise<void>>> = {
  callback: callbackCases,
  quiet: quietCases,
  big: bigCases,
  opal: opalCase,
  endurance: enduranceCase,
  validate: validateCase,
  verify: verifyCase,
  launchdarkly: launchdarklyCases,
  git: gitCase,
};

const asked = process.argv.slice(2);
const unknown = asked.filter(name => !Object.hasOwn(CASES, name));
if (unknown.length > 0) {
  console.error(`There is no case ${unknown.join(', ')}. Cases: ${Object.keys(CASES).join(', ')}.`);
  process.exit(64);
}

await installPeers(line => console.error(line));
const rows: Row[] = [];
const notes: string[] = [];
for (const [name, run] of Object.entries(CASES)) {
  if (asked.length > 0 && !asked.includes(name)) continue;
  console.error(`\n${name}`);
  try {
    await run(row => {
      rows.push(row);
      console.error(`  ${renderRow(row)}`);
    });
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    console.error(error);
    notes.push(`\`${name}\` did not come to its end: ${(message.split('\n')[0] ?? '').slice(0, 160)}`);
  }
}

const page = renderPage(rows, surroundings(), notes);
console.log(page);
if (asked.length === 0) writeFileSync(fileURLToPath(new URL('RESULTS.md', import.meta.url)), page);
process.exitCode = notes.length === 0 ? 0 : 1;

function surroundings(): Surroundings {
  const git = (...args: string[]) => execFileSync('git', args, { encoding: 'utf8' }).trim();
  const changed = git('status', '--porcelain', '--', 'src') === '' ? '' : ' with changes';
  const opa = /^Version: (\S+)/m.exec(execFileSync(peers.opa, ['version'], { encoding: 'utf8' }))?.[1] ?? 'unknown';
  return {
    machine: `${availableParallelism()} cores of ${cpus()[0]?.model.trim() ?? 'unknown'}, ${Math.round(totalmem() / 2 ** 30)} GiB`,
    node: process.versions.node,
    opa,
    commit: git('rev-parse', '--short', 'HEAD') + changed,
    date: new Date().toISOString().slice(0, 10),
  };
}
