import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Config } from '../../src/domain/config.ts';
import { formatProblem, type Problem, ProblemError, ProblemsError } from '../../src/domain/problem.ts';
import { findConfig, loadConfig, secretsOf } from '../../src/load/config.ts';
import { fakeKinds as kinds } from '../support/fake-kinds.ts';
import { tempFolder, writeFiles } from '../support/temp-folder.ts';

type Env = Record<string, string>;

async function load(text: string, env: Env = {}, secrets: 'substitute' | 'check' = 'substitute'): Promise<Config> {
  const folder = tempFolder({ 'optoggles.yaml': text });
  return (await loadConfig(join(folder, 'optoggles.yaml'), { kinds, env, secrets })).config;
}

async function problemsOf(work: Promise<unknown>): Promise<readonly Problem[]> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof ProblemError) return [error.problem];
  if (!(error instanceof ProblemsError)) throw new Error('expected problems', { cause: error });
  return error.problems;
}

async function errorsOf(text: string, env: Env = {}, secrets: 'substitute' | 'check' = 'substitute') {
  const problems = await problemsOf(load(text, env, secrets));
  for (const { hint } of problems) expect(hint).toBeTruthy();
  return problems.map(formatProblem).map(line => line.replace(/^optoggles\.yaml:/, ''));
}

const small = `version: 1
instance: acme
sources: [{ id: main, url: "http://opal:7000" }]
targets: [{ name: local, type: flagd, path: out.json }]
`;

describe('a configuration', () => {
  it('gets its defaults', async () => {
    const config = await load(small);
    expect(config).toEqual({
      file: 'optoggles.yaml',
      folder: config.folder,
      instance: 'acme',
      bind: { host: '127.0.0.1', port: 8080 },
      flags: { folder: join(config.folder, 'flags') },
      legacy: undefined,
      stateDir: join(config.folder, '.optoggles'),
      sources: [{ id: 'main', type: 'opal', settings: { url: 'http://opal:7000', resync: '5m' } }],
      targets: [
        { name: 'local', type: 'flagd', policy: 'sync', environments: undefined, settings: { path: 'out.json' } },
      ],
      onRemoved: 'disable',
      drift: { interval: 600_000, reopen: false },
      guard: {
        maxRevokedShare: 0.3,
        alwaysAllowedRevocations: 5,
        maxGrantedShare: 1,
        alwaysAllowedGrants: 50,
        maxUsers: null,
        window: 600_000,
        maxRemovedToggles: 0.3,
      },
      callbackSecret: undefined,
      adminTokens: [],
      readTokens: [],
      publicStatus: false,
      audit: { keep: 34_560_000_000, maxRows: 1_000_000, users: false },
      notify: [],
      secrets: [],
    });
  });

  it('keeps what it says', async () => {
    const config =
      await load(`${small.replace('path: out.json', 'path: out.json, policy: detect, environments: [b, a]')}
policy: upsert-only
onRemoved: archive
stateDir: /var/lib/optoggles
flags: conf/flags
drift: { interval: 90s }
guard: { window: 1h, maxUsers: 10 }
callbackSecret: abc
adminTokens: [{ name: oncall, token: t1 }, { name: nobody, token: "" }]
readTokens: [{ name: board, token: t2 }]
publicStatus: true
audit: { keep: 30d, maxRows: 5000, users: true }
notify:
  - { type: slack, url: https://hooks.slack.test/services/T0/B0/secret }
  - { type: webhook, url: http://pager.test/, events: [degraded] }
`);
    expect(config.targets[0]).toMatchObject({ policy: 'detect', environments: ['b', 'a'] });
    expect(config).toMatchObject({
      onRemoved: 'archive',
      stateDir: '/var/lib/optoggles',
      flags: { folder: join(config.folder, 'conf/flags') },
      drift: { interval: 90_000, reopen: false },
      guard: { window: 3_600_000, maxUsers: 10, maxRevokedShare: 0.3 },
      callbackSecret: 'abc',
      adminTokens: [{ name: 'oncall', token: 't1' }],
      readTokens: [{ name: 'board', token: 't2' }],
      publicStatus: true,
      audit: { keep: 2_592_000_000, maxRows: 5000, users: true },
      notify: [
        {
          type: 'slack',
          url: 'https://hooks.slack.test/services/T0/B0/secret',
          events: ['blocked', 'degraded', 'recovered'],
        },
        { type: 'webhook', url: 'http://pager.test/', events: ['degraded'] },
      ],
    });
  });

  it.each([
    ['"127.0.0.1:8080"', { host: '127.0.0.1', port: 8080 }],
    ['"[::1]:8080"', { host: '::1', port: 8080 }],
    ['":8080"', { host: '', port: 8080 }],
    ['"localhost:0"', { host: 'localhost', port: 0 }],
  ])('binds to %s', async (text, bind) => {
    expect((await load(`${small}bind: ${text}\n`)).bind).toEqual(bind);
  });

  it.each(['"8080"', '"::1:8080"', '"[::1]"', '"[x]:1"', '"a:65536"', '"a b:1"', '"http://a:1"', '""'])(
    'does not bind to %s',
    async text => {
      expect(await errorsOf(`${small}bind: ${text}\n`)).toEqual([
        '5:7: "bind" is no address to listen on. Write host:port, :port or [::1]:port.',
      ]);
    },
  );
});

