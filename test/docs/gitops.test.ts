import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, cpSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { startOptoggles } from '../support/program.ts';
import { tempFolder } from '../support/temp-folder.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const page = readFileSync(join(root, 'docs/gitops.md'), 'utf8');
const commands = [...page.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, text]) => text ?? '');
const shown = [...page.matchAll(/^```text optoggles plan\n([\s\S]*?)^```$/gm)].map(([, text]) => text ?? '');

/** A block of the page in one shell with those before it, or its own where `from` says so. */
async function shell(script: string, cwd: string, env: Readonly<Record<string, string>>): Promise<string> {
  const child = spawn('bash', ['-e', '-u', '-o', 'pipefail', '-c', script], {
    cwd,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  let errors = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text;
  });
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`exit ${code}\n${output}\n${errors}`);
  return output;
}

it('every command on the page does what the page says, in order, with git and Node alone', {
  timeout: 180_000,
}, async () => {
  const folder = tempFolder({
    'bin/optoggles': `#!/bin/sh\nexec "${process.execPath}" "${join(root, 'src/cli/main.ts')}" "$@"\n`,
  });
  chmodSync(join(folder, 'bin/optoggles'), 0o755);
  const env: Record<string, string> = {
    PATH: `${join(folder, 'bin')}:${process.execPath.replace(/\/node$/, '')}:${process.env.PATH ?? ''}`,
    HOME: folder,
    GIT_AUTHOR_NAME: 'Ada',
    GIT_AUTHOR_EMAIL: 'ada@example.com',
    GIT_COMMITTER_NAME: 'Ada',
    GIT_COMMITTER_EMAIL: 'ada@example.com',
    GIT_CONFIG_NOSYSTEM: '1',
    OPTOGGLES_LOG_LEVEL: 'error',
    REPOSITORY: join(folder, 'origin.git'),
    READ_TOKEN: 'read-token',
    ADMIN_TOKEN: 'admin-token',
  };
  await shell('git init --quiet --bare --initial-branch main origin.git', folder, env);
  const [init, look, push, pull, merge, server, snapshot, ...more] = commands;
  expect(more).toEqual([]);
  const repository = join(folder, 'acme-flags');

  await shell(init ?? '', folder, env);
  const looked = await shell(look ?? '', repository, env);
  const table = (text: string) =>
    text
      .trimEnd()
      .split('\n')
      .map(line => line.trimEnd());
  expect(shown).toHaveLength(1);
  for (const line of table(shown[0] ?? '')) expect(table(looked)).toContain(line);
  await shell(push ?? '', repository, env);
  const proposed = await shell(pull ?? '', repository, env);
  expect(proposed).toMatch(/beta-search\s+local\s+production\s+turn on\s+0 → 1\s+\+1/);
  expect(proposed).toMatch(/beta-search\s+local\s+test\s+turn on\s+0 → 1\s+\+1/);
  await shell(merge ?? '', repository, env);
  expect(existsSync(join(repository, 'out/production.json'))).toBe(true);
  expect(await shell('git log --format=%s -1 main', join(folder, 'origin.git'), env)).toBe('Merge beta-search\n');

  const instance = join(folder, 'instance');
  cpSync(repository, instance, { recursive: true, filter: path => !/\/(\.optoggles|out)$/.test(path) });
  const config = readFileSync(join(instance, 'optoggles.yaml'), 'utf8');
  const tokens = 'readTokens: [{ name: ci, token: read-token }]\nadminTokens: [{ name: deploy, token: admin-token }]\n';
  writeFileSync(join(instance, 'optoggles.yaml'), `${config}bind: "127.0.0.1:0"\n${tokens}`);
  const { url } = startOptoggles(instance, ['run']);
  const asked = await shell(server ?? '', repository, { ...env, SERVER: await url });
  expect(asked).toMatch(/0 changes written/);
  expect(await shell(snapshot ?? '', repository, env)).toMatch(/snapshot\.json: 0 audiences of 0 sources/);
});
