import { mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { unpackBundle } from '../../../src/audience/bundle/unpack.ts';
import type { Hint } from '../../../src/domain/audience.ts';
import { formatProblem, ProblemError } from '../../../src/domain/problem.ts';
import { answers, askFor, bundleFolder, told, usersOf } from './bundle-folder.ts';

const signal = () => AbortSignal.timeout(15_000);

describe('the bundle source', () => {
  it('tells members, nobody and undefined apart', async () => {
    const { source } = await bundleFolder();
    const local = source();
    expect((await local.readiness(undefined, signal())).readiness).toMatchObject({
      instanceId: null,
      state: 'ready',
      by: 'loaded',
      problems: [],
    });
    expect(
      await told(
        local,
        askFor('us_users'),
        askFor('early_access'),
        askFor('no_such_rule'),
        askFor('us_users', null, ['no', 'such']),
        askFor('on_plan', { plans: ['enterprise'] }),
        askFor('on_plan', { plans: [] }),
        askFor('active'),
      ),
    ).toEqual([
      ['alice', 'bob', 'dave', 'ivan', 'mallory'],
      [],
      'undefined',
      'undefined',
      ['alice', 'grace', 'ivan'],
      [],
      'answer-shape',
    ]);
  });

  it('says where an answer comes from', async () => {
    const { source, put } = await bundleFolder();
    const local = source();
    const [first] = await answers(local, askFor('us_users'));
    expect(first?.from).toMatchObject({ source: 'local', rule: 'app.rbac.us_users' });
    expect(first?.from.revision).toMatch(/^[0-9a-f]{16}$/);
    await put('data.json', usersOf({ alice: 'US' }));
    const [second] = await answers(local, askFor('us_users'));
    expect(second?.from.revision).toBe(first?.from.revision);
    expect(second?.from.dataUpdate).not.toBe(first?.from.dataUpdate);
  });

  it('yields unchanged until the data or the bundle changes', async () => {
    const { source, put } = await bundleFolder();
    const local = source();
    await put('data.json', usersOf({ alice: 'US', bob: 'DE' }));
    expect(await told(local, askFor('us_users'))).toEqual([['alice']]);
    expect(await told(local, askFor('us_users'), askFor('employees'))).toEqual(['unchanged', []]);
    await put('data.json', usersOf({ alice: 'US', bob: 'DE' }));
    expect(await told(local, askFor('us_users'))).toEqual(['unchanged']);
    await put('data.json', usersOf({ alice: 'US', bob: 'US' }));
    expect(await told(local, askFor('us_users'), askFor('employees'))).toEqual([['alice', 'bob'], []]);
  });

  it('sorts by code point, drops doubles and finds packages with odd names', async () => {
    const { source } = await bundleFolder('odd');
    const local = source({ data: undefined });
    const ask = (rule: string, input?: string | number | boolean) => askFor(rule, input, ['app', 'my-pkg', 'v1']);
    expect(await told(local, ask('everybody'), ask('by_flag'), ask('numbers_only'), ask('missing'))).toEqual([
      ['alice', 'zoe', 'Ａ', '😀'],
      ['alice'],
      'answer-member',
      'undefined',
    ]);
    // Inputs that JavaScript takes for nothing are inputs all the same.
    expect(await told(local, ask('echoed'), ask('echoed', 0), ask('echoed', false), ask('echoed', 'x'))).toEqual([
      'undefined',
      ['0'],
      ['false'],
      ['x'],
    ]);
  });

  it('names the entrypoints when a rule has none', async () => {
    const { source, warnings } = await bundleFolder();
    const local = source();
    await told(local, askFor('us_users', undefined, ['app', 'other']));
    await told(local, askFor('us_users', undefined, ['app', 'other']));
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatchObject({
      rules: ['app.other.us_users'],
      entrypoints: expect.arrayContaining(['app/rbac']),
    });
  });

  it('asks only for the packages of its list', async () => {
    const { source } = await bundleFolder();
    const local = source({ packages: ['app.rbac'] });
    expect(await told(local, askFor('us_users'), askFor('x', undefined, ['app', 'secret']))).toEqual([
      ['alice', 'bob', 'dave', 'ivan', 'mallory'],
      'package-not-allowed',
    ]);
    expect(() => source({ packages: ['app..rbac'] })).toThrow(ProblemError);
  });

  it('ends an evaluation that takes too long, and goes on', async () => {
    const { source } = await bundleFolder('heavy');
    const local = source({ data: undefined, limits: { time: '5s' } });
    const ask = (rule: string) => askFor(rule, undefined, ['heavy']);
    expect(await told(local, ask('slow'), ask('fine'))).toEqual(['policy-time', ['alice']]);
    expect(await told(local, ask('slow'), ask('fine'))).toEqual(['policy-time', 'unchanged']);
  });

  it('ends an evaluation that eats too much memory, and goes on', async () => {
    const { source } = await bundleFolder('heavy');
    const local = source({ data: undefined, limits: { memory: 16 } });
    const ask = (rule: string) => askFor(rule, undefined, ['heavy']);
    expect(await told(local, ask('large'), ask('fine'))).toEqual(['policy-memory', ['alice']]);
  });

  it('stops at once when it is told to', async () => {
    const { source } = await bundleFolder('heavy');
    const local = source({ data: undefined });
    const stop = new AbortController();
    const asked = (async () => {
      for await (const _ of local.resolve([askFor('slow', undefined, ['heavy'])], stop.signal)) continue;
    })();
    await local.readiness(undefined, signal());
    stop.abort(new Error('stopping'));
    await expect(asked).rejects.toThrow('stopping');
    expect(await told(local, askFor('fine', undefined, ['heavy']))).toEqual([['alice']]);
  });
});

describe('broken files', () => {
  it('tell where the data is broken, quote nothing, and recover', async () => {
    const { source, put } = await bundleFolder();
    const local = source();
    await put('data.json', '{\n  "users": {\n    "secret-name": { "country" "US" }\n  }\n}');
    const error = await local.readiness(undefined, signal()).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ProblemError);
    const text = formatProblem((error as ProblemError).problem);
    expect(text).toMatch(/^data\.json:3:32: A colon is missing here\. /);
    expect(text).not.toContain('secret-name');
    await expect(told(local, askFor('us_users'))).rejects.toThrow(ProblemError);
    await put('data.json', usersOf({ alice: 'US' }));
    expect(await told(local, askFor('us_users'))).toEqual([['alice']]);
  });

  it.each([
    ['', 'data.json:1:1: The text ends in the middle.'],
    ['[]', 'data.json:1:1: data.json is no JSON object.'],
    ['{"users": {"a": {}', 'data.json:1:19: The text ends in the middle.'],
    ['{"a":1}\n{"b":2}', 'data.json:2:1: The JSON text goes on after its end.'],
  ])('%j is named with its place', async (text, message) => {
    const { source, put } = await bundleFolder();
    await put('data.json', text);
    const error = await source()
      .readiness(undefined, signal())
      .catch((thrown: unknown) => thrown);
    expect(formatProblem((error as ProblemError).problem)).toContain(message);
  });

  it('are named when they are not there, and found when they come', async () => {
    const { source, folder, put } = await bundleFolder();
    const local = source();
    await rm(join(folder, 'data.json'));
    await expect(local.readiness(undefined, signal())).rejects.toThrow(
      /data\.json cannot be read: there is no such file/,
    );
    await put('data.json', usersOf({ zoe: 'US' }));
    expect(await told(local, askFor('us_users'))).toEqual([['zoe']]);
    await put('bundle.tar.gz', 'no bundle');
    await expect(local.readiness(undefined, signal())).rejects.toMatchObject({ problem: { code: 'bundle-broken' } });
  });

  it('are not read outside the folder of the configuration', async () => {
    const { source, folder } = await bundleFolder();
    expect(() => source({ data: '../data.json' })).toThrow(/leads out of the configuration's folder/);
    await rm(join(folder, 'data.json'));
    await symlink('/etc/hostname', join(folder, 'data.json'));
    await expect(source().readiness(undefined, signal())).rejects.toMatchObject({ problem: { code: 'path-outside' } });
  });
});

describe('the data', () => {
  it('of the file replaces whole top-level keys of the bundle', async () => {
    const { source, folder, put } = await bundleFolder();
    const files = await unpackBundle(await readFile(join(folder, 'bundle.tar.gz')), 'b');
    await mkdir(join(folder, 'built'));
    await writeFile(join(folder, 'built/policy.wasm'), files.get('policy.wasm') ?? '');
    const inBundle = { ...usersOf({ alice: 'US', bob: 'US' }), early_access: ['alice'] };
    await writeFile(join(folder, 'built/data.json'), JSON.stringify(inBundle));
    const alone = source({ path: 'built', data: undefined });
    expect(await told(alone, askFor('us_users'), askFor('early_access'))).toEqual([['alice', 'bob'], ['alice']]);
    await put('data.json', { users: usersOf({ bob: 'US' }).users });
    const beside = source({ path: 'built' });
    expect(await told(beside, askFor('us_users'), askFor('early_access'))).toEqual([['bob'], []]);
    await put('data.json', { early_access: ['bob'] });
    expect(await told(beside, askFor('us_users'), askFor('early_access'))).toEqual([['alice', 'bob'], ['bob']]);
  });
});

describe('hints', () => {
  it('follow every way of writing a file', async () => {
    const { source, folder, put } = await bundleFolder();
    const local = source();
    const stop = new AbortController();
    let heard: (hint: Hint) => void = () => {};
    const next = () => new Promise<Hint>(resolve => (heard = resolve));
    const running = local.hints(hint => heard(hint), stop.signal);
    const ways = [
      () => put('data.json', usersOf({ alice: 'US' })),
      () => writeFile(join(folder, 'data.json'), '{"users":{}}'),
      () => put('data.json', usersOf({ bob: 'US' })),
      () => rm(join(folder, 'data.json')),
      () => put('data.json', usersOf({ carol: 'US' })),
      () => put('bundle.tar.gz', 'half a bundle'),
    ];
    for (const way of ways) {
      const hint = next();
      await way();
      expect(await hint).toEqual({ kind: 'changed' });
    }
    stop.abort();
    await running;
  });
});