describe('errors of the configuration', () => {
  const sources = 'sources: [{ id: main, url: "http://opal:7000" }]';
  const targets = 'targets: [{ name: local, type: flagd, path: out.json }]';
  it.each<[string, string, string[]]>([
    ['nothing', '', ['1:1: The file is empty. Start with "version: 1"; see the configuration reference.']],
    [
      'a list',
      '- a\n',
      ['1:1: The file is no mapping of keys to values. Start with "version: 1"; see the configuration reference.'],
    ],
    ['an unknown key', `${small}polcy: sync\n`, ['5:1: Unknown key "polcy". Did you mean "policy"?']],
    [
      'an unknown key that is near nothing',
      `${small}drift: { xyzzy: 1 }\n`,
      ['5:10: Unknown key "xyzzy". Known keys here: interval, reopen.'],
    ],
    [
      'keys of every object',
      `${small}constructor: 1\ntoString: 2\n`,
      [
        '5:1: Unknown key "constructor". Known keys here: version, instance, bind, flags, stateDir, sources, targets, policy, onRemoved, drift, guard, maxHold, callbackSecret, adminTokens, readTokens, audit, notify, publicStatus.',
        '6:1: Unknown key "toString". Known keys here: version, instance, bind, flags, stateDir, sources, targets, policy, onRemoved, drift, guard, maxHold, callbackSecret, adminTokens, readTokens, audit, notify, publicStatus.',
      ],
    ],
    [
      'a reserved key',
      `${small}tls: {}\nserve: {}\n`,
      [
        '5:1: "tls" is reserved for a later version. Remove it.',
        '6:1: "serve" is reserved for a later version. Remove it.',
      ],
    ],
    [
      'flags from git over ssh without an installed git',
      `${small}flags: { git: "git@host.example:flags.git" }\n`,
      [
        '5:15: An ssh address needs an installed git. Set "driver: cli" where git and ssh are installed, or use the https address with a token.',
      ],
    ],
    [
      'an audit log without a unit',
      `${small}audit: { keep: 400 }\n`,
      ['5:16: "audit.keep" must be text, not a number. Use a whole number of days above 0, such as 400d.'],
    ],
    [
      'a receiver without an address',
      `${small}notify: [{ type: webhook, url: pager }]\n`,
      ['5:32: The "url" of notify 1 is no address. Write the whole address, with https://.'],
    ],
    [
      'a receiver that is told of something else',
      `${small}notify: [{ type: webhook, url: "http://pager.test", events: [all] }]\n`,
      ['5:62: "notify[0].events[0]" must be one of blocked, degraded, recovered. A kind of news.'],
    ],
    ['another version', small.replace('1', '2'), ['1:10: "version" must be 1. The version of this format: 1.']],
    [
      'a missing key',
      `version: 1\n${sources}\n${targets}\n`,
      ['1:1: "instance" is missing. Add "instance": names this installation.'],
    ],
    [
      'text for a number',
      `${small}guard: { maxUsers: "5" }\n`,
      [
        '5:20: "guard.maxUsers" must be a whole number or null, not text. More users than this are never let in; null: no limit.',
      ],
    ],
    [
      'a share above 1',
      `${small}guard: { maxRevokedShare: 30 }\n`,
      [
        '5:27: "guard.maxRevokedShare" must be at most 1. Share of a placement’s users that may lose it within the window, 0 to 1.',
      ],
    ],
    [
      'a count below 0',
      `${small}guard: { alwaysAllowedGrants: -1 }\n`,
      ['5:31: "guard.alwaysAllowedGrants" must be at least 0. So many users may gain it whatever the share.'],
    ],
    [
      'a duration without unit',
      `${small}guard: { window: 10 }\n`,
      ['5:18: "guard.window" must be text, not a number. Use a whole number above 0 with ms, s, m or h, such as 30s.'],
    ],
    [
      'a duration with another unit',
      `${small}drift: { interval: 2d }\n`,
      ['5:20: "drift.interval" has the wrong form. Use a whole number above 0 with ms, s, m or h, such as 30s.'],
    ],
    [
      'a word that is near',
      `${small}onRemoved: disabled\n`,
      ['5:12: "onRemoved" must be one of disable, archive, keep. Did you mean "disable"?'],
    ],
    [
      'a word that is not',
      `${small}policy: x\n`,
      [
        '5:9: "policy" must be one of sync, upsert-only, detect. What may be written. `sync`: everything; `upsert-only`: toggles whose file went are never closed, users are still revoked; `detect`: nothing is written.',
      ],
    ],
    [
      'a path that leads out',
      `${small}flags: ../flags\nstateDir: ../state\n`,
      [
        '5:8: "flags" leads out of the configuration’s folder. Name a folder inside it.',
        '6:11: "stateDir" leads out of the configuration’s folder. Name a folder inside it, or give an absolute path.',
      ],
    ],
    [
      'an unknown kind of source',
      `version: 1\ninstance: a\nsources: [{ id: a, type: opl }]\n${targets}\n`,
      ['3:26: "sources[0].type": there is no kind of source called "opl". Did you mean "opal"?'],
    ],
    [
      'a kind that every object has',
      `version: 1\ninstance: a\nsources: [{ id: a, type: constructor }]\n${targets}\n`,
      ['3:26: "sources[0].type": there is no kind of source called "constructor". Kinds of sources: opal, static.'],
    ],
    [
      'an unknown kind of target',
      `version: 1\ninstance: a\n${sources}\ntargets: [{ name: a, type: flagb }]\n`,
      ['4:28: "targets[0].type": there is no kind of target called "flagb". Did you mean "flagd"?'],
    ],
    [
      'a setting of a kind',
      `version: 1\ninstance: a\n${sources}\ntargets: [{ name: a, type: restapi, endpointURL: x }]\n`,
      [
        '4:11: "targets[0].endpointUrl" is missing. Add "endpointUrl": where toggles are created and updated.',
        '4:37: Unknown key "endpointURL". Did you mean "endpointUrl"?',
      ],
    ],
    [
      'environments where the kind takes none',
      `version: 1\ninstance: a\n${sources}\ntargets: [{ name: a, type: restapi, endpointUrl: x, environments: [b] }]\n`,
      ['4:53: Unknown key "environments". Did you mean "environment"?'],
    ],
    [
      'one environment twice',
      `version: 1\ninstance: a\n${sources}\ntargets: [{ name: a, type: flagd, path: x, environments: [b, b] }]\n`,
      ['4:58: "targets[0].environments" names something twice. Keep one of them.'],
    ],
    [
      'two of a name',
      `version: 1\ninstance: a\nsources:\n  - { id: a, type: static, path: x }\n  - { id: a, type: static, path: y }\ntargets:\n  - { name: a, type: flagd, path: x }\n  - { name: a, type: flagd, path: x }\n`,
      [
        '5:11: There is already a source called "a" at 4:11. Give each its own name.',
        '8:13: There is already a target called "a" at 7:13. Give each its own name.',
      ],
    ],
    [
      'two tokens of a name',
      `${small}adminTokens: [{ name: a, token: x }, { name: a, token: y }]\n`,
      ['5:46: adminTokens has two tokens called "a". Give each its own name.'],
    ],
    [
      'aliases',
      `x: &x 1\n${small}`,
      [
        '1:1: Unknown key "x". Known keys here: version, instance, bind, flags, stateDir, sources, targets, policy, onRemoved, drift, guard, maxHold, callbackSecret, adminTokens, readTokens, audit, notify, publicStatus.',
      ],
    ],
    [
      'a used alias',
      `${small.replace('acme', '&i acme')}callbackSecret: *i\n`,
      ['5:17: Aliases are not allowed here. Write the value out.'],
    ],
    [
      'a bad name',
      small.replace('acme', '"a b"'),
      [
        '2:11: "instance" has the wrong form. Use letters, digits, ".", "_" and "-", starting with a letter or a digit.',
      ],
    ],
    [
      'no sources',
      `version: 1\ninstance: a\nsources: []\n${targets}\n`,
      ['3:10: "sources" must not be empty. Name at least one, or leave the key out if it is optional.'],
    ],
    [
      'a source that is no mapping',
      `version: 1\ninstance: a\nsources: [main]\n${targets}\n`,
      ['3:11: "sources[0]" must be a mapping, not text. One source, in the terms of its kind.'],
    ],
  ])('%s', async (_, text, expected) => {
    expect(await errorsOf(text)).toEqual(expected);
  });

  it('come all at once, sorted, from every part', async () => {
    const places = (await errorsOf('version: 3\nsources: [{ id: "", type: x }]\nextra: 1\n')).map(
      line => line.split(' ')[0],
    );
    expect(places).toEqual(['1:1:', '1:1:', '1:10:', '2:17:', '2:27:', '3:1:']);
  });

  it('of a file that is not there, or not text, or too large', async () => {
    const folder = tempFolder();
    const options = { kinds, env: {}, secrets: 'check' } as const;
    const path = join(folder, 'optoggles.yaml');
    expect(await problemsOf(loadConfig(path, options))).toMatchObject([{ code: 'config-not-found' }]);
    mkdirSync(path);
    expect(await problemsOf(loadConfig(path, options))).toMatchObject([{ code: 'not-a-file' }]);
    const other = join(folder, 'other.yaml');
    writeFileSync(other, Buffer.from([0xff, 0xfe, 0x61, 0x00]));
    expect(await problemsOf(loadConfig(other, options))).toMatchObject([{ code: 'not-text' }]);
    writeFileSync(other, 'version: 1\ninstance: "a\0b"\n');
    const [control] = await problemsOf(loadConfig(other, options));
    expect(formatProblem(control as Problem)).toBe(
      'other.yaml:2:13: The file holds the control character U+0000. Remove it; inside double quotes it may be written as an escape.',
    );
    writeFileSync(other, `#${' '.repeat(1024 * 1024)}`);
    expect(await problemsOf(loadConfig(other, options))).toMatchObject([{ code: 'file-too-large' }]);
  });

  it('reads a byte order mark and Windows line ends', async () => {
    expect((await load(`\ufeff${small.replaceAll('\n', '\r\n')}`)).instance).toBe('acme');
  });
});

