import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Config, GitFlags } from '../../src/domain/config.ts';
import type { GoodDefinition } from '../../src/domain/state.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { silentLog } from '../../src/lib/log.ts';
import type { LoadedFlags } from '../../src/load/flags.ts';
import { createGitFlags, type GitFlagLoader } from '../../src/load/git-flags.ts';
import { sourceKinds, targetKinds } from '../../src/kinds.ts';
import { flagConfig } from '../support/flag-config.ts';
import { type GitServer, openGitServer } from '../support/git-server.ts';
import { configText } from '../support/project.ts';
import { tempFolder } from '../support/temp-folder.ts';

const kinds = { sources: sourceKinds, targets: targetKinds };

let server: GitServer;
let config: Config;
let good: readonly GoodDefinition[];
const open = new Set<GitFlagLoader>();

beforeEach(async () => {
  server = await openGitServer();
  config = flagConfig(tempFolder());
  good = [];
});
afterEach(async () => {
  for (const flags of open) await flags.close();
  open.clear();
  await server.close();
});

interface More {
  readonly git?: Partial<GitFlags>;
  readonly mode?: 'own' | 'borrow';
  readonly commit?: string;
}

function flagsOf({ git, mode = 'own', commit }: More = {}): GitFlagLoader {
  const flags = createGitFlags({
    config,
    git: {
      url: server.url,
      user: undefined,
      ref: undefined,
      path: 'flags',
      token: undefined,
      poll: 3_600_000,
      driver: 'isomorphic',
      webhookSecret: undefined,
      ...git,
    },
    kinds,
    mode,
    clock: systemClock,
    random: Math.random,
    log: silentLog,
    env: process.env,
    limits: { ask: 2_000, fetch: 5_000 },
    commit,
  });
  open.add(flags);
  return flags;
}

/** Loads as a pass does: what is good is kept for the next time. */
async function load(flags: GitFlagLoader): Promise<LoadedFlags> {
  const loaded = await flags.load(good);
  if (loaded.unreadable === undefined) good = loaded.good;
  return loaded;
}

/** Asks at once, and loads when there is news. */
async function follow(flags: GitFlagLoader): Promise<LoadedFlags> {
  const stop = new AbortController();
  await new Promise<void>(resolve => {
    void flags.watch(resolve, stop.signal);
    flags.poke();
  });
  stop.abort();
  return load(flags);
}

function flag(key: string, more = ''): string {
  const rest = 'name: N\nowner: o\ntype: permission\ncreated: 2026-11-01';
  return `key: ${key}\n${rest}\nusersPolicy: { source: other, package: app.rbac, rule: r }\ntargets: { rest: {} }\n${more}`;
}

const keys = ({ toggles }: LoadedFlags) => toggles.map(({ key }) => key);

