import { readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { parse, stringify } from 'yaml';
import { plantFlags, sayable, unsayable, usedMembers } from '../support/account-in-use.ts';
import { optoggles } from '../support/program.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { type Ld, type LdOptions, openLd } from '../targets/launchdarkly/ld-harness.ts';

interface ImportJson {
  readonly imported: readonly {
    readonly key: string;
    readonly flag: string;
    readonly environments: readonly object[];
  }[];
  readonly left: readonly {
    readonly flag: string;
    readonly reasons: readonly { readonly code: string; readonly message: string }[];
  }[];
  readonly files: readonly string[];
  readonly marked: number | null;
  readonly failed: readonly { readonly code: string }[];
  readonly warnings: readonly { readonly code: string; readonly message: string }[];
}

async function accountInUse(options: LdOptions = {}): Promise<Ld> {
  const ld = await openLd({ members: usedMembers, teams: ['team-growth'], ...options });
  onTestFinished(() => ld.close());
  return ld;
}

async function planted(): Promise<{ ld: Ld; env: Record<string, string> }> {
  const ld = await accountInUse();
  plantFlags(ld.fake);
  return { ld, env: { LAUNCHDARKLY_TOKEN: ld.fake.token } };
}

function imports(ld: Ld, folder: string, env: Record<string, string>, ...more: string[]) {
  return optoggles(folder, ['import', 'ld', '--base-url', ld.fake.url, '--json', '-', ...more], env);
}

function jsonOf(text: string): ImportJson {
  return JSON.parse(text) as ImportJson;
}

/** Everything of an account that could let somebody in, or that people wrote; not the marks, versions and dates. */
function heldBy({ fake }: Ld) {
  const flags = [...(fake.account.projects.get('default')?.flags.values() ?? [])];
  return flags.map(flag => ({
    key: flag.key,
    name: flag.name,
    description: flag.description,
    tags: flag.tags.filter(tag => tag !== 'optoggles-default'),
    temporary: flag.temporary,
    maintainer: flag.maintainerId ?? flag.maintainerTeamKey,
    sides: flag.clientSideAvailability,
    archived: flag.archivedDate !== undefined,
    environments: [...flag.environments].map(([name, { on, targets, rules, fallthrough, offVariation }]) => {
      return { name, on, targets, rules, fallthrough, offVariation };
    }),
  }));
}

function tagged({ fake }: Ld): string[] {
  const flags = [...(fake.account.projects.get('default')?.flags.values() ?? [])];
  return flags.filter(({ tags }) => tags.includes('optoggles-default')).map(({ key }) => key);
}

const plan = ['plan', '--detailed-exitcode', '--timeout', '10s'];

describe('import of an account without a configuration', () => {
  it('writes files whose first plan is empty, and changes nothing but the mark', async () => {
    const { ld, env } = await planted();
    const folder = tempFolder();
    const before = heldBy(ld);
    const done = await imports(ld, folder, env);
    expect(done).toMatchObject({ code: 0 });
    const found = jsonOf(done.stdout);
    expect(found.imported.map(({ flag }) => flag)).toEqual([...sayable]);
    expect(found.marked).toBe(sayable.length);
    expect(heldBy(ld)).toEqual(before);
    expect(tagged(ld).sort()).toEqual([...sayable].sort());

    const writes = ld.fake.writes.length;
    expect(writes).toBe(sayable.length);
    expect(await optoggles(folder, ['validate'])).toMatchObject({ code: 0 });
    const planned = await optoggles(folder, plan, env);
    expect(planned).toMatchObject({ code: 0, stdout: expect.stringMatching(/^No changes\n/) });
    expect(await optoggles(folder, ['apply', '--timeout', '10s'], env)).toMatchObject({ code: 0 });
    expect(ld.fake.writes.length).toBe(writes);
    expect(heldBy(ld)).toEqual(before);
  });

  it('lists what no file can say, with the reason, and apply never touches it', async () => {
    const { ld, env } = await planted();
    const folder = tempFolder();
    const found = jsonOf((await imports(ld, folder, env)).stdout);
    const reasons = found.left.map(({ flag, reasons }) => [flag, [...new Set(reasons.map(({ code }) => code))]]);
    expect(Object.fromEntries(reasons)).toEqual(unsayable);
    expect(found.left.find(({ flag }) => flag === 'for-some')?.reasons).toEqual([
      { code: 'fallthrough', environment: 'production', message: 'the default serves true to 20 %' },
    ]);
    // A policy that says otherwise for everything that was imported: the rest stays as it is.
    const others = () => heldBy(ld).filter(({ key }) => !sayable.includes(key));
    const before = JSON.stringify(others());
    const lists = JSON.parse(readFileSync(join(folder, 'imported.json'), 'utf8')) as Record<string, string[]>;
    const changed = Object.fromEntries(Object.keys(lists).map(rule => [rule, [...(lists[rule] ?? []), 'zoe']]));
    writeFileSync(join(folder, 'imported.json'), JSON.stringify(changed));
    expect(await optoggles(folder, ['apply', '--timeout', '10s'], env)).toMatchObject({ code: 0 });
    expect(ld.fake.config('default', 'plain', 'production')?.targets).toMatchObject([
      { values: ['alice', 'bob', 'zoe'] },
    ]);
    expect(JSON.stringify(others())).toBe(before);
  });

  it('writes what is there into each file, so that nothing is written over', async () => {
    const { ld, env } = await planted();
    const folder = tempFolder();
    await imports(ld, folder, env);
    const read = (name: string): unknown => parse(readFileSync(join(folder, name), 'utf8'));
    expect(read('flags/plain.yaml')).toEqual({
      key: 'plain',
      name: 'The plain',
      description: 'For the team.\n\nSecond line: "quoted"',
      owner: 'ann@acme.example',
      type: 'permission',
      created: new Date().toISOString().slice(0, 10),
      adopt: true,
      usersPolicy: { source: 'imported', package: 'imported', rule: 'plain' },
      environments: {
        production: {},
        test: { usersPolicy: { source: 'imported', package: 'imported', rule: 'plain-test' } },
      },
      targets: {
        ld: {
          tags: ['growth', 'web'],
          temporary: true,
          maintainer: usedMembers[0]._id,
          clientSideAvailability: { usingEnvironmentId: true, usingMobileKey: false },
        },
      },
    });
    // The same list is one rule, in another flag too.
    expect(read('flags/same-lists.yaml')).toMatchObject({
      owner: 'team-growth',
      usersPolicy: { rule: 'plain' },
      environments: { production: {}, test: { state: 'off' } },
    });
    expect(read('flags/everywhere-off.yaml')).toMatchObject({ state: 'off', owner: 'unknown' });
    expect(read('flags/by-org.yaml')).toMatchObject({ contextKind: 'organization' });
    expect(read('flags/nobody.yaml')).toMatchObject({
      usersPolicy: { rule: 'nobody' },
      environments: { production: {}, test: { state: 'off' } },
    });
    expect(read('flags/odd-name.yaml')).toMatchObject({ name: 'odd-name', targets: { ld: { name: 'two\tparts' } } });
    expect(read('flags/beta-2.yaml')).toMatchObject({ key: 'beta-2', targets: { ld: { key: 'beta' } } });
    expect(JSON.parse(readFileSync(join(folder, 'imported.json'), 'utf8'))).toMatchObject({
      'imported.plain': ['alice', 'bob'],
      'imported.nobody': [],
      'imported["dotted.key"]': ['erin'],
      'imported.Beta': ['#x', '1e3', 'null', 'yes', 'ünï'],
    });
    expect(statSync(join(folder, 'imported.json')).mode & 0o777).toBe(0o600);
    expect(read('optoggles.yaml')).toMatchObject({
      instance: 'default',
      targets: [{ name: 'ld', token: '${LAUNCHDARKLY_TOKEN}', environments: { production: 'production' } }],
    });
  });

  it('says no name of a user and no token, on the terminal, in JSON or in any other file', async () => {
    const { ld, env } = await planted();
    const folder = tempFolder();
    const json = await imports(ld, folder, env, '--no-mark');
    const other = tempFolder();
    const table = await optoggles(other, ['import', 'ld', '--base-url', ld.fake.url], env);
    expect(table.stdout).toMatch(/^plain +2 +3 +flags\/plain\.yaml$/m);
    expect(table.stdout).toMatch(/^by-country +production +rule 1 serves true$/m);
    const names = readdirSync(join(folder, 'flags')).map(name => `flags/${name}`);
    const files = ['optoggles.yaml', ...names].map(name => readFileSync(join(folder, name), 'utf8'));
    const all = [json, table].flatMap(({ stdout, stderr }) => [stdout, stderr]).concat(files);
    for (const secret of ['alice', 'carol', 'mallory', 'org-1', ld.fake.token])
      expect(all.join()).not.toContain(secret);
  });

  it('writes nothing to the account with --no-mark; then the plan only takes over', async () => {
    const { ld, env } = await planted();
    const folder = tempFolder();
    const before = JSON.stringify(heldBy(ld));
    expect(jsonOf((await imports(ld, folder, env, '--no-mark')).stdout).marked).toBe(null);
    expect(ld.fake.writes).toEqual([]);
    const planned = await optoggles(folder, [...plan, '--json', '-'], env);
    expect(planned.code).toBe(2);
    const { changes } = JSON.parse(planned.stdout) as {
      readonly changes: readonly { readonly kind: string; readonly granted?: number; readonly revoked?: number }[];
    };
    expect(changes.filter(({ kind }) => kind === 'adopt')).toHaveLength(sayable.length);
    for (const one of changes) expect([one.granted ?? 0, one.revoked ?? 0]).toEqual([0, 0]);
    expect(await optoggles(folder, ['apply', '--timeout', '10s'], env)).toMatchObject({ code: 0 });
    expect(ld.fake.writes).toHaveLength(sayable.length);
    expect(JSON.stringify(heldBy(ld))).toBe(before);
    expect(await optoggles(folder, plan, env)).toMatchObject({ code: 0 });
  });

  it('serves everybody the same before and after, by the real SDK', async () => {
    const { ld, env } = await planted();
    const people = ['alice', 'bob', 'carol', 'dave', 'erin', 'frank', 'mallory', 'Alice ', 'yes', 'stranger'];
    const keys = [...sayable, ...Object.keys(unsayable)].filter(key => key !== 'constructor');
    // The SDK loses its stream over that key.
    ld.fake.hand.deleteFlag('default', 'constructor');
    ld.fake.hand.deleteFlag('default', 'shades-of-blue');
    const answers = async () => {
      const found: unknown[] = [];
      for (const key of keys.filter(one => one !== 'shades-of-blue')) {
        for (const environment of ['production', 'test']) {
          for (const member of people)
            found.push([key, environment, member, await ld.serves(key, environment, member)]);
        }
      }
      return found;
    };
    const before = await answers();
    expect(before.filter(one => (one as unknown[])[3] === true).length).toBeGreaterThan(10);
    const folder = tempFolder();
    expect((await imports(ld, folder, env)).code).toBe(0);
    expect(await optoggles(folder, ['apply', '--timeout', '10s'], env)).toMatchObject({ code: 0 });
    expect(await answers()).toEqual(before);
  });

  it('takes only the environments that it is told', async () => {
    const { ld, env } = await planted();
    const folder = tempFolder();
    const found = jsonOf((await imports(ld, folder, env, '--environments', 'production')).stdout);
    const imported = found.imported.map(({ key }) => key);
    // Only its other environment could not be said.
    expect(imported).toContain('default-on');
    expect(imported).toContain('mixed-kinds');
    expect(await optoggles(folder, plan, env)).toMatchObject({ code: 0 });
    const wrong = await imports(ld, tempFolder(), env, '--environments', 'prod');
    expect(wrong).toMatchObject({ code: 64 });
    expect(wrong.stderr).toContain('production');
  });

  it('keeps long lists as they are', async () => {
    const ld = await accountInUse();
    const env = { LAUNCHDARKLY_TOKEN: ld.fake.token };
    const at = { project: 'default', flag: 'wide', environment: 'production' };
    ld.fake.hand.addFlag('default', { key: 'wide' });
    ld.fake.hand.addTargets(
      at,
      true,
      Array.from({ length: 1500 }, (_, index) => `user-${index}`),
    );
    ld.fake.hand.turn(at, true);
    ld.fake.hand.addFlag('default', { key: 'too-wide' });
    const other = { ...at, flag: 'too-wide' };
    ld.fake.hand.addTargets(
      other,
      true,
      Array.from({ length: 10_001 }, (_, index) => `user-${index}`),
    );
    ld.fake.hand.turn(other, true);
    const folder = tempFolder();
    const done = await imports(ld, folder, env);
    const found = jsonOf(done.stdout);
    expect(found.imported.map(({ key }) => key)).toEqual(['wide']);
    expect(found.left.map(({ flag, reasons }) => [flag, reasons[0]?.code])).toEqual([['too-wide', 'too-many']]);
    expect(found.warnings.map(({ code }) => code)).toContain('import-long-lists');
    expect(await optoggles(folder, plan, env)).toMatchObject({ code: 0 });
  });

  it('writes over nothing, and then nothing at all', async () => {
    const { ld, env } = await planted();
    for (const there of ['flags/plain.yaml', 'flags/other.yaml', 'imported.json']) {
      const folder = tempFolder({ [there]: 'mine' });
      const done = await imports(ld, folder, env);
      expect(done).toMatchObject({ code: 1, stdout: '' });
      expect(done.stderr).toContain(there);
      expect(readdirSync(folder)).toEqual([there.split('/')[0]]);
      expect(readFileSync(join(folder, there), 'utf8')).toBe('mine');
    }
    expect(ld.fake.writes).toEqual([]);
  });

  it('writes nothing where nothing can be imported', async () => {
    const ld = await accountInUse();
    const folder = tempFolder();
    const done = await imports(ld, folder, { LAUNCHDARKLY_TOKEN: ld.fake.token });
    expect(done).toMatchObject({ code: 0 });
    expect(jsonOf(done.stdout)).toMatchObject({ imported: [], files: [], marked: null });
    expect(readdirSync(folder)).toEqual([]);
  });

  it('says what is missing: a token, a project, a right', async () => {
    const ld = await accountInUse({
      tokens: [{ token: 'api-all' }, { token: 'api-reads', deny: ['*'] }],
    });
    plantFlags(ld.fake);
    const without = await imports(ld, tempFolder(), {});
    expect(without).toMatchObject({ code: 64 });
    expect(without.stderr).toContain('LAUNCHDARKLY_TOKEN');
    const elsewhere = await imports(ld, tempFolder(), { LAUNCHDARKLY_TOKEN: 'api-all' }, '--project', 'nowhere');
    expect(elsewhere).toMatchObject({ code: 1 });
    expect(elsewhere.stderr).toContain('there is no project nowhere');
    // A token that may only read: the files are there, and it says what is missing to take over.
    const folder = tempFolder();
    const reader = await imports(ld, folder, { LAUNCHDARKLY_TOKEN: 'api-reads' }, '--timeout', '6s');
    expect(reader).toMatchObject({ code: 1 });
    expect(reader.stderr).toContain('updateTags');
    expect(readdirSync(folder).sort()).toContain('optoggles.yaml');
    expect(await optoggles(tempFolder(), ['import', 'flipt'])).toMatchObject({ code: 64 });
  });
});

describe('import into a configuration', () => {
  function folderOf(ld: Ld, more: Readonly<Record<string, unknown>> = {}, files: Record<string, string> = {}): string {
    const config = {
      version: 1,
      instance: 'default',
      sources: [
        { id: 'lists', type: 'static', path: 'lists.json' },
        { id: 'imported', type: 'static', path: 'data/imported.json' },
      ],
      targets: [
        {
          name: 'main',
          type: 'launchdarkly',
          token: '${LAUNCHDARKLY_TOKEN}',
          baseUrl: ld.fake.url,
          projKey: 'default',
          environments: { prod: 'production', qa: 'test' },
        },
      ],
      ...more,
    };
    return tempFolder({ 'optoggles.yaml': stringify(config), 'lists.json': '{"a.b": ["alice"]}', ...files });
  }

  it('takes the place of no file, leaves alone what has one, and uses our names of environments', async () => {
    const { ld, env } = await planted();
    const mine = {
      key: 'mine',
      name: 'Mine',
      owner: 'me',
      type: 'permission',
      created: '2026-11-01',
      adopt: true,
      usersPolicy: { source: 'lists', package: 'a', rule: 'b' },
      targets: { main: { key: 'plain' } },
    };
    const folder = folderOf(ld, {}, { 'flags/mine.yaml': stringify(mine) });
    const done = await optoggles(folder, ['import', 'ld', '--json', '-'], env);
    expect(done).toMatchObject({ code: 0 });
    const found = jsonOf(done.stdout);
    expect(found.left.find(({ flag }) => flag === 'plain')?.reasons.map(({ code }) => code)).toEqual(['has-file']);
    expect(found.marked).toBe(sayable.length - 1);
    expect(tagged(ld)).not.toContain('plain');
    expect(parse(readFileSync(join(folder, 'flags/dotted.key.yaml'), 'utf8'))).toMatchObject({
      environments: { prod: { state: 'off' }, qa: {} },
    });
    const only = ['--only', ...found.imported.map(({ key }) => key)];
    expect(await optoggles(folder, [...plan, ...only], env)).toMatchObject({ code: 0 });
    // Again: everything has a file.
    const again = await optoggles(folder, ['import', 'ld', '--json', '-'], env);
    expect(jsonOf(again.stdout)).toMatchObject({ imported: [], files: [] });
  });

  it('stops before a file of the same key, whatever its case', async () => {
    const { ld, env } = await planted();
    const folder = folderOf(ld, {}, { 'flags/PLAIN.yaml': 'broken' });
    const done = await optoggles(folder, ['import', 'ld'], env);
    expect(done).toMatchObject({ code: 1, stdout: '' });
    expect(done.stderr).toContain('flags/plain.yaml');
    expect(readdirSync(join(folder, 'flags'))).toEqual(['PLAIN.yaml']);
  });

  it('asks for the source that holds the users', async () => {
    const { ld, env } = await planted();
    const folder = folderOf(ld, { sources: [{ id: 'lists', type: 'static', path: 'lists.json' }] });
    const done = await optoggles(folder, ['import', 'ld'], env);
    expect(done).toMatchObject({ code: 1 });
    expect(done.stderr).toContain('{ id: imported, type: static, path: imported.json }');
    expect(ld.fake.requests).toEqual([]);
  });

  it('reads other projects, and writes elsewhere when told', async () => {
    const ld = await accountInUse({
      projects: [
        { key: 'default', environments: ['production', 'test'] },
        { key: 'shop', environments: ['production', 'test'] },
      ],
    });
    ld.fake.hand.addFlag('shop', { key: 'cart' });
    const env = { LAUNCHDARKLY_TOKEN: ld.fake.token };
    const folder = folderOf(ld);
    const done = await optoggles(folder, ['import', 'ld', '--project', 'shop', '--out', 'look', '--json', '-'], env);
    expect(done).toMatchObject({ code: 0 });
    expect(jsonOf(done.stdout)).toMatchObject({ files: ['data/imported.json', 'flags/cart.yaml'], marked: null });
    expect(ld.fake.writes).toEqual([]);
    expect(await optoggles(folder, ['import', 'ld', '--project', 'shop'], env)).toMatchObject({ code: 0 });
    expect(parse(readFileSync(join(folder, 'flags/cart.yaml'), 'utf8'))).toMatchObject({
      targets: { main: { projKey: 'shop' } },
    });
    expect(ld.fake.flag('shop', 'cart')?.tags).toEqual(['optoggles-default']);
    expect(await optoggles(folder, plan, env)).toMatchObject({ code: 0 });
  });

  it('marks nothing where somebody changes the flag meanwhile', async () => {
    const { ld, env } = await planted();
    const folder = folderOf(ld);
    // After the account was read, before the flags are looked at again.
    const at = { project: 'default', flag: 'plain', environment: 'test' };
    const [done] = await Promise.all([
      optoggles(folder, ['import', 'ld', '--json', '-'], env),
      ld.fake
        .waitFor(({ requests }) => requests.some(({ path, status }) => path.includes('archived') && status === 200))
        .then(() => ld.fake.hand.addTargets(at, true, ['intruder'])),
    ]);
    expect(done).toMatchObject({ code: 1 });
    expect(jsonOf(done.stdout).failed.map(({ code }) => code)).toEqual(['import-not-equal']);
    expect(done.stderr).not.toContain('intruder');
    expect(tagged(ld)).toEqual([]);
    expect((await optoggles(folder, plan, env)).code).toBe(2);
  });
});