describe('references', () => {
  const rest = (endpoint: string) => `version: 1
instance: acme
sources: [{ id: main, url: "http://opal:7000", token: "\${OPAL_TOKEN}" }]
targets:
  - { name: rest, type: restapi, endpointUrl: "${endpoint}", extraHeaders: { Authorization: "Bearer \${TOKEN}" } }
`;
  const env = { OPAL_TOKEN: 'opal-secret', TOKEN: 'rest-secret', HOST: 'flags', EMPTY: '' };

  it('are replaced in parsed text, never read again', async () => {
    const config = await load(rest('https://${HOST}.internal/${PATH:-toggles}/${EMPTY:-x}'), {
      ...env,
      TOKEN: '${OPAL_TOKEN} "quoted": [yaml]',
    });
    expect(config.targets[0]?.settings).toMatchObject({
      endpointUrl: 'https://flags.internal/toggles/x',
      extraHeaders: { Authorization: 'Bearer ${OPAL_TOKEN} "quoted": [yaml]' },
    });
  });

  it('read files, without the last line end', async () => {
    const folder = tempFolder({ 'optoggles.yaml': rest('${file:secrets/url}'), 'secrets/url': 'https://a/b\r\n' });
    const { config } = await loadConfig(join(folder, 'optoggles.yaml'), { kinds, env, secrets: 'substitute' });
    expect(config.targets[0]?.settings.endpointUrl).toBe('https://a/b');
    const absolute = rest(`\${file:${join(folder, 'secrets/url')}}`);
    expect((await load(absolute, env)).targets[0]?.settings.endpointUrl).toBe('https://a/b');
  });

  it.each<[string, string]>([
    ['${NOPE}', '5:47: The environment variable NOPE is not set. Set it, or write ${NOPE:-} where it may be empty.'],
    ['${EMPTY}', '5:47: The environment variable EMPTY is empty. Set it, or write ${EMPTY:-} where it may be empty.'],
    [
      '${constructor}',
      '5:47: The environment variable constructor is not set. Set it, or write ${constructor:-} where it may be empty.',
    ],
    ['${file:nope}', '5:47: The file "nope" does not exist. Create it or correct the path.'],
    ['${file:.}', '5:47: "." is no regular file of at most 1048576 bytes. Name the file with the secret.'],
  ])('%s has to be there', async (reference, message) => {
    expect(await errorsOf(rest(reference), env)).toEqual([message]);
    await expect(load(rest(reference), env, 'check')).resolves.toBeDefined();
  });

  it.each(['${', '${}', '${1A}', '${A', '${A-b}', '${file:}', '${A:-${B}}', '${ A }'])(
    '%s is none',
    async reference => {
      const message = `5:47: "targets[0].endpointUrl" holds a "\${" that is no reference. Write \${NAME}, \${NAME:-default} or \${file:path}; text that holds "\${" comes in through one of them.`;
      expect(await errorsOf(rest(reference), env)).toEqual([message]);
      expect(await errorsOf(rest(reference), {}, 'check')).toEqual([message]);
    },
  );

  it('need nothing when only checked, and are not judged by the form of what they stand for', async () => {
    const config = await load(rest('${URL}').replace('"http://opal:7000"', '"${OPAL}"'), {}, 'check');
    expect(config.sources[0]?.settings.url).toBe('${OPAL}');
    expect(secretsOf(config)).toContain('${OPAL_TOKEN}');
  });

  it('cannot stand for what flag files are checked against', async () => {
    const text = small
      .replace('id: main', 'id: "${ID}"')
      .replace('path: out.json', 'path: out.json, environments: ["${ENV:-a}"]');
    expect(await errorsOf(text, { ID: 'a' })).toEqual([
      '3:17: "sources[0].id" cannot be a reference. Write it out: flag files are checked against it without any environment.',
      '4:70: "targets[0].environments[0]" cannot be a reference. Write it out: flag files are checked against it without any environment.',
    ]);
  });

  it('are plain text in keys', async () => {
    const config = await load(rest('https://x').replace('Authorization', '"${TOKEN}"'), env);
    expect(Object.keys(config.targets[0]?.settings.extraHeaders as object)).toEqual(['${TOKEN}']);
  });

  it('never show what they stand for, whatever is wrong with it', async () => {
    const secret = 'hunter2-and-more';
    const wrong = `${small.replace('"http://opal:7000"', '"${S}"')}bind: "\${S}"\npolicy: "\${S}"\ndrift: { interval: "\${S}" }\n`;
    const errors = await errorsOf(wrong, { S: secret });
    expect(errors.map(line => line.split(' ')[0])).toEqual(['3:28:', '6:9:', '7:20:']);
    expect(errors.join('\n')).not.toContain(secret);
  });
});

