import { readFileSync, renameSync } from 'node:fs';
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
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
