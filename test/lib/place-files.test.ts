import { mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { placeFiles } from '../../src/lib/place-files.ts';
import { tempFolder } from '../support/temp-folder.ts';

function namesIn(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort();
}

it('puts all files in their places, with their modes, and leaves nothing else', async () => {
  const folder = join(tempFolder(), 'new');
  await placeFiles(folder, [
    { path: 'a.json', text: 'secret', mode: 0o600 },
    { path: 'sub/folder/b.yaml', text: 'b' },
  ]);
  expect(namesIn(folder)).toEqual(['a.json', 'sub', 'sub/folder', 'sub/folder/b.yaml']);
  expect(readFileSync(join(folder, 'sub/folder/b.yaml'), 'utf8')).toBe('b');
  expect(statSync(join(folder, 'a.json')).mode & 0o777).toBe(0o600);
});

it('writes over nothing, not even a link that leads nowhere, and takes back what it placed', async () => {
  for (const inTheWay of ['file', 'folder', 'link']) {
    const folder = tempFolder({ 'sub/other': 'other' });
    const last = join(folder, 'sub/last');
    if (inTheWay === 'file') writeFileSync(last, 'mine');
    else if (inTheWay === 'folder') mkdirSync(last);
    else symlinkSync('nowhere', last);
    const files = ['first', 'sub/second', 'sub/last', 'sub/never'].map(path => ({ path, text: 'new' }));
    await expect(placeFiles(folder, files)).rejects.toMatchObject({ code: 'EEXIST' });
    expect(namesIn(folder)).toEqual(['sub', 'sub/last', 'sub/other']);
    if (inTheWay === 'file') expect(readFileSync(last, 'utf8')).toBe('mine');
  }
});
