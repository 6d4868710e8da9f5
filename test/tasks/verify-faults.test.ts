import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { VerifyJson } from '../../src/report/verify-schema.ts';
import { optoggles } from '../support/program.ts';
import { configText, flagText, listsText } from '../support/project.ts';
import { tempFolder, writeFiles } from '../support/temp-folder.ts';

const many = Array.from({ length: 3000 }, (_, index) => `user-${String(index).padStart(4, '0')}@example.com`);
const lists = {
  'app.rbac.beta': ['alice', 'bob', 'carol.smith@example.com'],
  'app.rbac.gamma': ['dave', 'erin'],
  'app.rbac.dollar': ['a$$b'],
  'app.rbac.gone': ['alice', 'frank'],
  'app.rbac.many': many,
  'app.rbac.nobody': [],
};
const sameAsBeta = { source: 'lists', package: 'app.rbac', rule: 'beta' };
const flags = {
  beta: {},
  delta: { usersPolicy: sameAsBeta },
  gamma: {},
  dollar: {},
  many: {},
  nobody: {},
  switched: { state: 'off', usersPolicy: sameAsBeta },
};

interface Flag {
  state: string;
  variants: Record<string, unknown>;
  defaultVariant: string | null;
  targeting?: unknown;
  metadata: Record<string, unknown>;
}

interface File {
  flags: Record<string, Flag>;
  $evaluators: Record<string, { in: [unknown, unknown] }>;
}

/** Everything applied in production and test, and one toggle removed since: a copy, so that it is made once. */
async function installation(): Promise<string> {
  const folder = tempFolder();
  cpSync(await installed, folder, { recursive: true });
  return folder;
}

let installed: Promise<string>;

beforeAll(() => {
  installed = install();
});
afterAll(async () => rmSync(await installed, { recursive: true, force: true }));

async function install(): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'optoggles-'));
  const targets = [
    { name: 'local', type: 'flagd', path: 'out/{environment}.json', environments: ['production', 'test'] },
  ];
  writeFiles(folder, {
    'optoggles.yaml': configText({ targets }),
    'audiences.yaml': listsText(lists),
    ...Object.fromEntries(
      Object.entries({ ...flags, gone: {} }).map(([key, more]) => [`flags/${key}.yaml`, flagText(key, more)]),
    ),
  });
  expect((await optoggles(folder, ['apply'])).code).toBe(0);
  rmSync(join(folder, 'flags/gone.yaml'));
  expect((await optoggles(folder, ['apply'])).code).toBe(0);
  return folder;
}

function edit(folder: string, change: (file: File) => void): void {
  const path = join(folder, 'out/production.json');
  const file = JSON.parse(readFileSync(path, 'utf8')) as File;
  change(file);
  writeFileSync(path, JSON.stringify(file));
}

async function verified(folder: string, ...more: string[]): Promise<{ code: number | null; found: VerifyJson }> {
  const { code, stdout } = await optoggles(folder, ['verify', '--json', '-', '--strangers', '300', ...more]);
  return { code, found: JSON.parse(stdout) as VerifyJson };
}

function flag(file: File, key: string): Flag {
  const found = file.flags[key];
  if (found === undefined) throw new Error(`no flag ${key}`);
  return found;
}

/** The evaluator that a flag of ours points to, or the rule that stands in it. */
function ruleOf(file: File, key: string): { in: [unknown, unknown] } {
  const { if: steps } = flag(file, key).targeting as { if: [{ $ref?: string; in: [unknown, unknown] }] };
  const [rule] = steps;
  const found = rule.$ref === undefined ? rule : file.$evaluators[rule.$ref];
  if (found === undefined) throw new Error(`no rule of ${key}`);
  return found;
}

function listOf(file: File, key: string): string[] {
  return ruleOf(file, key).in[1] as string[];
}

function refOf(file: File, key: string): unknown {
  return (flag(file, key).targeting as { if: unknown[] }).if[0];
}

const person = { var: 'targetingKey' };

/** Which toggles differ, how, and how many people of each kind; `some` where it depends on the strangers. */
type Expected = Readonly<Record<string, Partial<Record<'let-in' | 'kept-out' | 'not-served', number | 'some'>>>>;

