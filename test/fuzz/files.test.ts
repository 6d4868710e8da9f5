import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sourceKinds, targetKinds } from '../../src/kinds.ts';
import { readLists } from '../../src/audience/static/file.ts';
import { loadConfig } from '../../src/load/config.ts';
import { readFlag } from '../../src/load/flag-file.ts';
import { createFlagLoader } from '../../src/load/flags.ts';
import { decodeText, flagFileLimit } from '../../src/load/text-file.ts';
import { flagConfig } from '../support/flag-config.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { expectForPeople, expectProblems } from './expect-problem.ts';
import { mutated, nested } from './mutate.ts';

const kinds = { sources: sourceKinds, targets: targetKinds };
const corpus = join(import.meta.dirname, 'corpus');

const flag = `key: us-feature
name: US only feature
description: Shown to people who live in the US.
owner: team-growth
type: release
created: 2026-11-01
expires: 2027-02-01
state: on
contextKind: user
usersPolicy: { source: main, package: [app, rbac], rule: us_users, input: { plan: [pro, { a: 1 }] } }
environments:
  production: {}
  test: { usersPolicy: { source: other, package: app.rbac, rule: employees }, state: off }
targets:
  ld: { tags: [growth] }
guard: { maxUsers: 400 }
`;

const config = `version: 1
instance: acme-prod
bind: "127.0.0.1:8080"
flags: { git: "https://git.internal/flags.git", ref: main, path: flags, token: "\${GIT_TOKEN}", poll: 30s }
sources:
  - id: main
    type: opal
    url: http://opal-client:7000
    token: \${OPAL_TOKEN:-}
    advertisedAddress: optoggles:8080
    opa: { url: "http://opa:8181", token: "\${OPA_TOKEN:-}" }
    sentinels: [data.example.users]
    resync: 5m
  - { id: plain, type: opa, url: "http://127.0.0.1:8181", poll: 10s }
  - { id: fixed, type: static, path: audiences.yaml }
targets:
  - { name: ld, type: launchdarkly, token: "\${GIT_TOKEN}", projKey: default, environments: { production: prod } }
  - { name: rest, type: restapi, endpointUrl: "https://flags.internal/t", environment: production, read: false }
  - { name: local, type: flagd, path: "out/{environment}.json", environments: [production] }
guard: { maxRevokedShare: 0.3, alwaysAllowedRevocations: 5, window: 10m }
adminTokens: [{ name: oncall, token: "\${ADMIN:-}" }]
`;

const old = `bind: 0.0.0.0:8080
sources:
  - { id: main, url: "http://opal:7000", advertisedAddress: "optoggles:8080" }
target: { targetType: restapi, targetSpec: { endpointUrl: "http://flags/t", extraHeaders: { A: "b" } } }
toggles:
  - key: us-feature
    usersPolicy: { source: main, package: app.rbac, rule: us_users }
    spec: &spec { name: US, tags: [a] }
  - { key: other, usersPolicy: { source: main, package: app.rbac, rule: x }, spec: *spec }
`;

const lists = 'app.rbac.us_users: [alice, bob]\napp["my.pkg"].rule: { carol: true, dave: false }\n';

function readText(text: string): ReturnType<typeof readFlag> | undefined {
  let clean: string;
  try {
    clean = decodeText(Buffer.from(text), 'flags/us-feature.yaml');
  } catch (error) {
    expectForPeople(error);
    return undefined;
  }
  return readFlag({ text: clean, file: 'flags/us-feature.yaml', key: 'us-feature' }, flagConfig('/nowhere'), kinds);
}

/** Valid, or problems for people; never both, and nothing that was not in a valid file before. */
function checkFlag(text: string): void {
  const began = process.threadCpuUsage();
  const read = readText(text);
  const { user, system } = process.threadCpuUsage(began);
  expect((user + system) / 1000, 'ms of processor time').toBeLessThan(4_000);
  if (read === undefined) return;
  expect(read.toggle === undefined).toBe(read.problems.length > 0);
  if (read.problems.length > 0) expectProblems(read.problems);
  else expect(read.toggle?.key).toBe('us-feature');
  expect(Object.hasOwn(Object.prototype, 'polluted')).toBe(false);
}

