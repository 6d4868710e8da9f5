import { existsSync, lstatSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { systemClock } from '../../src/lib/clock.ts';
import { createCheckout } from '../../src/lib/git/checkout.ts';
import { createClone } from '../../src/lib/git/clone.ts';
import type { GitDriver } from '../../src/lib/git/driver.ts';
import { GitError } from '../../src/lib/git/git-error.ts';
import { createIsomorphicDriver } from '../../src/lib/git/isomorphic.ts';
import { type GitServer, openGitServer } from '../support/git-server.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { mutatedBytes } from './mutate.ts';
import { openRawServer, type RawServer } from './raw-server.ts';

const { signal } = new AbortController();
const files = { 'flags/a.yaml': 'a: 1\n', 'flags/deep/b.yaml': 'b: 1\n' };
let real: GitServer;
let between: RawServer;
let spoil: (body: Buffer) => Uint8Array = body => body;

beforeAll(async () => {
  real = await openGitServer();
  real.commit(files);
  between = await openRawServer();
  between.takeOver((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks);
      const { method = 'GET', url = '' } = request;
      const headers = { 'content-type': request.headers['content-type'] ?? 'application/octet-stream' };
      const sent = { method, headers, ...(method === 'POST' && { body }) };
      void fetch(`${new URL(real.url).origin}${url}`, sent).then(async answer => {
        const spoiled = spoil(Buffer.from(await answer.arrayBuffer()));
        response.writeHead(answer.status, { 'content-type': answer.headers.get('content-type') ?? '' });
        response.end(spoiled);
      });
    });
  });
});
afterAll(async () => {
  await between.close();
  await real.close();
});

function driver(limits = { ask: 3_000, fetch: 5_000 }): GitDriver {
  const url = `${between.url}/flags.git`;
  const remote = { url, user: undefined, token: 'canary-token-git' };
  const made = createIsomorphicDriver({ remote, clock: systemClock, limits, apart: false });
  onTestFinished(() => made.close());
  return made;
}

/** What a clone of `main` holds under `flags`, on disk; a GitError where it could not be had. */
async function cloned(git: GitDriver, folder: string): Promise<Record<string, string> | GitError> {
  try {
    const tip = await git.tip('main', signal);
    const repository = join(folder, 'repository');
    const { commit } = await git.clone(repository, tip, 'full', signal);
    const work = join(folder, 'work');
    const wanted = (): boolean => true;
    const checkout = createCheckout({ folder: work, path: 'flags', also: 'optoggles.yaml', wanted, limit: 1000 });
    await checkout.update(git.open(repository), commit, signal);
    return filesBelow(work);
  } catch (error) {
    expect(error).toBeInstanceOf(GitError);
    const { problem } = error as GitError;
    expect(problem.hint).toBeTruthy();
    expect(JSON.stringify(problem)).not.toContain('canary-token');
    return error as GitError;
  }
}

function filesBelow(folder: string, prefix = ''): Record<string, string> {
  const found: Record<string, string> = {};
  for (const name of readdirSync(join(folder, prefix))) {
    const path = join(prefix, name);
    const what = lstatSync(join(folder, path));
    if (what.isDirectory()) Object.assign(found, filesBelow(folder, path));
    else found[path] = what.isSymbolicLink() ? 'a link' : readFileSync(join(folder, path), 'utf8');
  }
  return found;
}

describe('a git server that somebody else runs', () => {
  it('gives what it has while nobody touches it', async () => {
    spoil = body => body;
    expect(await cloned(driver(), tempFolder())).toEqual(files);
  });

  it('gives exactly what was committed, or an error', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer(), fc.integer({ min: 0, max: 2 }), async (seed, which) => {
        let count = 0;
        spoil = body => {
          count += 1;
          if (count !== which + 1) return body;
          return fc.sample(mutatedBytes(body, 4), { seed, numRuns: 1 })[0] ?? body;
        };
        const got = await cloned(driver(), tempFolder());
        if (!(got instanceof GitError)) expect(got).toEqual(files);
      }),
      { numRuns: 60 },
    );
  });

  it.each<[string, () => Uint8Array]>([
    ['nothing', () => Buffer.alloc(0)],
    ['a line that says it is longer', () => Buffer.from('ffff# service=git-upload-pack\n')],
    ['lines of no length', () => Buffer.from('0004'.repeat(200_000))],
    ['a million refs', () => Buffer.from(refs(50_000))],
    [
      'a ref that leads out',
      () => Buffer.from(refLines(['refs/heads/../../../../evil', 'refs/heads/main\u0000/../..'])),
    ],
  ])('may answer with %s', async (_, body) => {
    spoil = body;
    const folder = tempFolder();
    expect(await cloned(driver(), folder)).toBeInstanceOf(GitError);
    expect(existsSync(join(dirname(folder), 'evil'))).toBe(false);
  });

  it('that sends more than fits is cut off', async () => {
    let sent = 0;
    const own = await openRawServer();
    onTestFinished(() => own.close());
    own.takeOver((_, response) => {
      response.writeHead(200, { 'content-type': 'application/x-git-upload-pack-advertisement' });
      const chunk = Buffer.alloc(1024 * 1024, '0004');
      const more = (): void => {
        while (!response.destroyed && response.write(chunk)) sent += chunk.length;
        sent += chunk.length;
        if (!response.destroyed) response.once('drain', more);
      };
      more();
    });
    const remote = { url: `${own.url}/flags.git`, user: undefined, token: undefined };
    const limits = { ask: 20_000, fetch: 20_000 };
    const git = createIsomorphicDriver({ remote, clock: systemClock, limits, apart: false });
    onTestFinished(() => git.close());
    await expect(git.tip('main', signal)).rejects.toBeInstanceOf(GitError);
    expect(sent).toBeLessThan(120e6);
  });

  it('whose push unpacks to more than fits here is cloned apart, and nothing waits for it', async () => {
    spoil = body => body;
    const remote = { url: `${between.url}/flags.git`, user: undefined, token: undefined };
    const limits = { ask: 15_000, fetch: 60_000 };
    const git = createIsomorphicDriver({ remote, clock: systemClock, limits });
    onTestFinished(() => git.close());
    const folder = tempFolder();
    const clone = createClone({ folder: join(folder, 'clone'), url: remote.url, driver: git });
    await clone.open({ sweep: true });
    await clone.update(await git.tip('main', signal), signal);
    const first = clone.seen;
    for (let version = 0; version < 10; version++) {
      real.commit({ ...files, 'large.bin': `${version}${'a'.repeat(8_000_000)}${version}` });
    }
    const tip = await git.tip('main', signal);
    const repository = readdirSync(join(folder, 'clone')).find(name => name.startsWith('repository-')) ?? '';
    const refused: unknown = await git.fetch(join(folder, 'clone', repository), tip, signal).catch(error => error);
    expect(refused).toMatchObject({ problem: { code: 'git-too-large' } });
    await clone.update(tip, signal);
    expect(clone.seen).toMatchObject({ commit: tip.commit });
    expect(clone.seen).not.toEqual(first);
    real.commit({ 'large.bin': null });
  }, 180_000);

  it('that never answers is given up', async () => {
    const own = await openRawServer();
    onTestFinished(() => own.close());
    own.takeOver(() => {});
    const remote = { url: `${own.url}/flags.git`, user: undefined, token: undefined };
    const limits = { ask: 200, fetch: 200 };
    const git = createIsomorphicDriver({ remote, clock: systemClock, limits, apart: false });
    onTestFinished(() => git.close());
    await expect(git.tip('main', signal)).rejects.toBeInstanceOf(GitError);
  });
});