const faults: readonly (readonly [name: string, plant: (file: File) => void, expected: Expected, cause: RegExp])[] = [
  [
    'a member missing from a list that two toggles share',
    file => listOf(file, 'beta').splice(1, 1),
    { beta: { 'kept-out': 1 }, delta: { 'kept-out': 1 } },
    /^its list there does not name them \(TARGETING_MATCH, variant off\)$/,
  ],
  [
    'a stranger on a list',
    file => listOf(file, 'gamma').push('mallory'),
    { gamma: { 'let-in': 1 } },
    /^its list there names them \(TARGETING_MATCH, variant on\)$/,
  ],
  [
    'a string in place of a list, which is a substring test',
    file => {
      ruleOf(file, 'gamma').in[1] = 'dave,erin';
    },
    { gamma: { 'let-in': 'some' } },
    /^not its list: rule 1 lets others in/,
  ],
  [
    'a member in another case',
    file => listOf(file, 'gamma').splice(0, 1, 'Dave'),
    { gamma: { 'let-in': 1, 'kept-out': 1 } },
    /its list there/,
  ],
  [
    'a space behind a name',
    file => listOf(file, 'gamma').splice(0, 1, 'dave '),
    { gamma: { 'let-in': 1, 'kept-out': 1 } },
    /its list there/,
  ],
  [
    'a letter that looks like another',
    file => listOf(file, 'gamma').splice(0, 1, 'dаve'),
    { gamma: { 'let-in': 1, 'kept-out': 1 } },
    /its list there/,
  ],
  ['an emptied list', file => listOf(file, 'gamma').splice(0), { gamma: { 'kept-out': 2 } }, /does not name them/],
  [
    "another toggle's list",
    file => {
      flag(file, 'gamma').targeting = flag(file, 'beta').targeting;
    },
    { gamma: { 'let-in': 3, 'kept-out': 2 } },
    /its list there/,
  ],
  [
    'a default that is on, without a rule',
    file => {
      flag(file, 'nobody').defaultVariant = 'on';
      delete flag(file, 'nobody').targeting;
    },
    { nobody: { 'let-in': 300 } },
    /^not its list: the default variant is not off \(STATIC, variant on\)$/,
  ],
  [
    'a default that is on, behind a rule without an end',
    file => {
      flag(file, 'gamma').defaultVariant = 'on';
      flag(file, 'gamma').targeting = { if: [refOf(file, 'gamma'), 'on'] };
    },
    { gamma: { 'let-in': 300 } },
    /^not its list: the default variant is not off.* \(DEFAULT, variant on\)$/,
  ],
  [
    'rules that end open',
    file => {
      flag(file, 'gamma').targeting = { if: [refOf(file, 'gamma'), 'on', 'on'] };
    },
    { gamma: { 'let-in': 300 } },
    /^not its list: the rules end with a variant that is not off/,
  ],
  [
    'a rule that lets a domain in',
    file => {
      const domain = { ends_with: [person, 'smith@example.com'] };
      flag(file, 'beta').targeting = { if: [domain, 'on', refOf(file, 'beta'), 'on', 'off'] };
    },
    { beta: { 'let-in': 'some' } },
    /^not its list: rule 1 lets others in/,
  ],
  [
    'a rule that keeps a member out',
    file => {
      flag(file, 'gamma').targeting = { if: [{ '==': [person, 'erin'] }, 'off', refOf(file, 'gamma'), 'on', 'off'] };
    },
    { gamma: { 'kept-out': 1 } },
    /^its list there names them, but rule 1 was added by hand/,
  ],
  [
    'a percentage',
    file => {
      flag(file, 'nobody').targeting = {
        fractional: [
          ['on', 50],
          ['off', 50],
        ],
      };
    },
    { nobody: { 'let-in': 'some' } },
    /^not its list: rule 1 lets others in/,
  ],
  [
    'a rule turned round',
    file => {
      flag(file, 'gamma').targeting = { if: [{ '!': refOf(file, 'gamma') }, 'on', 'off'] };
    },
    { gamma: { 'let-in': 300, 'kept-out': 2 } },
    /variant/,
  ],
  [
    'variants that changed places',
    file => {
      flag(file, 'gamma').variants = { on: false, off: true };
    },
    { gamma: { 'let-in': 300, 'kept-out': 2 } },
    /variant/,
  ],
  [
    'a disabled flag',
    file => {
      flag(file, 'gamma').state = 'DISABLED';
    },
    { gamma: { 'not-served': 302 } },
    /^the flag is there and not served$/,
  ],
  [
    'a deleted flag',
    file => {
      delete file.flags.gamma;
    },
    { gamma: { 'not-served': 302 } },
    /^the flag is not there$/,
  ],
  [
    'an operator that nobody knows',
    file => {
      flag(file, 'gamma').targeting = { if: [{ matches: [person, 'a'] }, 'on', 'off'] };
    },
    { gamma: { 'not-served': 302 } },
    /not served/,
  ],
  [
    'a reference that leads nowhere',
    file => {
      flag(file, 'gamma').targeting = { if: [{ $ref: 'no-such' }, 'on', 'off'] };
    },
    { gamma: { 'not-served': 302 } },
    /not served/,
  ],
  [
    'no default and no rule',
    file => {
      flag(file, 'gamma').defaultVariant = null;
      delete flag(file, 'gamma').targeting;
    },
    { gamma: { 'not-served': 302 } },
    /not served/,
  ],
  [
    'switched off by hand',
    file => {
      delete flag(file, 'gamma').targeting;
      flag(file, 'gamma').metadata.state = 'off';
    },
    { gamma: { 'kept-out': 2 } },
    /^it is switched off there \(STATIC, variant off\)$/,
  ],
  [
    'switched on by hand against its file',
    file => {
      flag(file, 'switched').targeting = flag(file, 'beta').targeting;
    },
    { switched: { 'let-in': 3 } },
    /^its list there names them/,
  ],
  [
    'a removed toggle that was opened again',
    file => {
      flag(file, 'gone').targeting = flag(file, 'gamma').targeting;
    },
    { gone: { 'let-in': 2 } },
    /^its list there names them/,
  ],
  [
    'names that the engine changes where it puts a list in',
    file => {
      file.$evaluators.shared = ruleOf(file, 'dollar');
      flag(file, 'dollar').targeting = { if: [{ $ref: 'shared' }, 'on', 'off'] };
    },
    { dollar: { 'let-in': 1, 'kept-out': 1 } },
    /variant/,
  ],
  [
    'a member missing from a long list, and a stranger on it',
    file => listOf(file, 'many').splice(2500, 1, 'mallory'),
    { many: { 'let-in': 1, 'kept-out': 1 } },
    /its list there/,
  ],
  [
    'a long list that is looked at with other eyes',
    file => {
      flag(file, 'many').targeting = { if: [{ none: [['one'], refOf(file, 'many')] }, 'on', 'off'] };
    },
    { many: { 'let-in': 300 } },
    /^not its list: rule 1 lets others in/,
  ],
];

