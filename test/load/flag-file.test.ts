import { describe, expect, it } from 'vitest';
import type { Config } from '../../src/domain/config.ts';
import { formatProblem } from '../../src/domain/problem.ts';
import { expiredWarnings, isExpired } from '../../src/load/expired.ts';
import { readFlag } from '../../src/load/flag-file.ts';
import { fakeKinds as kinds } from '../support/fake-kinds.ts';
import { flagConfig } from '../support/flag-config.ts';

const config: Config = flagConfig('/nowhere');

const small = `key: us-feature
name: US only
owner: team-growth
type: permission
created: 2026-11-01
usersPolicy: { source: main, package: app.rbac, rule: us_users }
`;

function read(text: string, key = 'us-feature', inConfig = config) {
  return readFlag({ text, file: `flags/${key}.yaml`, key }, inConfig, kinds);
}

function errors(text: string, key?: string, inConfig?: Config): string[] {
  const { problems, toggle } = read(text, key, inConfig);
  expect(toggle === undefined).toBe(problems.length > 0);
  for (const { hint } of problems) expect(hint).toBeTruthy();
  return problems.map(formatProblem).map(line => line.replace(/^flags\/[^:]*:/, ''));
}

describe('a flag file', () => {
  it('gets its defaults', () => {
    expect(read(small).toggle).toEqual({
      key: 'us-feature',
      name: 'US only',
      owner: 'team-growth',
      type: 'permission',
      created: '2026-11-01',
      state: 'on',
      contextKind: 'user',
      adopt: false,
      usersPolicy: { source: 'main', package: ['app', 'rbac'], rule: 'us_users' },
      guard: {},
      file: 'flags/us-feature.yaml',
    });
  });

  it('keeps all it says', () => {
    const { toggle, problems } = read(`key: us-feature
name: US only
description: |
  Two
  lines.
owner: team-growth
type: release
created: 2026-11-01
expires: 2027-02-01
state: off
contextKind: organization
adopt: true
usersPolicy: { source: other, package: [app, "my.pkg", v1], rule: us_users, input: { a: [1, null, true] } }
environments:
  production: {}
  test: { state: on, usersPolicy: { source: main, package: app.rbac, rule: employees } }
targets:
  ld: { projKey: default, tags: [growth], key: other-key }
guard: { maxUsers: 100, maxRevokedShare: 0.1, allowEmpty: true }
`);
    expect(problems).toEqual([]);
    expect(toggle).toEqual({
      key: 'us-feature',
      name: 'US only',
      description: 'Two\nlines.\n',
      owner: 'team-growth',
      type: 'release',
      created: '2026-11-01',
      expires: '2027-02-01',
      state: 'off',
      contextKind: 'organization',
      adopt: true,
      usersPolicy: {
        source: 'other',
        package: ['app', 'my.pkg', 'v1'],
        rule: 'us_users',
        input: { a: [1, null, true] },
      },
      environments: {
        production: {},
        test: { state: 'on', usersPolicy: { source: 'main', package: ['app', 'rbac'], rule: 'employees' } },
      },
      targets: { ld: { key: 'other-key', spec: { projKey: 'default', tags: ['growth'] } } },
      guard: { maxUsers: 100, maxRevokedShare: 0.1, allowEmpty: true },
      file: 'flags/us-feature.yaml',
    });
  });

  it('has environments and targets without the names that every object has', () => {
    const environments = read(`${small}environments: { production: {} }\n`).toggle?.environments;
    expect(environments?.constructor).toBeUndefined();
    expect('toString' in (environments ?? {})).toBe(false);
  });
});

const policy = 'usersPolicy: { source: main, package: app.rbac, rule: us_users }';
const withPolicy = (text: string) => small.replace(policy, `usersPolicy: ${text}`);

