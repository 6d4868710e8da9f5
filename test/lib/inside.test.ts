import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { pathInside, realPathInside } from '../../src/lib/inside.ts';

it.each([
  ['a/b.json', '/etc/app/a/b.json'],
  ['.', '/etc/app'],
  ['./a/../b', '/etc/app/b'],
  ['..a', '/etc/app/..a'],
  ['/etc/app/x', '/etc/app/x'],
  ['..', undefined],
  ['../app2/x', undefined],
  ['a/../../x', undefined],
  ['/etc/passwd', undefined],
])('%s is %s', (path, expected) => {
  expect(pathInside('/etc/app', path)).toBe(expected);
});

it('follows links while they stay inside, for what is not there yet too', async () => {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'optoggles-inside-')));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const config = join(folder, 'config');
  await mkdir(join(config, 'real'), { recursive: true });
  await writeFile(join(config, 'real/file'), '');
  await writeFile(join(folder, 'secret'), '');
  await symlink('real/file', join(config, 'link'));
  await symlink('../secret', join(config, 'out'));
  await symlink('..', join(config, 'up'));
  await symlink(config, join(folder, 'alias'));
  expect(await realPathInside(config, join(config, 'link'))).toBe(join(config, 'real/file'));
  expect(await realPathInside(config, join(config, 'real/new/file'))).toBe(join(config, 'real/new/file'));
  expect(await realPathInside(join(folder, 'alias'), join(folder, 'alias/link'))).toBe(join(config, 'real/file'));
  expect(await realPathInside(config, join(config, 'out'))).toBeUndefined();
  expect(await realPathInside(config, join(config, 'up/secret'))).toBeUndefined();
  expect(await realPathInside(config, join(config, 'up/new'))).toBeUndefined();
});
