import { createHmac } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openGitServer } from '../../test/support/git-server.ts';
import { now, pause } from '../clock.ts';
import { createFolder } from '../files.ts';
import { startProgram } from '../program.ts';
import type { Row } from '../result.ts';
import { mb, median, ms, percentile } from '../stats.ts';
import { freePort } from '../../test/support/free-port.ts';

const FILES = 2_000;
const COMMITS = 500;
const ROUNDS = 15;
const SECRET = 'bench';

/** From a push that the webhook tells of until the target's file has it: 2,000 flag files, 500 commits of history. */
export async function gitCase(say: (row: Row) => void): Promise<void> {
  const { folder, remove } = await createFolder();
  const server = await openGitServer();
  try {
    server.import(history());
    const port = await freePort();
    writeFileSync(join(folder, 'audiences.yaml'), JSON.stringify({ 'bench.all': ['alice', 'bob'] }));
    const config = join(folder, 'optoggles.yaml');
    writeFileSync(config, configOf(port, server.url));
    const began = now();
    const program = await startProgram(config, port, 120_000);
    const started = now() - began;
    try {
      const target = join(folder, 'out', 'production.json');
      const took: number[] = [];
      for (let round = 0; round < ROUNDS; round += 1) {
        server.commit({ 'flags/t00007.yaml': flag(7, `round ${round}`) });
        const at = now();
        await push(port);
        while (!readFileSync(target, 'utf8').includes(`round ${round}"`)) {
          if (now() - at > 20_000) throw new Error('the commit was not applied within 20 s');
          await pause(5);
        }
        took.push(now() - at);
      }
      const peak = program.peakMemory();
      const half = median(took);
      const most = percentile(took, 1);
      const setting = `${FILES.toLocaleString('en')} files, ${COMMITS} commits`;
      say({
        name: `git: poll to applied, ${setting}`,
        measured: `${ms(half)}, at most ${ms(most)}`,
        beside: '',
        goal: '< 1 s',
        met: most < 1_000,
        before: '',
      });
      say({
        name: `git: clone, first fill and memory, ${setting}`,
        measured: `${ms(started)} to started, ${mb(peak)} peak`,
        beside: '',
        goal: '< 300 MB',
        met: peak < 300e6,
        before: '',
      });
    } finally {
      await program.stop();
    }
  } finally {
    await server.close();
    await remove();
  }
}

function configOf(port: number, url: string): string {
  return `version: 1
instance: bench
bind: "127.0.0.1:${port}"
flags: { git: "${url}", poll: 1h, webhookSecret: ${SECRET} }
sources: [{ id: policy, type: static, path: audiences.yaml }]
targets: [{ name: local, type: flagd, path: "out/{environment}.json", environments: [production] }]
drift: { interval: 12h }
`;
}

function flag(index: number, name: string): string {
  const key = `t${String(index).padStart(5, '0')}`;
  return [
    `key: ${key}`,
    `name: ${name}`,
    'owner: bench',
    'type: permission',
    'created: 2026-01-01',
    'usersPolicy: { source: policy, package: bench, rule: all }',
    '',
  ].join('\n');
}

/** For `git fast-import`: all files first, then one changed file a commit. */
function history(): string {
  const parts: string[] = [];
  const data = (text: string) => `data ${Buffer.byteLength(text)}\n${text}\n`;
  for (let commit = 0; commit < COMMITS; commit += 1) {
    parts.push(`commit refs/heads/main\ncommitter A <a@example.com> ${1_700_000_000 + commit} +0000\n${data('c')}`);
    const changed = commit === 0 ? Array.from({ length: FILES }, (_, index) => index) : [(commit * 37) % FILES];
    for (const index of changed) {
      const text = flag(index, `commit ${commit}`);
      parts.push(`M 100644 inline flags/t${String(index).padStart(5, '0')}.yaml\n${data(text)}`);
    }
  }
  return parts.join('');
}

async function push(port: number): Promise<void> {
  const body = JSON.stringify({ ref: 'refs/heads/main', repository: { default_branch: 'main' } });
  const signature = `sha256=${createHmac('sha256', SECRET).update(body).digest('hex')}`;
  const headers = { 'x-github-event': 'push', 'x-hub-signature-256': signature };
  const answer = await fetch(`http://127.0.0.1:${port}/webhooks/github`, { method: 'POST', body, headers });
  if (answer.status !== 200) throw new Error(`the webhook was answered ${answer.status}`);
}