describe('a flag file that somebody made', () => {
  it('is the flag that the corpus begins with', () => {
    expect(readText(flag)?.problems).toEqual([]);
  });

  it('is taken as a whole or refused with places and next steps', () => {
    fc.assert(fc.property(mutated(flag), checkFlag), { numRuns: 250 });
  });

  it('may be anything', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 300 }), checkFlag), { numRuns: 200 });
  });

  it('may be as bad as the corpus, or as large as it is allowed to be', () => {
    for (const name of readdirSync(join(corpus, 'flags'))) checkFlag(readFileSync(join(corpus, 'flags', name), 'utf8'));
    const half = flagFileLimit / 4;
    for (const text of [
      nested('[', ']', half),
      nested('{a: ', '}', half / 5),
      '- '.repeat(half),
      '? '.repeat(half),
      'a: '.repeat(half / 2),
      '"'.repeat(half),
      `${'x'.repeat(half)}: ${'y'.repeat(half)}`,
      Array.from({ length: 20_000 }, (_, index) => `k${index}: 1`).join('\n'),
      `key: us-feature\n${'key: us-feature\n'.repeat(15_000)}`,
      `&a [${Array.from({ length: 9 }, () => '*a').join(',')}]`,
      '\t'.repeat(half),
      `#${'é'.repeat(half / 2)}`,
    ]) {
      checkFlag(text);
    }
  });

  it('beside others leaves those in force', async () => {
    const folder = tempFolder({ 'flags/good.yaml': flag.replaceAll('us-feature', 'good') });
    const loader = createFlagLoader(flagConfig(folder), kinds);
    await fc.assert(
      fc.asyncProperty(mutated(flag), async text => {
        writeFileSync(join(folder, 'flags/us-feature.yaml'), text);
        const loaded = await loader.load([]);
        expect(loaded.unreadable).toBeUndefined();
        expect(loaded.toggles.map(({ key }) => key)).toContain('good');
        expect(loaded.present).toContain('us-feature');
        expect(loaded.broken.has('us-feature')).toBe(!loaded.toggles.some(({ key }) => key === 'us-feature'));
      }),
      { numRuns: 40 },
    );
  });
});

describe('a configuration that somebody made', () => {
  const env = { GIT_TOKEN: 'canary-token-git', HOME: 'canary-token-home' };

  async function check(folder: string, text: string): Promise<'loaded' | 'refused'> {
    writeFileSync(join(folder, 'optoggles.yaml'), text);
    try {
      await loadConfig(join(folder, 'optoggles.yaml'), { kinds, env, secrets: 'substitute', purpose: 'run' });
      return 'loaded';
    } catch (error) {
      expectForPeople(error);
      const text = JSON.stringify(error, ['problems', 'message', 'hint']);
      expect(text).not.toContain('canary-token');
      return 'refused';
    }
  }

  it('is the one that the corpus begins with', async () => {
    const folder = tempFolder({ 'audiences.yaml': lists });
    for (const text of [config, old]) expect(await check(folder, text)).toBe('loaded');
  });

  it('is taken as a whole or refused with places and next steps', async () => {
    const folder = tempFolder({ 'audiences.yaml': lists });
    const run = fc.asyncProperty(mutated(config, old), async text => void (await check(folder, text)));
    await fc.assert(run, { numRuns: 200 });
  });

  it('may be as bad as the corpus, or as large as it is allowed to be', async () => {
    const folder = tempFolder({ 'audiences.yaml': lists });
    for (const name of readdirSync(join(corpus, 'config'))) {
      expect(await check(folder, readFileSync(join(corpus, 'config', name), 'utf8')), name).toBe('refused');
    }
    for (const text of [nested('[', ']', 60_000), 'a: '.repeat(30_000), `#${'x'.repeat(1024 * 1024)}`]) {
      expect(await check(folder, text)).toBe('refused');
    }
  });
});

describe('lists that somebody made', () => {
  async function check(folder: string, name: string, text: string): Promise<void> {
    writeFileSync(join(folder, name), text);
    try {
      await readLists(folder, { path: join(folder, name), name }, undefined);
    } catch (error) {
      expectForPeople(error);
    }
  }

  it('are taken as a whole or refused', async () => {
    const folder = tempFolder();
    const json = '{"app.rbac.us_users": ["alice", "bob"], "app.rbac.x": {"carol": true}}';
    await fc.assert(
      fc.asyncProperty(mutated(lists), text => check(folder, 'a.yaml', text)),
      { numRuns: 100 },
    );
    await fc.assert(
      fc.asyncProperty(mutated(json), text => check(folder, 'a.json', text)),
      { numRuns: 100 },
    );
    for (const [open, close] of [
      ['[', ']'],
      ['{"a":', '}'],
    ] as const) {
      for (const name of ['a.yaml', 'a.json']) await check(folder, name, `{"a.b": ${nested(open, close)}}`);
    }
  });
});
