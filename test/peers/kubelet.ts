import { mkdirSync, readdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

let versions = 0;

/**
 * Brings a ConfigMap or Secret into a folder as the kubelet does: the files are links to a link to a folder, and an update
 * is the renaming of that one link (kubernetes/pkg/volume/util/atomic_writer.go).
 */
export function mountVolume(folder: string, files: Readonly<Record<string, string>>): void {
  mkdirSync(folder, { recursive: true });
  versions += 1;
  const version = `..2026_11_21_${String(versions).padStart(4, '0')}`;
  mkdirSync(join(folder, version));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, version, name), text, { mode: 0o440 });
  symlinkSync(version, join(folder, '..data_tmp'));
  renameSync(join(folder, '..data_tmp'), join(folder, '..data'));
  for (const name of Object.keys(files)) {
    if (!readdirSync(folder).includes(name)) symlinkSync(join('..data', name), join(folder, name));
  }
  for (const name of readdirSync(folder)) {
    const isOld = /^\.\.\d/.test(name) && name !== version;
    if (isOld || (!name.startsWith('..') && files[name] === undefined)) {
      rmSync(join(folder, name), { recursive: true, force: true });
    }
  }
}

/** Brings one file of a ConfigMap into place, as a `subPath` does. */
export function mountFile(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}
