import { join } from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatProblem, ProblemsError } from '../../src/domain/problem.ts';
import { loadConfig, secretsOf } from '../../src/load/config.ts';
import type { KindSchemas } from '../../src/load/kinds.ts';
import { fakeKinds } from '../support/fake-kinds.ts';
import { tempFolder } from '../support/temp-folder.ts';

async function load(text: string, kinds: KindSchemas = fakeKinds, env: Record<string, string> = {}) {
  const folder = tempFolder({ 'config.yaml': text });
  return loadConfig(join(folder, 'config.yaml'), { kinds, env, secrets: 'substitute' });
}

async function errors(text: string, kinds?: KindSchemas): Promise<string[]> {
  const error = await load(text, kinds).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof ProblemsError)) throw new Error('expected problems', { cause: error });
  for (const { hint } of error.problems) expect(hint).toBeTruthy();
  return error.problems.map(formatProblem);
}

const rest = `bind: ":8080"
sources:
  - id: example-opal
    url: http://opal_client:7000
    token: ""
    advertisedAddress: optoggles:8080
target:
  targetType: restapi
  targetSpec:
    endpointUrl: "https://httpbin.org/anything/toggles"
    extraHeaders:
      Authorization: "Bearer eyJhbGciOiJIUzI1NiJ9"
toggles:
  - key: "us-feature"
    usersPolicy:
      source: example-opal
      package: "app.rbac"
      rule: "us_users"
    spec:
      name: "US Only Feature"
      description: "US residents only section"
  - key: "billing-feature"
    usersPolicy:
      source: example-opal
      package: "app.rbac"
      rule: "billing_users"
    spec:
      name: "Billing Feature"
`;

const ld = `sources: [{ id: o, url: "http://opal:7000", token: t, advertisedAddress: "o:8080" }]
target:
  targetType: launchdarkly
  targetSpec: { launchdarklyToken: api-123456, baseUrl: "https://app.eu.launchdarkly.com" }
toggles:
  - key: us-feature
    usersPolicy: { source: o, package: app.rbac, rule: us_users }
    spec: { name: US Feature, projKey: default, environments: [production, test] }
  - key: billing-feature
    usersPolicy: { source: o, package: app.rbac, rule: billing_users }
    spec: { name: Billing, projKey: default, environments: [test] }
`;

