import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../../src/lib/clock.ts';
import { createCheckout } from '../../../src/lib/git/checkout.ts';
import { createClone } from '../../../src/lib/git/clone.ts';
import type { GitDriver } from '../../../src/lib/git/driver.ts';
import { GitError } from '../../../src/lib/git/git-error.ts';
import { openDriver } from '../../../src/lib/git/open.ts';
import { type GitServer, openGitServer } from '../../support/git-server.ts';
import { tempFolder } from '../../support/temp-folder.ts';

const { signal } = new AbortController();
const env = { PATH: process.env.PATH, HOME: '/nonexistent' };

describe.each(['isomorphic', 'cli'] as const)('the driver %s against a real server', kind => {
  let server: GitServer;
  let driver: GitDriver;

  beforeAll(async () => {
    server = await openGitServer();
    server.commit({ 'flags/a.yaml': 'a: 1\n', 'flags/deep/b.yaml': 'b: 1\n', 'README.md': 'read me\n' });
  });
  afterAll(() => server.close());
  beforeEach(async () => {
    server.fault = { kind: 'none' };
    server.token = undefined;
    driver = await open();
  });

  function open(more: { token?: string; url?: string; ask?: number; fetch?: number } = {}): Promise<GitDriver> {
    const remote = { url: more.url ?? server.url, user: undefined, token: more.token };
    const limits = { ask: more.ask ?? 10_000, fetch: more.fetch ?? 10_000 };
    return openDriver({ driver: kind, remote, clock: systemClock, env, limits });
  }

  async function failure(work: Promise<unknown>): Promise<GitError> {
    const error = await work.then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(GitError);
    expect((error as GitError).problem.hint).not.toBe('');
    return error as GitError;
  }

  async function filesOf(folder: string, commit: string): Promise<Record<string, string>> {
    const reader = driver.open(folder);
    const entries = (await reader.tree(commit, 'flags', signal)) ?? [];
    const found: Record<string, string> = {};
    for await (const blob of reader.blobs(
      entries.map(({ id }) => id),
      1000,
      signal,
    )) {
      for (const { path, id } of entries) if (id === blob.id) found[path] = String(blob.bytes);
    }
    return found;
  }

  test('finds the default branch, branches, tags and full refs', async () => {
    const commit = server.git('rev-parse', 'HEAD');
    server.git('tag', '-f', '-a', '-m', 'a tag', 'v1');
    server.git('push', '-q', '-f', 'origin', 'v1');
    expect(await driver.tip(undefined, signal)).toEqual({ ref: 'refs/heads/main', commit });
    expect(await driver.tip('main', signal)).toEqual({ ref: 'refs/heads/main', commit });
    expect(await driver.tip('refs/heads/main', signal)).toEqual({ ref: 'refs/heads/main', commit });
    expect(await driver.tip('v1', signal)).toEqual({ ref: 'refs/tags/v1', commit });
    const missing = await failure(driver.tip('gone', signal));
    expect(missing.problem).toMatchObject({ code: 'git-ref-missing' });
    expect(missing.problem.message).toContain('no branch or tag "gone" (any more). Its default branch is main.');
  });

  test('clones, fetches what is new, and follows a history that was replaced', async () => {
    const folder = join(tempFolder(), 'clone');
    const first = await driver.clone(folder, await driver.tip('main', signal), 'full', signal);
    expect(await filesOf(folder, first.commit)).toEqual({ 'a.yaml': 'a: 1\n', 'deep/b.yaml': 'b: 1\n' });
    expect(await driver.open(folder).tree(first.commit, 'nowhere', signal)).toBeUndefined();
    expect(await driver.open(folder).tree(first.commit, 'flags/a.yaml', signal)).toBeUndefined();
    expect(await driver.open(folder).file(first.commit, 'README.md', signal)).toMatchObject({ kind: 'file' });
    expect(await driver.open(folder).file(first.commit, 'flags', signal)).toBeUndefined();

    const commit = server.commit({ 'flags/a.yaml': 'a: 2\n', 'flags/c.yaml': 'c: 1\n' });
    const second = await driver.fetch(folder, await driver.tip('main', signal), signal);
    expect(second.commit).toBe(commit);
    expect(await filesOf(folder, commit)).toEqual({ 'a.yaml': 'a: 2\n', 'c.yaml': 'c: 1\n', 'deep/b.yaml': 'b: 1\n' });
    expect(await driver.open(folder).descends(commit, first.commit)).toBe(true);

    server.git('reset', '-q', '--hard', 'HEAD~1');
    const forced = server.commit({ 'flags/a.yaml': 'a: 3\n' });
    await driver.fetch(folder, await driver.tip('main', signal), signal);
    expect(await filesOf(folder, forced)).toEqual({ 'a.yaml': 'a: 3\n', 'deep/b.yaml': 'b: 1\n' });
    expect(await driver.open(folder).descends(forced, commit)).toBe(false);

    server.git('checkout', '-q', '--orphan', 'other');
    const unrelated = server.commit({ 'flags/a.yaml': 'a: 4\n' });
    server.git('checkout', '-q', '-B', 'main', 'other');
    await driver.fetch(folder, await driver.tip('main', signal), signal);
    expect(await driver.open(folder).has(unrelated)).toBe(true);
    expect(await driver.open(folder).has('0'.repeat(40))).toBe(false);
  });

  test('a clone without history has the files', async () => {
    const folder = join(tempFolder(), 'clone');
    const { commit } = await driver.clone(folder, await driver.tip('main', signal), 'last', signal);
    expect(await filesOf(folder, commit)).toHaveProperty(['a.yaml']);
  });

  test('the token goes to its server; a refused one says what to do and is not shown', async () => {
    server.token = 'right-token-1234';
    const wrong = await open({ token: 'wrong-token-9876' });
    const refused = await failure(wrong.tip('main', signal));
    expect(refused.fault).toBe('access');
    expect(refused.problem.code).toBe('git-access');
    expect(JSON.stringify(refused.problem)).not.toContain('wrong-token-9876');
    expect((await failure(driver.tip('main', signal))).problem.code).toBe('git-access');
    const right = await open({ token: 'right-token-1234' });
    const folder = join(tempFolder(), 'clone');
    const { commit } = await right.clone(folder, await right.tip('main', signal), 'full', signal);
    expect(await right.open(folder).has(commit)).toBe(true);
    for (const file of readdirSync(folder, { recursive: true, withFileTypes: true })) {
      if (file.isFile())
        expect(readFileSync(join(file.parentPath, file.name), 'latin1')).not.toContain('right-token-1234');
    }
  });

  test('no repository, no server, a page, an error, a redirect: each says what to do', async () => {
    expect(
      (await failure((await open({ url: server.url.replace('flags', 'other') })).tip('main', signal))).problem.code,
    ).toBe('git-not-found');
    server.fault = { kind: 'garbage' };
    expect((await failure(driver.tip('main', signal))).fault).toBe('remote');
    server.fault = { kind: 'status', status: 503 };
    expect((await failure(driver.tip('main', signal))).fault).toBe('remote');
    const elsewhere = await openGitServer();
    const secret = await open({ token: 'a-token-for-one' });
    server.fault = { kind: 'redirect', to: new URL(elsewhere.url).origin };
    expect((await failure(secret.tip('main', signal))).problem.code).toBe('redirect-refused');
    expect(elsewhere.requests).toEqual([]);
    await elsewhere.close();
    server.fault = { kind: 'none' };
    await server.stop();
    expect((await failure(driver.tip('main', signal))).fault).toBe('remote');
    await server.start();
    await driver.tip('main', signal);
  });

  test('a server that never answers is given up in time; the caller may end it before', async () => {
    server.fault = { kind: 'stall' };
    const hasty = await open({ ask: 200 });
    expect((await failure(hasty.tip('main', signal))).problem.code).toMatch(/timeout/);
    const caller = new AbortController();
    const asked = driver.tip('main', caller.signal);
    caller.abort(new Error('enough'));
    await expect(asked).rejects.toThrow('enough');
  });

  test('an answer cut off or with wrong bytes is refused, and the next one is taken', async () => {
    const tip = await driver.tip('main', signal);
    const base = tempFolder();
    for (const fault of [{ kind: 'cut', bytes: 100 }, { kind: 'wrong' }] as const) {
      server.fault = fault;
      const error = await failure(driver.clone(join(base, fault.kind), tip, 'full', signal));
      expect(['remote', 'damaged']).toContain(error.fault);
    }
    server.fault = { kind: 'none' };
    const { commit } = await driver.clone(join(base, 'good'), tip, 'full', signal);
    expect(await driver.open(join(base, 'good')).has(commit)).toBe(true);
  });

  test('a clone survives what a crash leaves, and is made anew where it is damaged', async () => {
    const folder = tempFolder();
    const make = async () => {
      const clone = createClone({ folder, url: server.url, driver });
      await clone.open({ sweep: true });
      return clone;
    };
    const tip = await driver.tip('main', signal);
    const first = await make();
    await first.update(tip, signal);
    await first.keep(tip.commit);
    const [repository] = readdirSync(folder).filter(name => name.startsWith('repository-'));
    // A clone half-written, beside the one that counts.
    const half = join(folder, `repository-${'0'.repeat(8)}-0000-0000-0000-${'0'.repeat(12)}`);
    await driver.clone(half, tip, 'full', signal);
    writeFileSync(join(half, 'HEAD'), '');
    const second = await make();
    expect(existsSync(half)).toBe(false);
    expect(second.seen).toEqual(tip);
    expect(second.good).toBe(tip.commit);

    // A pack whose index was not finished.
    const packs = join(folder, String(repository), 'objects', 'pack');
    for (const name of readdirSync(packs)) if (name.endsWith('.idx')) writeFileSync(join(packs, name), 'half');
    expect(await second.reader()?.has(tip.commit)).toBe(false);
    second.distrust();
    await second.update(tip, signal);
    expect(await second.reader()?.has(tip.commit)).toBe(true);
    expect(second.good).toBe(tip.commit);
    expect(readdirSync(folder).filter(name => name.startsWith('repository-'))).toHaveLength(1);

    writeFileSync(join(folder, 'clone.json'), '{"version":1');
    const third = await make();
    expect(third.seen).toBeUndefined();
    await third.update(tip, signal);
    expect(third.seen).toEqual(tip);
  });

  test('a checkout follows from commit to commit: files, folders and links change places', async () => {
    const folder = tempFolder();
    const clone = createClone({ folder: join(folder, 'clone'), url: server.url, driver });
    await clone.open({ sweep: true });
    const tree = join(folder, 'tree');
    const wanted = (path: string) => path.endsWith('.yaml');
    const checkout = createCheckout({ folder: tree, path: 'flags', also: 'optoggles.yaml', wanted, limit: 1000 });
    const show = async () => {
      await clone.update(await driver.tip('main', signal), signal);
      const reader = clone.reader();
      if (reader === undefined || clone.seen === undefined) throw new Error('no clone');
      await checkout.update(reader, clone.seen.commit, signal);
      return readdirSync(tree, { recursive: true, withFileTypes: true })
        .filter(entry => !entry.isDirectory())
        .map(entry => {
          const full = join(entry.parentPath, entry.name);
          return `${full.slice(tree.length + 1)} ${entry.isSymbolicLink() ? `-> ${readlinkSync(full)}` : readFileSync(full).length}`;
        })
        .sort();
    };
    server.git('rm', '-q', '-r', '--', 'flags');
    server.commit({
      'flags/a.yaml': 'one\n',
      'flags/x/b.yaml': 'two\n',
      'flags/notes.md': 'n',
      'optoggles.yaml': 'c\n',
    });
    expect(await show()).toEqual(['flags/a.yaml 4', 'flags/x/b.yaml 4', 'optoggles.yaml 2']);
    server.commit({ 'flags/a.yaml': null, 'flags/x': null, 'flags/a.yaml/c.yaml': 'three', 'optoggles.yaml': null });
    server.commit({ 'flags/x': 'a file', 'flags/big.yaml': 'y'.repeat(5000) });
    expect(await show()).toEqual(['flags/a.yaml/c.yaml 5', 'flags/big.yaml 5000']);
    server.git('rm', '-q', '-r', '--', 'flags/a.yaml');
    server.git('config', 'core.symlinks', 'true');
    const link = server.git('rev-parse', 'HEAD:flags/notes.md');
    server.git('update-index', '--add', '--cacheinfo', `120000,${link},flags/link.yaml`);
    server.git('checkout', '-q', '--', '.');
    server.commit({});
    expect(await show()).toEqual(['flags/big.yaml 5000', 'flags/link.yaml -> n', 'flags/notes.md 1', 'flags/x 6']);
    server.git('rm', '-q', '-r', '--', 'flags');
    server.commit({});
    expect(await show()).toEqual([]);
    expect(existsSync(join(tree, 'flags'))).toBe(false);
  });
});