describe('errors of a flag file', () => {
  it.each<[string, string, string[]]>([
    ['nothing', '', ['1:1: The file is empty. Start with "key: us-feature", or remove it.']],
    ['comments only', '# later\n', ['1:1: The file is empty. Start with "key: us-feature", or remove it.']],
    ['text', 'hello\n', ['1:1: The file is no mapping of keys to values. Start with "key: us-feature", or remove it.']],
    [
      'another key',
      small.replace('us-feature', 'eu-feature'),
      [
        '1:6: The key "eu-feature" is not the file’s name "us-feature". Rename the file to eu-feature.yaml, or write "key: us-feature".',
      ],
    ],
    [
      'an unknown key',
      small.replace('owner', 'onwer'),
      [
        '1:1: "owner" is missing. Add "owner": the team or person who answers for it.',
        '3:1: Unknown key "onwer". Did you mean "owner"?',
      ],
    ],
    ['a duplicate key', `${small}owner: me\n`, ['7:1: The key "owner" is already given at 3:1. Keep one.']],
    [
      'a duplicate and an unknown key',
      `${small}owner: me\nx: 1\n`,
      [
        '7:1: The key "owner" is already given at 3:1. Keep one.',
        '8:1: Unknown key "x". Known keys here: key, name, description, owner, type, created, expires, state, contextKind, adopt, usersPolicy, environments, targets, guard.',
      ],
    ],
    [
      'a number as name',
      small.replace('US only', '5'),
      ['2:7: "name" must be text, not a number. Use one line without control characters.'],
    ],
    [
      'an empty owner',
      small.replace('team-growth', '""'),
      ['3:8: "owner" must not be empty. The team or person who answers for it.'],
    ],
    [
      'no owner',
      small.replace(' team-growth', ''),
      ['3:7: "owner" must be text, not empty. The team or person who answers for it.'],
    ],
    [
      'a line break in a name',
      small.replace('US only', '"a\\nb"'),
      ['2:7: "name" has the wrong form. Use one line without control characters.'],
    ],
    [
      'another type',
      small.replace('permission', 'relase'),
      ['4:7: "type" must be one of release, experiment, operational, kill-switch, permission. Did you mean "release"?'],
    ],
    [
      'a state read as a truth',
      `${small}state: true\n`,
      ['7:8: "state" must be one of on, off. `off`: nobody has it, now, whatever the policy says.'],
    ],
    [
      'a day that is none',
      small.replace('2026-11-01', '2026-02-30'),
      ['5:10: "created" is not a day of the calendar. Write it as year-month-day, such as 2026-11-01.'],
    ],
    [
      'a day with a time',
      small.replace('2026-11-01', '2026-11-01T00:00:00Z'),
      ['5:10: "created" is not a day of the calendar. Write it as year-month-day, such as 2026-11-01.'],
    ],
    [
      'no expiry for a release',
      small.replace('permission', 'release'),
      [
        '1:1: "expires" is missing. Add "expires": the last day it should exist, such as 2027-02-01; past it there is a warning.',
      ],
    ],
    [
      'no expiry for an experiment',
      small.replace('permission', 'experiment'),
      [
        '1:1: "expires" is missing. Add "expires": the last day it should exist, such as 2027-02-01; past it there is a warning.',
      ],
    ],
    [
      'an expiry before creation',
      `${small}expires: 2026-10-31\n`,
      ['7:10: "expires" is before "created". Correct one of the two days.'],
    ],
    [
      'an unknown source',
      withPolicy('{ source: mian, package: app.rbac, rule: r }'),
      ['6:24: There is no source called "mian". Did you mean "main"?'],
    ],
    [
      'a source far from all',
      withPolicy('{ source: zzzzzz, package: app.rbac, rule: r }'),
      ['6:24: There is no source called "zzzzzz". Sources: main, other.'],
    ],
    [
      'a package of dots',
      withPolicy('{ source: other, package: app..rbac, rule: r }'),
      [
        '6:40: "usersPolicy.package" has the wrong form. Use names joined by dots, such as app.rbac; a list where a name holds a dot, such as [app, "my.pkg"].',
      ],
    ],
    [
      'a package in brackets',
      withPolicy('{ source: other, package: "app[x]", rule: r }'),
      [
        '6:40: "usersPolicy.package" has the wrong form. Use names joined by dots, such as app.rbac; a list where a name holds a dot, such as [app, "my.pkg"].',
      ],
    ],
    [
      'a package that climbs',
      withPolicy('{ source: other, package: [app, ".."], rule: r }'),
      [
        '6:46: "usersPolicy.package[1]" has the wrong form. Use a name other than "." and "..", without control characters.',
      ],
    ],
    [
      'a rule that climbs',
      withPolicy('{ source: other, package: app, rule: ".." }'),
      ['6:51: "usersPolicy.rule" has the wrong form. Use a name other than "." and "..", without control characters.'],
    ],
    [
      'a package that is a number',
      withPolicy('{ source: other, package: 5, rule: r }'),
      [
        '6:40: "usersPolicy.package" must be text or a list, not a number. The Rego package, without `data`: names joined by dots, or a list of names.',
      ],
    ],
    [
      'an empty package',
      withPolicy('{ source: other, package: [], rule: r }'),
      ['6:40: "usersPolicy.package" must not be empty. Name at least one, or leave the key out if it is optional.'],
    ],
    [
      'a package that is not allowed',
      withPolicy('{ source: main, package: app.secret, rule: r }'),
      [
        '6:39: The source "main" may not be asked for the package "app.secret". Add it to "packages" of that source, or use one of: app.rbac, app.other.',
      ],
    ],
    [
      'an unknown target',
      `${small}targets: { lb: {}, local: {} }\n`,
      ['7:12: There is no target called "lb". Did you mean "ld"?'],
    ],
    [
      'targets that are named but empty',
      `${small}targets:\n  ld:\n`,
      ['8:6: "targets.ld" must be a mapping, not empty. Write {} where nothing is to be said.'],
    ],
    [
      'a spec of another kind',
      `${small}targets: { local: { projKey: a } }\n`,
      ['7:21: Unknown key "projKey". Known keys here: key.'],
    ],
    [
      'a spec of the wrong type',
      `${small}targets: { ld: { tags: a } }\n`,
      ['7:24: "targets.ld.tags" must be a list, not text. Write it as a list: [a, b].'],
    ],
    [
      'an empty remote key',
      `${small}targets: { ld: { key: "" } }\n`,
      ['7:23: "targets.ld.key" must not be empty. The key in this target, where it is another.'],
    ],
    [
      'an unknown environment',
      `${small}targets: { ld: {} }\nenvironments: { producton: {} }\n`,
      ['8:17: No target of this toggle has an environment called "producton". Did you mean "production"?'],
    ],
    [
      'an environment of another target only',
      `${small}targets: { local: {} }\nenvironments: { staging: {} }\n`,
      ['8:17: No target of this toggle has an environment called "staging". Environments: production, test.'],
    ],
    [
      'several environments where the target names none',
      `${small}environments: { production: {}, test: {} }\n`,
      [
        '7:1: The target "rest" names no environment, so it cannot take a toggle with several. Name its environment in the configuration, or leave it out of "targets" here.',
      ],
    ],
    [
      'the same, asked for',
      `${small}targets: { rest: {} }\nenvironments: { production: {}, test: {} }\n`,
      [
        '7:12: The target "rest" names no environment, so it cannot take a toggle with several. Name its environment in the configuration, or leave it out of "targets" here.',
      ],
    ],
    [
      'an environment with a bad name',
      `${small}targets: { ld: {} }\nenvironments: { "a b": {} }\n`,
      [
        '8:17: No target of this toggle has an environment called "a b". Environments: production, test, staging.',
        '8:17: The key "a b" is not allowed. Use letters, digits, ".", "_" and "-", starting with a letter or a digit.',
      ],
    ],
    [
      'no environments',
      `${small}environments: {}\n`,
      ['7:15: "environments" must not be empty. Name at least one, or leave the key out if it is optional.'],
    ],
    [
      'an unknown source in an environment',
      `${small}targets: { ld: {} }\nenvironments: { test: { usersPolicy: { source: x, package: a, rule: b } } }\n`,
      ['8:48: There is no source called "x". Sources: main, other.'],
    ],
    [
      'a guard that loosens',
      `${small}guard: { maxUsers: 501, maxRevokedShare: 0.31, alwaysAllowedGrants: 51 }\n`,
      [
        '7:20: "guard.maxUsers" is looser than the configuration allows. Use at most 500; a file may only tighten the guard.',
        '7:42: "guard.maxRevokedShare" is looser than the configuration allows. Use at most 0.3; a file may only tighten the guard.',
        '7:69: "guard.alwaysAllowedGrants" is looser than the configuration allows. Use at most 50; a file may only tighten the guard.',
      ],
    ],
    [
      'a guard of the configuration',
      `${small}guard: { window: 1m }\n`,
      [
        '7:10: Unknown key "window". Known keys here: maxRevokedShare, alwaysAllowedRevocations, maxGrantedShare, alwaysAllowedGrants, maxUsers, allowEmpty.',
      ],
    ],
    ['a reference', small.replace('team-growth', '${OWNER}'), []],
    [
      'an input that JSON cannot hold',
      withPolicy('{ source: main, package: app.rbac, rule: r, input: { a: .nan } }'),
      ['6:70: This number cannot be kept exactly. Put it in quotes, or use a number that JSON can hold.'],
    ],
    [
      'an alias',
      `${small.replace('US only', '&n US only')}description: *n\n`,
      ['7:14: Aliases are not allowed here. Write the value out.'],
    ],
  ])('%s', (_, text, expected) => {
    expect(errors(text)).toEqual(expected);
  });

  it('never take a file’s key from its neighbors: a key with dots and capitals is fine', () => {
    expect(errors(small.replace('us-feature', 'US.feature_2'), 'US.feature_2')).toEqual([]);
    expect(errors(small.replace('us-feature', '"-x"'), '-x')).toEqual([
      '1:6: "key" has the wrong form. Use letters, digits, ".", "_" and "-", starting with a letter or a digit.',
    ]);
  });

  it('are at most 50 a file', () => {
    const keys = Array.from({ length: 500 }, (_, index) => `k${index}: 1\n`).join('');
    expect(errors(small + keys)).toHaveLength(50);
  });

  it('let one environment through where a target names none', () => {
    expect(errors(`${small}targets: { rest: {} }\nenvironments: { anything: {} }\n`)).toEqual([]);
  });

  it('know no limit where the configuration has none', () => {
    const open: Config = { ...config, guard: { ...config.guard, maxUsers: null } };
    expect(errors(`${small}guard: { maxUsers: 1000000 }\n`, 'us-feature', open)).toEqual([]);
  });
});