describe('verify', () => {
  it('finds nothing where nothing is wrong, and the same input gives the same bytes', async () => {
    const folder = await installation();
    const args = ['verify', '--json', '-', '--strangers', '300'];
    const first = await optoggles(folder, args);
    expect(first.code).toBe(0);
    const found = JSON.parse(first.stdout) as VerifyJson;
    // Seven toggles and the removed one, in two environments.
    expect(found.summary).toMatchObject({ placements: 16, agree: 16, mismatches: 0 });
    expect(found.placements.map(({ asked, members }) => asked - (members ?? 0))).toEqual(Array(16).fill(300));
    expect((await optoggles(folder, args)).stdout).toBe(first.stdout);
    expect((await optoggles(folder, [...args, '--seed', '7'])).stdout).not.toBe(first.stdout);
  });

  it.each(faults)('finds %s, and nothing else', async (_name, plant, expected, cause) => {
    const folder = await installation();
    edit(folder, file => plant(file));
    const { code, found } = await verified(folder);
    expect(code).toBe(1);
    const differing = found.placements.filter(({ verdict }) => verdict !== 'agrees');
    expect(differing.map(({ environment, verdict }) => `${environment} ${verdict}`)).toEqual(
      Object.keys(expected).map(() => 'production differs'),
    );
    const counts = differing.map(({ toggle, mismatches }) => {
      const byKind: Record<string, number> = {};
      for (const { kind, count } of mismatches) byKind[kind] = (byKind[kind] ?? 0) + count;
      return [toggle, byKind] as const;
    });
    for (const [toggle, byKind] of counts) {
      const wanted = expected[toggle] ?? {};
      expect(Object.keys(byKind).sort()).toEqual(Object.keys(wanted).sort());
      for (const [kind, count] of Object.entries(wanted)) {
        if (count === 'some') expect(byKind[kind]).toBeGreaterThan(0);
        else expect([kind, byKind[kind]]).toEqual([kind, count]);
      }
    }
    for (const { mismatches, problems } of differing) {
      for (const mismatch of mismatches) {
        expect(mismatch.cause).toMatch(cause);
        expect(mismatch).not.toHaveProperty('users');
      }
      expect(problems.length).toBeGreaterThan(0);
      for (const { hint } of problems) expect(hint).toMatch(/\S/);
    }
  });

  it('a file that the engine refuses serves nothing: said once', async () => {
    const folder = await installation();
    // The engine puts lists in by a pattern, in which this stands for the whole reference.
    edit(folder, file => {
      file.$evaluators.shared = { in: [person, ['$&']] };
      flag(file, 'dollar').targeting = { if: [{ $ref: 'shared' }, 'on', 'off'] };
    });
    const { code, stdout, stderr } = await optoggles(folder, ['verify']);
    expect(code).toBe(1);
    expect(stdout).toContain('8 agree, 8 unknown');
    expect(stderr.match(/The engine of flagd does not take out\/production\.json/g)).toHaveLength(1);
  });

  it('what it names can be corrected: after apply nothing is left', async () => {
    const folder = await installation();
    edit(folder, file => listOf(file, 'beta').push('mallory'));
    const { stdout } = await optoggles(folder, ['verify', '--show-users']);
    expect(stdout).toMatch(/beta local production: 1 let in against policy: its list there names them .*\n +mallory\n/);
    expect(stdout).toContain('Run optoggles apply');
    await optoggles(folder, ['apply']);
    expect((await verified(folder)).code).toBe(0);
  });
});