describe('OPToggles’ own configuration', () => {
  it('runs as it is, with a REST target', async () => {
    const { config, warnings } = await load(rest);
    expect(warnings).toEqual([]);
    expect(config).toMatchObject({
      file: 'config.yaml',
      bind: { host: '', port: 8080 },
      flags: undefined,
      stateDir: join(config.folder, '.optoggles'),
      sources: [
        {
          id: 'example-opal',
          type: 'opal',
          settings: { url: 'http://opal_client:7000', advertisedAddress: 'optoggles:8080' },
        },
      ],
      targets: [
        {
          name: 'restapi',
          type: 'restapi',
          policy: 'sync',
          environments: undefined,
          settings: {
            endpointUrl: 'https://httpbin.org/anything/toggles',
            extraHeaders: { Authorization: 'Bearer eyJhbGciOiJIUzI1NiJ9' },
          },
        },
      ],
      onRemoved: 'disable',
      drift: { interval: 600_000, reopen: true },
      guard: { maxRevokedShare: 0.3, alwaysAllowedRevocations: 5, window: 600_000, maxUsers: null },
      callbackSecret: undefined,
      adminTokens: [],
    });
    expect(config.instance).toMatch(/^legacy-[0-9a-f]{12}$/);
    expect(config.legacy?.toggles).toEqual([
      {
        key: 'billing-feature',
        state: 'on',
        contextKind: 'user',
        adopt: true,
        usersPolicy: { source: 'example-opal', package: ['app', 'rbac'], rule: 'billing_users' },
        targets: { restapi: { spec: { name: 'Billing Feature' } } },
        guard: {},
        file: 'config.yaml',
      },
      expect.objectContaining({
        key: 'us-feature',
        targets: { restapi: { spec: { name: 'US Only Feature', description: 'US residents only section' } } },
      }),
    ]);
    expect(secretsOf(config)).toContain('eyJhbGciOiJIUzI1NiJ9');
  });

  it('runs as it is, with LaunchDarkly, whose environments stand in the specs', async () => {
    const { config, warnings } = await load(ld);
    expect(warnings).toEqual([]);
    expect(config.bind).toEqual({ host: '', port: 8080 });
    expect(config.targets).toEqual([
      {
        name: 'launchdarkly',
        type: 'launchdarkly',
        policy: 'sync',
        environments: ['production', 'test'],
        settings: {
          token: 'api-123456',
          baseUrl: 'https://app.eu.launchdarkly.com',
          environments: { production: 'production', test: 'test' },
        },
      },
    ]);
    expect(config.legacy?.toggles[1]).toMatchObject({
      key: 'us-feature',
      name: 'US Feature',
      environments: { production: {}, test: {} },
      targets: { launchdarkly: { spec: { projKey: 'default' } } },
    });
  });

  it('takes keys of specs for LaunchDarkly in any case, and environments as one text', async () => {
    const shouted = ld
      .replace(
        'name: US Feature, projKey: default, environments: [production, test]',
        'NAME: US Feature, projkey: default, Environments: "production, test"',
      )
      .replace('launchdarklyToken', 'LaunchDarklyToken')
      .replace('targetType: launchdarkly', 'TargetType: LaunchDarkly');
    const { config, warnings } = await load(shouted);
    expect(warnings).toEqual([]);
    const plain = (await load(ld)).config;
    expect(config.legacy).toEqual(plain.legacy);
    expect(config.targets).toEqual(plain.targets);
    expect(config.instance).toBe(plain.instance);
  });

  it('takes keys in any case, but for specs and header names', async () => {
    const keys = [
      'bind',
      'sources',
      'id',
      'url',
      'token',
      'advertisedAddress',
      'target',
      'targetType',
      'targetSpec',
      'endpointUrl',
      'extraHeaders',
      'toggles',
      'key',
      'usersPolicy',
      'source',
      'package',
      'rule',
      'spec',
    ];
    const expected = (await load(rest)).config;
    await fc.assert(
      fc.asyncProperty(fc.array(fc.boolean(), { minLength: 200, maxLength: 200 }), async upper => {
        let at = 0;
        const vary = (key: string) =>
          key.replace(/./g, letter => (upper[at++ % upper.length] ? letter.toUpperCase() : letter.toLowerCase()));
        const text = rest.replace(/^([ -]*)(\w+):/gm, (whole, indent: string, key: string) =>
          keys.includes(key) ? `${indent}${vary(key)}:` : whole,
        );
        const { config, warnings } = await load(text);
        expect(warnings).toEqual([]);
        expect({ ...config, folder: '', stateDir: '' }).toEqual({ ...expected, folder: '', stateDir: '' });
      }),
      { numRuns: 20 },
    );
  });

  it('takes any toggle key', async () => {
    const any = fc.string({ unit: 'grapheme', minLength: 1 }).filter(key => !/\p{Cc}/u.test(key));
    await fc.assert(
      fc.asyncProperty(any, async key => {
        const { config } = await load(rest.replace('"us-feature"', () => JSON.stringify(key)));
        expect(config.legacy?.toggles.map(toggle => toggle.key)).toContain(key);
      }),
      { numRuns: 50 },
    );
    const { config } = await load(rest.replace('"us-feature"', '42'));
    expect(config.legacy?.toggles[0]?.key).toBe('42');
  });

  it('substitutes nothing', async () => {
    const { config } = await load(rest.replace('US Only Feature', '${HOME} for ${file:/etc/passwd}'));
    expect(config.legacy?.toggles[1]?.targets?.restapi?.spec.name).toBe('${HOME} for ${file:/etc/passwd}');
  });

  it('follows aliases and merge keys, at most 100', async () => {
    const shared = rest
      .replace('    usersPolicy:\n      source: example-opal', '    usersPolicy: &p\n      source: example-opal')
      .replace(
        '    usersPolicy:\n      source: example-opal\n      package: "app.rbac"',
        '    usersPolicy:\n      <<: *p',
      );
    const { config } = await load(shared);
    expect(config.legacy?.toggles.map(({ usersPolicy }) => usersPolicy)).toEqual([
      { source: 'example-opal', package: ['app', 'rbac'], rule: 'billing_users' },
      { source: 'example-opal', package: ['app', 'rbac'], rule: 'us_users' },
    ]);
    const toggles = Array.from({ length: 101 }, (_, index) => `  - { key: k${index}, usersPolicy: *p }\n`).join('');
    expect(await errors(shared + toggles)).toEqual(['config.yaml:127:30: More than 100 aliases. Write the value out.']);
  });

  it('has OPTOGGLES_ADMIN_TOKEN as its admin token', async () => {
    const { config } = await load(rest, fakeKinds, { OPTOGGLES_ADMIN_TOKEN: 'root' });
    expect(config.adminTokens).toEqual([{ name: 'environment', token: 'root' }]);
    expect(secretsOf(config)).toContain('root');
  });

  it('ignores what OPToggles ignored, and says so', async () => {
    const { warnings } = await load(
      `${rest.replace('  targetSpec:', '  launchdarklyToken: x\n  targetSpec:').replace('name: "US Only', 'users: [mallory]\n      key: other\n      name: "US Only')}verbose: true\n`,
    );
    expect(warnings.map(formatProblem)).toEqual([
      'config.yaml:9:3: "launchdarklyToken" is not known here and is ignored. Known keys here: targetType, targetSpec.',
      'config.yaml:21:7: "users" in a spec is ignored: it is set by OPToggles. Remove it.',
      'config.yaml:22:7: "key" in a spec is ignored: it is set by OPToggles. Remove it.',
      'config.yaml:32:1: "verbose" is not known here and is ignored. Known keys here: bind, sources, target, toggles.',
    ]);
  });

  it('keeps its instance whatever its tokens, toggles and order are', async () => {
    const two = rest.replace(
      'target:\n',
      '  - { id: b, url: "http://b:1", token: t, advertisedAddress: x }\ntarget:\n',
    );
    const swapped = two
      .replace(/  - id: example-opal\n(?: {4}.*\n)*/, '')
      .replace(
        'target:\n',
        '  - { id: example-opal, url: "http://user:pw@opal_client:7000/", token: other }\ntarget:\n',
      );
    const one = (await load(two)).config.instance;
    expect((await load(swapped)).config.instance).toBe(one);
    expect((await load(two.replace('eyJ', 'abc').replace('us_users', 'x'))).config.instance).toBe(one);
    expect((await load(two.replace('http://b:1', 'http://b:2'))).config.instance).not.toBe(one);
    expect((await load(two.replace('httpbin.org', 'example.org'))).config.instance).not.toBe(one);
  });
});