describe('a commit that somebody made by hand', () => {
  const id = (text: string): string => real.git('hash-object', '-w', '-t', 'blob', '--', write(text));
  let blobs = 0;

  function write(text: string): string {
    blobs += 1;
    const folder = tempFolder({ [`blob-${blobs}`]: text });
    return join(folder, `blob-${blobs}`);
  }

  /** A tree object of these raw entries, whatever git thinks of them. */
  function tree(entries: readonly (readonly [mode: string, name: string, id: string])[]): string {
    const raw = Buffer.concat(
      entries.map(([mode, name, of]) => Buffer.concat([Buffer.from(`${mode} ${name}\0`), Buffer.from(of, 'hex')])),
    );
    const folder = tempFolder();
    writeFileSync(join(folder, 'tree'), raw);
    return real.git('hash-object', '-w', '-t', 'tree', '--literally', '--', join(folder, 'tree'));
  }

  function push(top: string): void {
    const commit = real.git('commit-tree', '-m', 'by hand', top);
    real.git('push', '-q', '--force', 'origin', `${commit}:refs/heads/main`);
  }

  it.each<[string, () => readonly (readonly [string, string, string])[]]>([
    ['a way up', () => [['100644', '..', id('x')]]],
    ['a folder that is a way up', () => [['40000', '..', tree([['100644', 'evil', id('x')]])]]],
    ['a name with slashes', () => [['100644', '../../evil', id('x')]]],
    ['an absolute name', () => [['100644', '/evil', id('x')]]],
    [
      'a repository of its own',
      () => [['40000', '.git', tree([['100644', 'config', id('[core]\n\tpager = evil\n')]])]],
    ],
    [
      'a name twice',
      () => [
        ['100644', 'a.yaml', id('one')],
        ['100644', 'a.yaml', id('two')],
      ],
    ],
    [
      'a link through which another file goes out',
      () => [
        ['120000', 'a', id('/tmp')],
        ['40000', 'a', tree([['100644', 'optoggles-evil', id('x')]])],
      ],
    ],
    ['a link to a file of the host', () => [['120000', 'a.yaml', id('/etc/passwd')]]],
    ['a name that is too long', () => [['100644', 'a'.repeat(5000), id('x')]]],
    ['a mode that nobody knows', () => [['777777', 'a.yaml', id('x')]]],
    ['a file that is not there', () => [['100644', 'a.yaml', '0123456789012345678901234567890123456789']]],
  ])('with %s writes nothing beyond its folder', async (_, entries) => {
    spoil = body => body;
    let pushed = true;
    try {
      push(tree([['40000', 'flags', tree(entries())]]));
    } catch {
      // What even git does not take cannot come from a server that runs it.
      pushed = false;
    }
    if (!pushed) return;
    const folder = tempFolder();
    const got = await cloned(driver(), folder);
    if (!(got instanceof GitError)) for (const path of Object.keys(got)) expect(path.startsWith('flags/')).toBe(true);
    for (const evil of [join(folder, 'evil'), join(dirname(folder), 'evil'), '/evil', '/tmp/optoggles-evil']) {
      expect(existsSync(evil)).toBe(false);
    }
    expect(existsSync(join(folder, 'work/flags/.git'))).toBe(false);
  });
});

function refs(count: number): string {
  return refLines(Array.from({ length: count }, (_, index) => `refs/heads/b${index}`));
}

function refLines(names: readonly string[]): string {
  const line = (text: string): string => (text.length + 4).toString(16).padStart(4, '0') + text;
  const all = names.map(name => line(`${'1'.repeat(40)} ${name}\n`)).join('');
  return `${line('# service=git-upload-pack\n')}0000${all}0000`;
}
