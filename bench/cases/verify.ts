import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createFolder } from '../files.ts';
import { runOnce } from '../program.ts';
import type { Row } from '../result.ts';
import { mb, ms } from '../stats.ts';

const users = 100_000;
const toggles = 20;

/** `optoggles verify` over flagd: every member and 1,000 strangers of each toggle, asked of flagd's own engine. */
export async function verifyCase(say: (row: Row) => void): Promise<void> {
  for (const isShared of [true, false]) {
    const { folder, remove } = await createFolder();
    try {
      await write(folder, isShared);
      await run(folder, ['apply', '--timeout', '5m']);
      const { ms: took, memory, output } = await run(folder, ['verify', '--timeout', '5m']);
      const asked = /\((\d+) questions/.exec(output)?.[1];
      say({
        name: `optoggles verify over flagd: ${toggles} toggles of 100k users, ${isShared ? 'one policy' : 'a policy each'}`,
        measured: `${ms(took)}, ${asked} questions, ${mb(memory)} peak`,
        beside: '',
        goal: 'under 60 s',
        met: took < 60_000,
        before: '',
      });
    } finally {
      await remove();
    }
  }
}

async function run(folder: string, args: readonly string[]) {
  const done = await runOnce(args, folder);
  if (done.code !== 0) throw new Error(`${args[0]} ended with ${done.code}: ${done.output.slice(-500)}`);
  return done;
}

/** Lists of a static source; with a policy each, no two toggles have the same users. */
async function write(folder: string, isShared: boolean): Promise<void> {
  const config = {
    version: 1,
    instance: 'bench',
    bind: '127.0.0.1:0',
    sources: [{ id: 'policy', type: 'static', path: 'audiences.json' }],
    targets: [{ name: 'local', type: 'flagd', path: 'out/{environment}.json', environments: ['production'] }],
  };
  const lists: Record<string, string[]> = {};
  await mkdir(join(folder, 'flags'), { recursive: true });
  for (let toggle = 0; toggle < toggles; toggle += 1) {
    const rule = isShared ? 'all' : `r${toggle}`;
    lists[`bench.${rule}`] ??= Array.from({ length: users }, (_, at) => {
      return `user-${String(at * toggles + (isShared ? 0 : toggle)).padStart(8, '0')}`;
    });
    const flag = {
      key: `t${toggle}`,
      name: `Toggle ${toggle}`,
      owner: 'bench',
      type: 'permission',
      created: '2026-01-01',
      usersPolicy: { source: 'policy', package: 'bench', rule },
    };
    await writeFile(join(folder, 'flags', `t${toggle}.yaml`), JSON.stringify(flag));
  }
  await writeFile(join(folder, 'audiences.json'), JSON.stringify(lists));
  await writeFile(join(folder, 'optoggles.yaml'), JSON.stringify(config));
}
