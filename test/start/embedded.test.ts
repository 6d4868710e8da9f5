import { cpSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { runOptoggles, startOptoggles } from '../support/program.ts';
import { tempFolder } from '../support/temp-folder.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const edits = 20;
/** ms, from the rename of the edited file to the rename of the flag file. */
const p95AtMost = 1_000;

interface Data {
  readonly users: Record<string, { country: string; plan: string; roles: string[] }>;
}

/** What `npm start` runs, in a folder of its own and on a free port. */
function example(): string {
  const folder = tempFolder();
  for (const path of ['optoggles.yaml', 'flags', 'examples/policy']) {
    mkdirSync(join(folder, path, '..'), { recursive: true });
    cpSync(join(root, path), join(folder, path), { recursive: true });
  }
  const config = join(folder, 'optoggles.yaml');
  const text = readFileSync(config, 'utf8');
  expect(text).toContain('bind: "127.0.0.1:8080"');
  writeFileSync(config, text.replace(':8080"', ':0"'));
  return folder;
}

it('says what it did, serves, follows every edit within a second, and has nothing to do the next time', async () => {
  const folder = example();
  const running = startOptoggles(folder, ['run']);
  const url = await running.url;

  expect(running.stdout).toMatch(/^us-feature\s+local\s+production\s+turn on\s+5\s+\+5\s+done$/m);
  expect(running.stdout).toMatch(/^bulk-delete\s+local\s+production\s+off\s+0 /m);
  expect(running.stdout).toMatch(/^ai-assistant\s+local\s+production\s+in-sync\s+0 /m);
  expect(await (await fetch(url)).text()).toContain('<title>OPToggles</title>');
  expect(await (await fetch(`${url}/health`)).json()).toMatchObject({
    status: 'ok',
    toggles: { 'in-sync': 10, off: 2 },
  });
  expect(await (await fetch(`${url}/metrics`)).text()).toContain(
    'optoggles_authorized_users{toggle="us-feature",target="local",environment="production"} 5',
  );

  const took: number[] = [];
  for (let edit = 0; edit < edits; edit++) took.push(await editOnce(folder, edit));
  const p95 = took.sort((a, b) => a - b)[Math.ceil(edits * 0.95) - 1] ?? Number.NaN;
  expect(p95).toBeLessThan(p95AtMost);

  // The last edit in each file put back what was there: one line of the log each time.
  await running.says('us-feature local production +1 −0');
  const grants = running.stderr.split('\n').filter(line => line.includes('us-feature local production +1 −0'));
  expect(grants).toHaveLength(edits / 4);

  // The last edit may still be on its way to the other environment.
  await expect
    .poll(async () => (await fetch(`${url}/health`)).json(), { timeout: 10_000 })
    .toMatchObject({ toggles: { 'in-sync': 10, off: 2, pending: 0 } });
  running.kill('SIGINT');
  expect((await running.ended).code).toBe(0);

  const before = ['production', 'test'].map(environment => outOf(folder, environment));
  const again = startOptoggles(folder, ['run']);
  await again.url;
  expect(again.stdout).toMatch(/^Nothing to do$/m);
  again.kill('SIGTERM');
  expect((await again.ended).code).toBe(0);
  expect(['production', 'test'].map(environment => outOf(folder, environment))).toEqual(before);
}, 60_000);

it('is valid, and its plan is empty after one apply', async () => {
  const folder = example();
  expect(await runOptoggles(folder, ['validate'])).toMatchObject({ code: 0, stdout: '6 files, 6 toggles, 0 errors\n' });
  expect((await runOptoggles(folder, ['apply'])).code).toBe(0);
  expect(await runOptoggles(folder, ['plan', '--detailed-exitcode'])).toMatchObject({ code: 0 });
});

/** Even edits are of the data, odd ones of a flag file. Resolves to the time from rename to rename (ms). */
async function editOnce(folder: string, edit: number): Promise<number> {
  const there = edit % 4 >= 2;
  if (edit % 2 === 0) {
    const file = join(folder, 'examples/policy/data.json');
    const data = JSON.parse(readFileSync(file, 'utf8')) as Data;
    (data.users.bob as Data['users'][string]).country = there ? 'US' : 'CA';
    return reaches(folder, file, JSON.stringify(data), () => members(folder, 'us-feature').includes('bob') === there);
  }
  const file = join(folder, 'flags/status-banner.yaml');
  const text = readFileSync(file, 'utf8');
  const edited = there ? text.replace('state: off\n', '') : `${text.trimEnd()}\nstate: off\n`;
  return reaches(folder, file, edited, () => members(folder, 'status-banner').length > 0 === there);
}

async function reaches(folder: string, file: string, text: string, there: () => boolean): Promise<number> {
  writeFileSync(`${file}.new`, text);
  const began = Date.now();
  renameSync(`${file}.new`, file);
  while (!there()) {
    if (Date.now() - began > 10_000) throw new Error(`${file} did not reach ${folder}/out`);
    await sleep(2);
  }
  return Date.now() - began;
}

/** Who has it in production, by the flag file alone. */
function members(folder: string, key: string): readonly string[] {
  const file = JSON.parse(readFileSync(join(folder, 'out/production.json'), 'utf8')) as {
    readonly flags: Record<string, { readonly targeting?: { readonly if: readonly [{ readonly $ref: string }] } }>;
    readonly $evaluators: Record<string, { readonly in: readonly [unknown, readonly string[]] }>;
  };
  const group = file.flags[key]?.targeting?.if[0].$ref;
  return group === undefined ? [] : (file.$evaluators[group]?.in[1] ?? []);
}

function outOf(folder: string, environment: string): object {
  const file = join(folder, `out/${environment}.json`);
  const { mtimeMs, ino } = statSync(file);
  return { text: readFileSync(file, 'utf8'), mtimeMs, ino };
}
