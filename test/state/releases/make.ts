/**
 * Makes `NAME.tar.gz` beside this file: a small installation with a state folder, written by the program alone. To be run
 * once for each form of the state, before its release, and never again for the same form:
 *
 *     node test/state/releases/make.ts form-3 [src/cli/main.ts of the version that writes it]
 *
 * What is in it, and what has to become of it, is in test/state/releases.test.ts.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { packTar } from 'modern-tar';
import { writeFiles } from '../../support/temp-folder.ts';
import { broken, configuration, flag, lists } from './installation.ts';

const [name = '', main = fileURLToPath(new URL('../../../src/cli/main.ts', import.meta.url))] = process.argv.slice(2);
if (!/^form-\d+$/.test(name)) throw new Error('Name it form-N, as in: node test/state/releases/make.ts form-3');
const folder = mkdtempSync(join(tmpdir(), 'optoggles-release-'));

function run(code: number, ...args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...args], { cwd: folder, encoding: 'utf8' });
  if (status !== code) throw new Error(`${args.join(' ')} ended with ${status}:\n${stdout}\n${stderr}`);
  return stdout;
}

try {
  const flags = ['beta', 'closed', 'sturdy', 'gone', 'crowd', 'freed'];
  writeFiles(folder, { 'optoggles.yaml': configuration, 'audiences.yaml': lists.first });
  for (const key of flags) writeFiles(folder, { [`flags/${key}.yaml`]: flag(key) });
  run(0, 'apply');

  // Policy changes within the guard, a toggle is switched off, one is removed, the file of another one breaks.
  writeFiles(folder, {
    'audiences.yaml': lists.second,
    'flags/closed.yaml': flag('closed', 'state: off\n'),
    'flags/sturdy.yaml': broken,
  });
  rmSync(join(folder, 'flags/gone.yaml'));
  run(1, 'apply');

  // Two lists shrink: one is approved, the other waits.
  writeFiles(folder, { 'audiences.yaml': lists.third });
  run(1, 'apply');
  const plan = JSON.parse(run(1, 'plan', '--json', '-')) as {
    blocked: readonly { readonly id: string; readonly placements: readonly { readonly toggle: string }[] }[];
  };
  const freed = plan.blocked.find(({ placements }) => placements.some(({ toggle }) => toggle === 'freed'))?.id;
  if (plan.blocked.length !== 2) throw new Error(`blocked: ${JSON.stringify(plan.blocked)}`);
  run(0, 'approve', freed ?? '', '--by', 'oncall');
  run(1, 'apply');
  run(0, 'approve', '--source', 'lists', '--for', '1s', '--reason', 'moving tenants', '--by', 'oncall');

  forget(join(folder, '.optoggles', 'state.db'));
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter(path => statSync(join(folder, path)).isFile())
    .sort();
  const entries = files.map(path => {
    const body = readFileSync(join(folder, path));
    return { header: { name: path, size: body.length, mode: 0o600, mtime: new Date(0) }, body };
  });
  const packed = gzipSync(await packTar(entries), { level: 9 });
  writeFileSync(fileURLToPath(new URL(`${name}.tar.gz`, import.meta.url)), packed);
  console.log(`${name}.tar.gz: ${packed.length} bytes, ${files.length} files`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/** What only says where it was made. */
function forget(path: string): void {
  const db = new DatabaseSync(path);
  db.exec(`UPDATE meta SET value = json_set(value, '$.host', 'somewhere', '$.boot', 'some-boot') WHERE name = 'owner';
           VACUUM; PRAGMA wal_checkpoint(TRUNCATE)`);
  db.close();
}