describe('the installed git', () => {
  test('speaks ssh, fetches only the contents that are asked for, and runs nothing of the repository', async () => {
    const server = await openGitServer();
    try {
      server.commit({ 'flags/a.yaml': 'old\n', 'big.bin': 'x'.repeat(100_000) });
      const commit = server.commit({ 'flags/a.yaml': 'new\n' });
      const folder = tempFolder();
      // An ssh that runs here what it is told to run there, and keeps how it was called.
      const ssh = join(folder, 'ssh');
      const calls = join(folder, 'calls');
      writeFileSync(ssh, `#!/bin/sh\necho "$@" >> ${calls}\nfor last; do :; done\nexec sh -c "$last"\n`, {
        mode: 0o755,
      });
      const driver = await openDriver({
        driver: 'cli',
        remote: { url: `deploy@host.example:${server.path}`, user: undefined, token: undefined },
        clock: systemClock,
        env: { ...env, GIT_SSH_COMMAND: ssh, GIT_DIR: '/nowhere', GIT_TRACE: '1' },
      });
      const tip = await driver.tip(undefined, signal);
      expect(tip).toEqual({ ref: 'refs/heads/main', commit });
      const clone = join(folder, 'clone');
      await driver.clone(clone, tip, 'full', signal);
      const has = (id: string) =>
        execFileSync('git', ['-C', clone, 'cat-file', '--batch-all-objects', '--batch-check'], {
          encoding: 'utf8',
          stdio: ['ignore', 'pipe', 'ignore'],
        }).includes(id);
      const wanted = server.git('rev-parse', 'HEAD:flags/a.yaml');
      const big = server.git('rev-parse', 'HEAD:big.bin');
      expect([has(commit), has(wanted), has(big)]).toEqual([true, false, false]);
      const reader = driver.open(clone);
      const entries = (await reader.tree(commit, 'flags', signal)) ?? [];
      const found: string[] = [];
      for await (const blob of reader.blobs(
        entries.map(({ id }) => id),
        1000,
        signal,
      ))
        found.push(String(blob.bytes));
      expect(found).toEqual(['new\n']);
      expect([has(wanted), has(big)]).toEqual([true, false]);
      expect(readFileSync(calls, 'utf8')).toMatch(/deploy@host\.example git-upload-pack/);
    } finally {
      await server.close();
    }
  });

  test('shows the token to nobody who looks at its arguments', async () => {
    const folder = tempFolder();
    const calls = join(folder, 'calls');
    writeFileSync(
      join(folder, 'git'),
      `#!/bin/sh\necho "$@" >> ${calls}\necho "fatal: secret-token-55 $GIT_CONFIG_VALUE_0" >&2\nexit 128\n`,
      { mode: 0o755 },
    );
    const driver = await openDriver({
      driver: 'cli',
      remote: { url: 'https://host.example/x.git', user: undefined, token: 'secret-token-55' },
      clock: systemClock,
      env: { PATH: `${folder}:${env.PATH}` },
    });
    const error = await driver.tip('main', signal).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(GitError);
    const encoded = Buffer.from('x-access-token:secret-token-55').toString('base64');
    for (const secret of ['secret-token-55', encoded]) {
      expect(readFileSync(calls, 'utf8')).not.toContain(secret);
      expect(JSON.stringify((error as GitError).problem)).not.toContain(secret);
    }
  });

  test('that is not installed is one error that says so', async () => {
    const remote = { url: 'https://host.example/x.git', user: undefined, token: undefined };
    const driver = await openDriver({ driver: 'cli', remote, clock: systemClock, env: { PATH: '/nonexistent' } });
    await expect(driver.tip('main', signal)).rejects.toMatchObject({ problem: { code: 'git-missing' } });
  });
});
