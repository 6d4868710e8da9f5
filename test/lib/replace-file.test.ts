import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, renameSync } from 'node:fs';
import { chmod, mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { replaceFile } from '../../src/lib/replace-file.ts';

async function emptyFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'optoggles-replace-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

it('makes the file and its folders', async () => {
  const folder = await emptyFolder();
  const path = join(folder, 'a/b/c.json');
  expect(await replaceFile(path, 'new', undefined)).toBe(true);
  expect(await readFile(path, 'utf8')).toBe('new');
  expect(await readdir(join(folder, 'a/b'))).toEqual(['c.json']);
});

it('keeps the mode, whatever the umask', async () => {
  const path = join(await emptyFolder(), 'c.json');
  await writeFile(path, 'old');
  await chmod(path, 0o666);
  expect(await replaceFile(path, 'new', 'old')).toBe(true);
  expect((await stat(path)).mode & 0o777).toBe(0o666);
});

it.each([
  ['something else is there', 'theirs', 'old'],
  ['it was not there', 'theirs', undefined],
  ['it is gone', undefined, 'old'],
])('writes nothing when %s', async (_what, there, before) => {
  const folder = await emptyFolder();
  const path = join(folder, 'c.json');
  if (there !== undefined) await writeFile(path, there);
  expect(await replaceFile(path, 'new', before)).toBe(false);
  expect(await readFile(path, 'utf8').catch(() => undefined)).toBe(there);
  expect(await readdir(folder)).toEqual(there === undefined ? [] : ['c.json']);
});

it('leaves the old file, whole, when it breaks off before the rename', async () => {
  const folder = await emptyFolder();
  const path = join(folder, 'c.json');
  await writeFile(path, 'old');
  const crash = () => {
    throw new Error('power cut');
  };
  await expect(replaceFile(path, 'new', 'old', crash)).rejects.toThrow('power cut');
  expect(await readFile(path, 'utf8')).toBe('old');
  expect(await readdir(folder)).toEqual(['c.json']);
});

it('has the whole new text on disk before it takes the name', async () => {
  const path = join(await emptyFolder(), 'c.json');
  await writeFile(path, 'old');
  const text = 'x'.repeat(1_000_000);
  let seen = '';
  await replaceFile(path, text, 'old', (from, to) => {
    seen = readFileSync(from, 'utf8');
    renameSync(from, to);
  });
  expect(seen === text).toBe(true);
});

it('sweeps up what a killed process left, and nothing else', async () => {
  const folder = await emptyFolder();
  const path = join(folder, 'c.json');
  await writeFile(path, 'old');
  const library = new URL('../../src/lib/replace-file.ts', import.meta.url).href;
  const kill = `import { replaceFile } from ${JSON.stringify(library)};
    await replaceFile(${JSON.stringify(path)}, 'new', 'old', () => process.kill(process.pid, 'SIGKILL'));`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', kill], { stdio: 'ignore' });
  expect(await once(child, 'exit')).toEqual([null, 'SIGKILL']);
  const [left = ''] = (await readdir(folder)).filter(name => name !== 'c.json');
  expect(left).toMatch(/^\.c\.json\..+\.tmp$/);
  const others = ['.c.json.notes.tmp', left.replace('c.json', 'd.json'), left.slice(1)];
  for (const name of others) await writeFile(join(folder, name), '');

  // A write of this moment may be another process's.
  expect(await replaceFile(path, 'newer', 'old')).toBe(true);
  expect(await readdir(folder)).toContain(left);
  const old = new Date(Date.now() - 120_000);
  for (const name of [left, ...others]) await utimes(join(folder, name), old, old);
  expect(await replaceFile(path, 'newest', 'newer')).toBe(true);
  expect((await readdir(folder)).sort()).toEqual(['c.json', ...others].sort());
});