describe('warnings of a flag file', () => {
  it('are for packages that start with data', () => {
    const { warnings, toggle } = read(withPolicy('{ source: other, package: data.app.rbac, rule: r }'));
    expect(toggle).toBeDefined();
    expect(warnings.map(formatProblem)).toEqual([
      'flags/us-feature.yaml:6:40: The package starts with "data", which paths of packages leave out. Write "app.rbac".',
    ]);
  });

  it('are for targets that get nothing', () => {
    const { warnings } = read(`${small}targets: { ld: {}, local: {} }\nenvironments: { staging: {} }\n`);
    expect(warnings.map(formatProblem)).toEqual([
      'flags/us-feature.yaml:7:20: The target "local" has none of the toggle’s environments, so nothing is written there. Its environments: production, test.',
    ]);
  });

  it('are for what expired, after the last moment of the day, and never make it invalid', () => {
    const { toggle, problems } = read(`${small}expires: 2026-11-30\n`);
    expect(problems).toEqual([]);
    if (toggle === undefined) throw new Error('valid');
    const midnight = Date.parse('2026-12-01T00:00:00Z');
    expect(isExpired(toggle, midnight - 1)).toBe(false);
    expect(isExpired(toggle, midnight)).toBe(true);
    expect(expiredWarnings([toggle], midnight - 1)).toEqual([]);
    expect(expiredWarnings([toggle], midnight).map(formatProblem)).toEqual([
      'flags/us-feature.yaml:1:1: The toggle "us-feature" expired on 2026-11-30. Remove it from the code and delete its file, or move "expires".',
    ]);
  });
});