describe('flags from a repository', () => {
  test('are those of the newest commit, with their places, and follow it', async () => {
    const first = server.commit({ 'flags/a.yaml': flag('a'), 'flags/x/b.yaml': flag('b'), 'other/c.yaml': 'no: flag' });
    const flags = flagsOf();
    const loaded = await load(flags);
    expect(keys(loaded)).toEqual(['a', 'b']);
    expect(loaded).toMatchObject({ commit: first, problems: [], files: 2 });
    expect(loaded.toggles[1]?.file).toBe('flags/x/b.yaml');
    expect(flags.state).toMatchObject({ state: 'ok', commit: first });

    const second = server.commit({ 'flags/a.yaml': flag('a', 'nme: typo\n'), 'flags/d.yaml': flag('d') });
    const then = await follow(flags);
    expect(then.commit).toBe(second);
    expect(keys(then)).toEqual(['a', 'b', 'd']);
    expect(then.problems[0]).toMatchObject({ at: { file: 'flags/a.yaml', line: 8, column: 1 } });
    expect(then.fingerprint).not.toBe(loaded.fingerprint);
    expect([...then.broken]).toEqual(['a']);

    // Nothing in it is about flags, but the targets are read again.
    server.commit({ 'README.md': 'hello' });
    expect((await follow(flags)).fingerprint).not.toBe(then.fingerprint);
  });

  test('a commit without the folder, or with a broken configuration, is held whole until the next good one', async () => {
    const first = server.commit({ 'flags/a.yaml': flag('a') });
    const flags = flagsOf();
    await load(flags);
    const gone = server.commit({ flags: null, 'moved/a.yaml': flag('a') });
    const held = await follow(flags);
    expect(held.unreadable).toMatchObject({ code: 'commit-held' });
    expect(held.unreadable?.message).toBe(
      `Commit ${gone.slice(0, 10)} is held: The flags folder flags does not exist. Commit ${first.slice(0, 10)} stays in force.`,
    );
    expect(held.unreadable?.hint).not.toBe('');
    expect(held).toMatchObject({ commit: first });
    expect(keys(held)).toEqual(['a']);
    expect(flags.state).toMatchObject({ state: 'held', commit: first });

    const text = configText();
    server.commit({ moved: null, 'flags/a.yaml': flag('a'), 'optoggles.yaml': text.replace('"acme"', '7') });
    const broken = await follow(flags);
    expect(broken.unreadable?.message).toContain('is held: "instance" must be text');
    expect(broken.unreadable?.at).toMatchObject({ file: 'optoggles.yaml' });
    expect(keys(broken)).toEqual(['a']);

    const right = server.commit({ 'optoggles.yaml': text, 'flags/b.yaml': flag('b') });
    const after = await follow(flags);
    expect(after.unreadable).toBeUndefined();
    expect(after).toMatchObject({ commit: right });
    expect(keys(after)).toEqual(['a', 'b']);
  });

  test('the last good commit stays in force across a restart, also without a network', async () => {
    const first = server.commit({ 'flags/a.yaml': flag('a') });
    const flags = flagsOf();
    await load(flags);
    server.commit({ flags: null });
    await follow(flags);
    await flags.close();
    await server.stop();
    const again = flagsOf();
    const loaded = await load(again);
    expect(keys(loaded)).toEqual(['a']);
    expect(loaded).toMatchObject({ commit: first });
    expect(loaded.unreadable?.message).toContain('is held');
    expect(loaded.problems.map(({ code }) => code)).toEqual(['unreachable']);
    expect(loaded.problems[0]?.message).toContain(`Commit ${first.slice(0, 10)} stays in force.`);

    await server.start();
    const right = server.commit({ 'flags/b.yaml': flag('b') });
    const after = await follow(again);
    expect(after).toMatchObject({ commit: right, problems: [] });
    expect(keys(after)).toEqual(['b']);
  });

  test('where nothing was ever read, nothing changes and the reason is given', async () => {
    good = [{ key: 'a', file: 'flags/a.yaml', text: flag('a') }];
    server.commit({ 'flags/a.yaml': flag('a') });
    await server.stop();
    const flags = flagsOf();
    const loaded = await load(flags);
    expect(loaded.unreadable).toMatchObject({ code: 'unreachable' });
    expect(loaded.commit).toBeUndefined();
    expect(keys(loaded)).toEqual(['a']);
    expect(loaded.present.has('a')).toBe(true);
    await server.start();
    expect((await follow(flags)).unreadable).toBeUndefined();
  });

  test('nothing of the first commit counts when it is held', async () => {
    server.commit({ 'flags/a.yaml': flag('a'), 'optoggles.yaml': 'version: 7\n' });
    const loaded = await load(flagsOf());
    expect(loaded.unreadable).toMatchObject({ code: 'commit-held' });
    expect(keys(loaded)).toEqual([]);
  });

  test('follows a forced push, a moved default branch and a branch that was away', async () => {
    server.commit({ 'flags/a.yaml': flag('a') });
    const flags = flagsOf();
    const named = flagsOf({ git: { ref: 'release' }, mode: 'borrow' });
    await load(flags);
    // What another ref left in the clone stays in force until this one can be read.
    expect((await load(named)).problems).toMatchObject([{ code: 'git-ref-missing' }]);
    server.git('checkout', '-q', '--orphan', 'fresh');
    server.commit({ 'flags/a.yaml': null, 'flags/b.yaml': flag('b') });
    expect(keys(await follow(flags))).toEqual(['b']);
    server.commit({ 'flags/c.yaml': flag('c') }, 'release');
    expect(keys(await follow(named))).toEqual(['b', 'c']);
    server.setDefault('release');
    expect(keys(await follow(flags))).toEqual(['b', 'c']);
  });

  test('an expired token, a slow and a broken answer keep what is in force, and say so once', async () => {
    server.token = 'a-good-token';
    const first = server.commit({ 'flags/a.yaml': flag('a') });
    const flags = flagsOf({ git: { token: 'a-good-token', user: 'bot' } });
    expect((await load(flags)).commit).toBe(first);
    server.token = 'another-token';
    const second = server.commit({ 'flags/b.yaml': flag('b') });
    const refused = await follow(flags);
    expect(refused).toMatchObject({ commit: first, problems: [{ code: 'git-access' }] });
    expect(refused.unreadable).toBeUndefined();
    expect(JSON.stringify(refused.problems)).not.toContain('a-good-token');
    expect(flags.state).toMatchObject({ state: 'failing', commit: first });
    server.token = 'a-good-token';
    for (const fault of [{ kind: 'stall' }, { kind: 'garbage' }, { kind: 'status', status: 500 }] as const) {
      server.fault = fault;
      const loaded = await follow(flags);
      expect(loaded).toMatchObject({ commit: first });
      expect(loaded.problems[0]?.message).toContain('stays in force');
    }
    server.fault = { kind: 'none' };
    expect(await follow(flags)).toMatchObject({ commit: second, problems: [] });
  });

  test('a clone damaged under it is made anew', async () => {
    const first = server.commit({ 'flags/a.yaml': flag('a') });
    const flags = flagsOf();
    await load(flags);
    await flags.close();
    const folder = join(config.stateDir, 'flags');
    const [name = ''] = readdirSync(folder).filter(one => one.startsWith('repository-'));
    const packs = join(folder, name, 'objects', 'pack');
    for (const pack of readdirSync(packs)) writeFileSync(join(packs, pack), 'damaged');
    const again = flagsOf();
    const loaded = await load(again);
    expect(loaded.unreadable?.message).toContain('is damaged');
    expect(keys(loaded)).toEqual(['a']);
    const after = await follow(again);
    expect(after).toMatchObject({ commit: first, problems: [] });
    expect(after.unreadable).toBeUndefined();
  });

  test('borrowing writes nothing into the state folder, and reads what is there', async () => {
    const first = server.commit({ 'flags/a.yaml': flag('a') });
    const alone = flagsOf({ mode: 'borrow' });
    expect(keys(await load(alone))).toEqual(['a']);
    expect(existsSync(config.stateDir)).toBe(false);
    const owner = flagsOf();
    await load(owner);
    const before = server.requests.filter(({ method, path }) => method === 'POST' && path.includes('upload-pack'));
    const beside = flagsOf({ mode: 'borrow' });
    expect(await load(beside)).toMatchObject({ commit: first });
    const after = server.requests.filter(({ method, path }) => method === 'POST' && path.includes('upload-pack'));
    // Only the question where the ref stands.
    expect(after.length - before.length).toBe(1);
  });

  test('a reviewed commit is taken though the branch went on', async () => {
    const first = server.commit({ 'flags/a.yaml': flag('a') });
    server.commit({ 'flags/b.yaml': flag('b') });
    const flags = flagsOf({ commit: first });
    expect(keys(await load(flags))).toEqual(['a']);
    const never = await load(flagsOf({ commit: '1'.repeat(40), mode: 'borrow' }));
    expect(never.unreadable?.message).toContain('is not in the repository any more');
  });

  test('links out of the folder show nothing, links inside are followed', async () => {
    server.commit({ 'flags/base.txt': flag('linked'), 'flags/a.yaml': flag('a'), 'secret.yaml': flag('secret') });
    for (const [path, target] of [
      ['flags/linked.yaml', 'base.txt'],
      ['flags/out.yaml', '../secret.yaml'],
      ['flags/etc.yaml', '/etc/passwd'],
    ] as const) {
      server.link(path, target);
    }
    server.commit({});
    const loaded = await load(flagsOf());
    expect(keys(loaded)).toEqual(['a', 'linked']);
    expect(loaded.problems.map(({ message }) => message)).toEqual([
      '"etc.yaml" is a link that leads out of the flags folder.',
      '"out.yaml" is a link that leads nowhere.',
    ]);
  });

  test('pushes of the ref that counts wake it', async () => {
    server.commit({ 'flags/a.yaml': flag('a') });
    const flags = flagsOf();
    await load(flags);
    expect(flags.pushed('refs/heads/main', undefined)).toBe(true);
    expect(flags.pushed('refs/heads/other', 'main')).toBe(false);
    expect(flags.pushed('refs/heads/new', 'new')).toBe(true);
    const named = flagsOf({ git: { ref: 'v1' }, mode: 'borrow' });
    expect(named.pushed('refs/tags/v1', 'main')).toBe(true);
    expect(named.pushed('refs/heads/main', 'main')).toBe(false);
  });
});