describe('errors of OPToggles’ own configuration', () => {
  const { launchdarkly: _, ...targets } = fakeKinds.targets;
  it.each<[string, string, string[], KindSchemas?]>([
    [
      'LaunchDarkly where it is not there',
      ld,
      [
        'config.yaml:3:15: Targets of type launchdarkly are not available in this version. Kinds of targets: restapi, flagd.',
      ],
      { ...fakeKinds, targets },
    ],
    [
      'another target',
      rest.replace('restapi', 'restapy'),
      ['config.yaml:8:15: There is no kind of target called "restapy". Did you mean "restapi"?'],
    ],
    [
      'no address',
      rest.replace('    endpointUrl: "https://httpbin.org/anything/toggles"\n', ''),
      [
        'config.yaml:10:5: "target.targetSpec.endpointUrl" is missing. Add "endpointUrl": where toggles are created and updated.',
      ],
    ],
    [
      'no target',
      rest.replace(/target:\n( .*\n)+/, ''),
      ['config.yaml:1:1: "target" is missing. Add "target": where toggles are written to.'],
    ],
    [
      'no LaunchDarkly token',
      ld.replace('launchdarklyToken: api-123456, ', ''),
      [
        'config.yaml:4:15: "target.targetSpec.launchdarklyToken" is missing. Add "launchdarklyToken": the access token.',
      ],
    ],
    [
      'no environments of LaunchDarkly',
      ld.replace(', environments: [production, test]', ''),
      [
        'config.yaml:8:11: The toggle "us-feature" names no environments of LaunchDarkly. Name them in its spec: environments: [production].',
      ],
    ],
    [
      'an environment of LaunchDarkly without a name',
      ld.replace('[production, test]', '[production, ""]'),
      [
        'config.yaml:8:63: The toggle "us-feature" names no environments of LaunchDarkly. Name them in its spec: environments: [production].',
      ],
    ],
    [
      'a key of a spec for LaunchDarkly given twice in two cases',
      ld.replace('name: US Feature', 'name: US Feature, projkey: other'),
      ['config.yaml:8:47: "projKey" is already given as "projkey". Keep one.'],
    ],
    [
      'a wrong address of a source',
      rest.replace('http://opal', 'opal'),
      ['config.yaml:4:10: "sources[0].url" has the wrong form. The address of the OPAL client.'],
    ],
    [
      'an unknown source',
      rest.replace('source: example-opal', 'source: exmaple-opal'),
      ['config.yaml:16:15: There is no source called "exmaple-opal". Did you mean "example-opal"?'],
    ],
    [
      'a toggle given twice',
      rest.replace('billing-feature', 'us-feature'),
      ['config.yaml:22:10: The toggle "us-feature" is already given at 14:10. Keep one.'],
    ],
    [
      'a source given twice',
      rest.replace('target:\n', '  - { ID: example-opal, url: "http://b:1" }\ntarget:\n'),
      ['config.yaml:7:11: There is already a source called "example-opal". Give each its own id.'],
    ],
    [
      'a key given twice in two cases',
      `${rest}Bind: ":9"\n`,
      ['config.yaml:29:1: "Bind" is already given as "bind" at 1:1. Keep one.'],
    ],
    [
      'an empty package',
      rest.replace('"app.rbac"', '"app..rbac"'),
      ['config.yaml:17:16: "app..rbac" is no package. Use names joined by dots, such as app.rbac.'],
    ],
    [
      'no rule',
      rest.replace('      rule: "us_users"\n', ''),
      [
        'config.yaml:16:7: "toggles[0].usersPolicy.rule" is missing. Add "rule": the rule whose value is the list of users.',
      ],
    ],
    [
      'a rule that climbs',
      rest.replace('"us_users"', '".."'),
      [
        'config.yaml:18:13: "toggles[0].usersPolicy.rule" has the wrong form. Use a name other than "." and "..", without control characters.',
      ],
    ],
    [
      'an empty key',
      rest.replace('"us-feature"', '""'),
      ['config.yaml:14:10: "toggles[0].key" must not be empty. The key of the toggle.'],
    ],
    [
      'a bad address to bind to',
      rest.replace('":8080"', '"8080"'),
      ['config.yaml:1:7: "bind" is no address to listen on. Write host:port, :port or [::1]:port.'],
    ],
    [
      'places in any case',
      rest.replace('    url: http', '    URL: http').replace('http://opal', 'opal'),
      ['config.yaml:4:10: "sources[0].url" has the wrong form. The address of the OPAL client.'],
    ],
  ])('%s', async (_, text, expected, kinds) => {
    expect(await errors(text, kinds)).toEqual(expected);
  });
});
