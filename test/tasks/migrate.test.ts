import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { audienceIdOf } from '../../src/domain/identity.ts';
import type { Toggle } from '../../src/domain/toggle.ts';
import { loadConfig } from '../../src/load/config.ts';
import { createFlagLoader } from '../../src/load/flags.ts';
import { migrate } from '../../src/tasks/migrate.ts';
import { fakeKinds as kinds } from '../support/fake-kinds.ts';
import { tempFolder } from '../support/temp-folder.ts';

const today = '2026-11-01';

const old = `Bind: "[::1]:9090"
sources:
  - { id: "main opal", url: "http://user:in-url@opal:7000", token: opal-secret, advertisedAddress: "o:8080" }
  - { id: second, url: "http://second:7000" }
target:
  targetType: restapi
  targetSpec:
    endpointUrl: https://flags.internal/toggles?api_key=in-query
    extraHeaders: { Authorization: Bearer header-secret, Accept: application/json, X-Team: "\${BLUE}" }
toggles:
  - key: us-feature
    usersPolicy: { source: main opal, package: app.rbac, rule: us_users }
    spec: { name: US only, description: For the US., tags: [a], nested: { x: "\${NOT_A_VARIABLE}" } }
  - key: US-Feature
    usersPolicy: { source: second, package: app.rbac, rule: us_users }
  - key: "Größe / 5"
    usersPolicy: { source: second, package: app.other, rule: big }
    spec: { name: 5 }
`;

async function run(text = old) {
  const folder = tempFolder({ 'config.yaml': text });
  const configFile = join(folder, 'config.yaml');
  const before = (await loadConfig(configFile, { kinds, env: {}, secrets: 'substitute' })).config;
  const result = await migrate({ configFile, kinds, outDir: folder, today });
  return { folder, configFile, before, result };
}

/** What a plan is made of: which flag in the target is for whom. */
function placements(toggles: readonly Toggle[], sources: ReadonlyMap<string, unknown>) {
  return toggles
    .map(toggle => {
      const { source, package: segments, rule } = toggle.usersPolicy;
      const target = Object.values(toggle.targets ?? {})[0];
      return JSON.stringify({
        key: target?.key ?? toggle.key,
        source: sources.get(source),
        asks: [segments, rule],
        state: toggle.state,
        contextKind: toggle.contextKind,
        adopt: toggle.adopt,
        environments: toggle.environments,
      });
    })
    .sort();
}

