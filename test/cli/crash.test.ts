import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { project } from '../support/project.ts';
import { writeFiles } from '../support/temp-folder.ts';

const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));

it.each([
  ['an exception', `setTimeout(() => { throw new TypeError(text); }, 1500)`],
  [
    'a rejection',
    `setTimeout(() => void Promise.reject(Object.assign(new Error(text), { cause: new Error(text) })), 1500)`,
  ],
])('%s that nobody foresaw ends it with 1, a place and no secret', async (_, bug) => {
  const folder = project({ config: { adminTokens: [{ name: 'oncall', token: '${ADMIN}' }] } });
  writeFiles(folder, { 'bug.mjs': `const text = process.env.ADMIN + '\\n    at canary-member';\n${bug}\n` });
  const child = spawn(process.execPath, ['--import', join(folder, 'bug.mjs'), main, 'run'], {
    cwd: folder,
    env: { PATH: process.env.PATH ?? '', HOME: folder, ADMIN: 'canary-token-admin' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', chunk => (said += String(chunk)));
  const [code] = (await once(child, 'close')) as [number | null];
  expect(code).toBe(1);
  expect(said).toMatch(/internal error.*(TypeError|Error)\n {4}at .*bug\.mjs:\d+:\d+/);
  expect(said).not.toContain('canary');
});

it('goes on working where nobody reads what it writes any more', async () => {
  const folder = project();
  const child = spawn(process.execPath, [main, 'apply'], {
    cwd: folder,
    env: { PATH: process.env.PATH ?? '', HOME: folder },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  child.stdout.destroy();
  child.stderr.destroy();
  const [code] = (await once(child, 'exit')) as [number | null];
  expect(code).toBe(0);
  const written = JSON.parse(readFileSync(join(folder, 'out/production.json'), 'utf8')) as { flags: object };
  expect(Object.keys(written.flags)).toEqual(['beta']);
});
