import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { unpackTar } from 'modern-tar';
import { tempFolder } from './temp-folder.ts';

const RELEASES = fileURLToPath(new URL('../state/releases', import.meta.url));

/** The forms of the state that an installation of is kept, oldest first: `form-1`, … */
export const releases: readonly string[] = readdirSync(RELEASES)
  .filter(name => name.endsWith('.tar.gz'))
  .map(name => name.slice(0, -'.tar.gz'.length))
  .sort((a, b) => Number(a.slice(5)) - Number(b.slice(5)));

/** The installation of that release, unpacked into a temporary folder. */
export async function releaseFolder(name: string): Promise<string> {
  const folder = tempFolder();
  const packed = readFileSync(join(RELEASES, `${name}.tar.gz`));
  for (const { header, data } of await unpackTar(gunzipSync(packed))) {
    const path = join(folder, header.name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, data ?? '', { mode: 0o600 });
  }
  return folder;
}

/** Every file below a folder with the hash of its content. Those of `but` are left out. */
export function contentsOf(folder: string, but: readonly string[] = []): Record<string, string> {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort();
  return Object.fromEntries(
    files
      .filter(path => !but.includes(path) && statSync(join(folder, path)).isFile())
      .map(path => [
        path,
        createHash('sha256')
          .update(readFileSync(join(folder, path)))
          .digest('hex'),
      ]),
  );
}