describe('migrate', () => {
  it('writes the new form, with the same sources, target, toggles and instance', async () => {
    const { folder, before, result } = await run();
    const env = {
      OPAL_CLIENT_MAIN_OPAL_TOKEN: 'opal-secret',
      OPAL_CLIENT_MAIN_OPAL_URL_PASSWORD: 'in-url',
      RESTAPI_ENDPOINT_URL_API_KEY: 'in-query',
      RESTAPI_EXTRA_HEADERS_AUTHORIZATION: 'header-secret',
      RESTAPI_EXTRA_HEADERS_X_TEAM: '${BLUE}',
    };
    expect([...result.secrets].sort()).toEqual(Object.keys(env).sort());
    const options = { kinds, env, secrets: 'substitute' } as const;
    const { config } = await loadConfig(join(folder, 'optoggles.yaml'), options);
    const loaded = await createFlagLoader(config, kinds).load([]);
    expect(loaded.problems).toEqual([]);
    for (const same of [
      'instance',
      'bind',
      'targets',
      'onRemoved',
      'drift',
      'guard',
      'stateDir',
      'callbackSecret',
    ] as const) {
      expect(config[same]).toEqual(before[same]);
    }
    expect(config.sources.map(({ settings }) => settings)).toEqual(before.sources.map(({ settings }) => settings));
    const settingsOf = (of: typeof config) => new Map(of.sources.map(({ id, settings }) => [id, settings]));
    expect(placements(loaded.toggles, settingsOf(config))).toEqual(
      placements(before.legacy?.toggles ?? [], settingsOf(before)),
    );
    const asked = ({ usersPolicy, contextKind }: Toggle) => audienceIdOf(usersPolicy, contextKind);
    const second = (toggles: readonly Toggle[]) => toggles.filter(({ usersPolicy }) => usersPolicy.source === 'second');
    expect(new Set(second(loaded.toggles).map(asked))).toEqual(
      new Set(second(before.legacy?.toggles ?? []).map(asked)),
    );
  });

  it('writes no secret anywhere', async () => {
    const { folder, result } = await run();
    const files = ['optoggles.yaml', ...readdirSync(join(folder, 'flags')).map(name => `flags/${name}`)];
    expect([...result.files].map(file => file.replaceAll('\\', '/')).sort()).toEqual(files.sort());
    const all = `${files.map(file => readFileSync(join(folder, file), 'utf8')).join('\n')}${JSON.stringify(result)}`;
    for (const secret of ['opal-secret', 'in-url', 'in-query', 'header-secret']) expect(all).not.toContain(secret);
  });

  it('makes flag files that people can go on with', async () => {
    const { folder, result } = await run();
    expect(parse(readFileSync(join(folder, 'flags/us-feature-2.yaml'), 'utf8'))).toEqual({
      key: 'us-feature-2',
      name: 'US only',
      description: 'For the US.',
      owner: 'unknown',
      type: 'permission',
      created: today,
      adopt: true,
      usersPolicy: { source: 'main-opal', package: 'app.rbac', rule: 'us_users' },
      targets: { restapi: { key: 'us-feature', tags: ['a'], nested: { x: '${NOT_A_VARIABLE}' } } },
    });
    expect(parse(readFileSync(join(folder, 'flags/US-Feature.yaml'), 'utf8'))).toMatchObject({
      key: 'US-Feature',
      name: 'US-Feature',
    });
    expect(parse(readFileSync(join(folder, 'flags/Gr-e-5.yaml'), 'utf8'))).toMatchObject({
      name: 'Größe / 5',
      targets: { restapi: { key: 'Größe / 5', name: 5 } },
    });
    expect(result.warnings.map(({ message }) => message)).toEqual([
      '"Größe / 5" is called Gr-e-5 here, because it is no name that files can have.',
      '"us-feature" is called us-feature-2 here, because it is no name that files can have.',
      '"main opal" is called main-opal here, because it is no name that files can have.',
      'The old form names no owners: 3 flag files say "owner: unknown" or what their spec said.',
    ]);
  });

  it('writes over nothing', async () => {
    const { folder, configFile } = await run();
    const problem = { problem: { code: 'would-overwrite' } };
    await expect(migrate({ configFile, kinds, outDir: folder, today })).rejects.toMatchObject(problem);
    const other = tempFolder();
    mkdirSync(join(other, 'flags'));
    writeFileSync(join(other, 'flags/mine.yaml'), 'mine');
    await expect(migrate({ configFile, kinds, outDir: other, today })).rejects.toMatchObject(problem);
    expect(readdirSync(other)).toEqual(['flags']);
    expect(readFileSync(join(other, 'flags/mine.yaml'), 'utf8')).toBe('mine');
  });

  it('warns that the state stays where it was', async () => {
    const { configFile } = await run();
    const { warnings } = await migrate({ configFile, kinds, outDir: tempFolder(), today });
    expect(warnings.map(({ code }) => code)).toContain('state-elsewhere');
  });

  it('refuses what is not the old form, or not right', async () => {
    const { folder } = await run();
    const configFile = join(folder, 'optoggles.yaml');
    const outDir = tempFolder();
    await expect(migrate({ configFile, kinds, outDir, today })).rejects.toMatchObject({
      problem: { code: 'not-old-form' },
    });
    const wrong = join(tempFolder({ 'config.yaml': 'target: {}\n' }), 'config.yaml');
    await expect(migrate({ configFile: wrong, kinds, outDir, today })).rejects.toMatchObject({ name: 'ProblemsError' });
    expect(readdirSync(outDir)).toEqual([]);
  });

  it('keeps LaunchDarkly’s environments and names', async () => {
    const { folder, before } = await run(`sources: [{ id: o, url: "http://opal:7000" }]
target: { targetType: launchdarkly, targetSpec: { launchdarklyToken: api-secret } }
toggles:
  - key: a
    usersPolicy: { source: o, package: app.rbac, rule: r }
    spec: { name: A, projKey: default, environments: [production] }
`);
    const { config } = await loadConfig(join(folder, 'optoggles.yaml'), {
      kinds,
      env: { LAUNCHDARKLY_TOKEN: 'api-secret' },
      secrets: 'substitute',
    });
    expect(config.targets).toEqual(before.targets);
    const [toggle] = (await createFlagLoader(config, kinds).load([])).toggles;
    expect(toggle).toMatchObject({
      name: 'A',
      environments: { production: {} },
      targets: { launchdarkly: { spec: { projKey: 'default', temporary: 'keep' } } },
    });
  });
});