describe('secrets of a configuration', () => {
  it('are all its tokens, headers, passwords and what came in through references', async () => {
    const config = await load(
      `version: 1
instance: acme
sources:
  - { id: main, url: "http://user:p%40ss@opal:7000/?access_token=in-query", token: opal-token }
targets:
  - { name: rest, type: restapi, endpointUrl: "https://\${HOST}/x", extraHeaders: { Authorization: "Bearer abc", X-Team: blue } }
callbackSecret: call-secret
adminTokens: [{ name: a, token: admin-token }]
readTokens: [{ name: b, token: read-token }]
`,
      { HOST: 'secret.internal' },
    );
    expect(secretsOf(config).sort()).toEqual(
      [
        'Bearer abc',
        'abc',
        'admin-token',
        'blue',
        'call-secret',
        'in-query',
        'opal-token',
        'p%40ss',
        'p@ss',
        'read-token',
        'secret.internal',
      ].sort(),
    );
  });
});

describe('the place of the configuration', () => {
  it('is the first of the default ones', async () => {
    const folder = tempFolder({ 'config.yaml': small });
    expect(await findConfig(folder)).toBe('config.yaml');
    writeFiles(folder, { 'optoggles.yaml': small });
    expect(await findConfig(folder)).toBe('optoggles.yaml');
  });

  it('is told when there is none', async () => {
    const [problem] = await problemsOf(findConfig(tempFolder()));
    expect(problem).toMatchObject({ code: 'config-not-found', hint: expect.stringContaining('--config') as string });
  });
});
