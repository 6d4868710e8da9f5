import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { VerifyJson } from '../../src/report/verify-schema.ts';
import type { FlagAt, Hand } from '../support/fake-launchdarkly/hand.ts';
import { createFakeLaunchDarkly, type FakeLaunchDarkly } from '../support/fake-launchdarkly/server.ts';
import { optoggles } from '../support/program.ts';
import { project } from '../support/project.ts';

const people = ['alice', 'bob', 'carol.smith@example.com'];
const strangers = 100;

interface Place {
  readonly fake: FakeLaunchDarkly;
  readonly hand: Hand;
  readonly at: FlagAt;
  /** Of that toggle; empty where its users are targets. */
  readonly segment: string;
}

interface Fault {
  readonly form: 'list' | 'segment';
  readonly plant: (place: Place) => void;
  /** `1 let-in: its list there names them (individual targets)`; none: no answer changes. */
  readonly found: readonly (string | RegExp)[];
  readonly flag?: Readonly<Record<string, unknown>>;
}

function clause(op: string, values: readonly string[], negate = false, attribute = 'key') {
  return [{ contextKind: 'user', attribute, op, values, negate }];
}

const everybody = clause('in', ['nobody-at-all'], true);

function patchSegment({ hand, at, segment }: Place, ...instructions: Parameters<Hand['patchSegment']>[3]): void {
  hand.patchSegment(at.project, at.environment, segment, instructions);
}

function keys(kind: string, ...values: string[]) {
  return { kind, contextKind: 'user', values };
}

/** Takes the rule of ours away, and puts another one there. */
function replaceRule(place: Place, clauses: Parameters<Hand['addRule']>[1] | undefined): void {
  const { fake, hand, at } = place;
  for (const { _id } of fake.config(at.project, at.flag, at.environment)?.rules ?? []) {
    hand.patchFlag(at.project, at.flag, [{ kind: 'removeRule', ruleId: _id }], at.environment);
  }
  if (clauses) hand.addRule(at, clauses, { value: true });
}

const faults: Readonly<Record<string, Fault>> = {
  'somebody added': {
    form: 'list',
    plant: ({ hand, at }) => hand.addTargets(at, true, ['eve']),
    found: ['1 let-in: its list there names them (individual targets)'],
  },
  'somebody removed': {
    form: 'list',
    plant: ({ hand, at }) => hand.removeTargets(at, true, ['bob']),
    found: ['1 kept-out: its list there does not name them (the default)'],
  },
  'somebody written otherwise': {
    form: 'list',
    plant({ hand, at }) {
      hand.removeTargets(at, true, ['bob']);
      hand.addTargets(at, true, ['Bob']);
    },
    found: [
      '1 let-in: its list there names them (individual targets)',
      '1 kept-out: its list there does not name them (the default)',
    ],
  },
  'somebody targeted with false': {
    form: 'list',
    plant({ hand, at }) {
      hand.removeTargets(at, true, ['bob']);
      hand.addTargets(at, false, ['bob']);
    },
    found: ['1 kept-out: its list there does not name them (individual targets)'],
  },
  'an open default': {
    form: 'list',
    plant: ({ hand, at }) => hand.setFallthrough(at, { value: true }),
    found: [`${strangers} let-in: not its list: the default serves true to everybody (the default)`],
  },
  'a default for half': {
    form: 'list',
    plant: ({ hand, at }) => hand.setFallthrough(at, { weights: [50_000, 50_000] }),
    found: [/^[1-9]\d let-in: not its list: the default serves true to 50 % \(the default\)$/],
  },
  'a rule for everybody': {
    form: 'list',
    plant: ({ hand, at }) => void hand.addRule(at, everybody, { value: true }),
    found: [`${strangers} let-in: not its list: rule 1 serves true (rule 1)`],
  },
  'a rule by name': {
    form: 'list',
    plant: ({ hand, at }) => void hand.addRule(at, clause('startsWith', ['Ali', 'ALI']), { value: true }),
    found: ['2 let-in: not its list: rule 1 serves true (rule 1)'],
  },
  'a rule for a fifth': {
    form: 'list',
    plant: ({ hand, at }) => void hand.addRule(at, everybody, { weights: [20_000, 80_000] }),
    found: [/^[1-9]\d? let-in: not its list: rule 1 serves true to 20 % \(rule 1\)$/],
  },
  'an off': {
    form: 'list',
    plant: ({ hand, at }) => hand.turn(at, false),
    found: ['3 kept-out: it is switched off there (it is off)'],
  },
  'an off that serves true': {
    form: 'list',
    plant({ hand, at }) {
      hand.setOffVariation(at, true);
      hand.turn(at, false);
    },
    found: [`${strangers} let-in: not its list: while off, it serves true to everybody (it is off)`],
  },
  'an off that serves nothing': {
    form: 'list',
    plant({ hand, at }) {
      hand.setOffVariation(at, undefined);
      hand.turn(at, false);
    },
    found: [`${strangers + 3} not-served: the flag is there and not served`],
  },
  'a prerequisite that is not met': {
    form: 'list',
    plant({ hand, at }) {
      hand.addFlag(at.project, { key: 'gate' });
      hand.addPrerequisite(at, 'gate', true);
    },
    found: ['3 kept-out: its list there names them, and yet (the prerequisite gate is not met)'],
  },
  'what is off in its file, opened': {
    form: 'list',
    flag: { state: 'off' },
    plant({ hand, at }) {
      hand.addTargets(at, true, ['eve', 'alice']);
      hand.turn(at, true);
    },
    found: ['2 let-in: its list there names them (individual targets)'],
  },
  'what has no file any more, opened': {
    form: 'list',
    plant({ hand, at }) {
      hand.setFallthrough(at, { value: true });
      hand.turn(at, true);
    },
    found: [`${strangers} let-in: not its list: the default serves true to everybody (the default)`],
  },
  'somebody added to the segment': {
    form: 'segment',
    plant: place => patchSegment(place, keys('addIncludedTargets', 'eve')),
    found: ['1 let-in: its list there names them (rule 1)'],
  },
  'somebody removed from the segment': {
    form: 'segment',
    plant: place => patchSegment(place, keys('removeIncludedTargets', 'bob')),
    found: ['1 kept-out: its list there does not name them (the default)'],
  },
  'somebody excluded from the segment': {
    form: 'segment',
    plant: place => patchSegment(place, keys('removeIncludedTargets', 'bob'), keys('addExcludedTargets', 'bob')),
    found: ['1 kept-out: its list there does not name them (the default)'],
  },
  'a rule in the segment': {
    form: 'segment',
    plant: place => patchSegment(place, { kind: 'addRule', clauses: everybody }),
    found: [/^100 let-in: not its list: segment optoggles-acme-[0-9a-f]{16} has 1 rule added by hand \(rule 1\)$/],
  },
  'no segment any more': {
    form: 'segment',
    plant: ({ hand, at, segment }) => hand.deleteSegment(at.project, at.environment, segment),
    found: ['3 kept-out: its list there does not name them (the default)'],
  },
  'no rule of ours any more': {
    form: 'segment',
    plant: place => replaceRule(place, undefined),
    found: ['3 kept-out: its list there does not name them (the default)'],
  },
  'a disabled rule of ours': {
    form: 'segment',
    plant({ fake, hand, at }) {
      const [rule] = fake.config(at.project, at.flag, at.environment)?.rules ?? [];
      hand.disableRule(at, rule?._id ?? '');
    },
    found: ['3 kept-out: its list there does not name them (the default)'],
  },
  'whoever is not in the segment': {
    form: 'segment',
    plant: place => replaceRule(place, clause('segmentMatch', [place.segment], true, '')),
    found: [
      `${strangers} let-in: not its list: rule 1 serves true (rule 1)`,
      '3 kept-out: its list there does not name them (the default)',
    ],
  },
  'a segment of somebody else': {
    form: 'segment',
    plant(place) {
      place.hand.addSegment(place.at.project, place.at.environment, 'theirs');
      place.hand.patchSegment(place.at.project, place.at.environment, 'theirs', [keys('addIncludedTargets', 'eve')]);
      replaceRule(place, clause('segmentMatch', ['theirs'], false, ''));
    },
    found: ['3 kept-out: its list there does not name them (the default)'],
  },
  'somebody targeted besides the segment': {
    form: 'segment',
    plant: ({ hand, at }) => hand.addTargets(at, true, ['eve']),
    found: ['1 let-in: its list there names them (individual targets)'],
  },
  'a member targeted with false besides the segment': {
    form: 'segment',
    plant: ({ hand, at }) => hand.addTargets(at, false, ['alice']),
    found: ['1 kept-out: its list there does not name them (individual targets)'],
  },
  archived: {
    form: 'segment',
    plant: ({ hand, at }) => hand.archive(at.project, at.flag),
    found: [`${strangers + 3} not-served: the flag is there and not served`],
  },
  deleted: {
    form: 'list',
    plant: ({ hand, at }) => hand.deleteFlag(at.project, at.flag),
    found: [`${strangers + 3} not-served: the flag is not there`],
  },
};

/** What changes no answer: verify is not to speak of it. */
const harmless: Readonly<Record<string, Fault>> = {
  'nothing in a list': { form: 'list', plant: () => {}, found: [] },
  'nothing in a segment': { form: 'segment', plant: () => {}, found: [] },
  'a stranger targeted with false': {
    form: 'list',
    plant: ({ hand, at }) => hand.addTargets(at, false, ['eve']),
    found: [],
  },
  'another name': {
    form: 'list',
    plant: ({ hand, at }) => hand.patchFlag(at.project, at.flag, [{ kind: 'updateName', value: 'Another' }]),
    found: [],
  },
  'an off variation that is not served': {
    form: 'list',
    plant: ({ hand, at }) => hand.setOffVariation(at, true),
    found: [],
  },
  'a rule behind ours that serves false': {
    form: 'segment',
    plant: ({ hand, at }) => void hand.addRule(at, everybody, { value: false }),
    found: [],
  },
};

function keyOf(name: string): string {
  return name.replaceAll(/[^a-z]+/g, '-');
}

/** Everything applied, then all of it planted, each in a toggle of its own and in production only. */
async function planted(all: Readonly<Record<string, Fault>>) {
  const fake = await createFakeLaunchDarkly({
    projects: ['list', 'segment'].map(key => ({ key, environments: ['production', 'test'] })),
  });
  onTestFinished(() => fake.close());
  const target = (name: string, audienceAs: string) => ({
    name,
    type: 'launchdarkly',
    token: fake.token,
    baseUrl: fake.url,
    sdkUrl: fake.url,
    streamUrl: fake.streamUrl,
    projKey: name,
    audienceAs,
    environments: ['production', 'test'],
  });
  const flags = Object.fromEntries(
    Object.entries(all).map(([name, { form, flag }]) => [keyOf(name), { targets: { [form]: {} }, ...flag }]),
  );
  const folder = project({
    config: { targets: [target('list', 'targets'), target('segment', 'segment')] },
    flags,
    lists: Object.fromEntries(Object.keys(flags).map(key => [`app.rbac.${key}`, people])),
  });
  const apply = () => optoggles(folder, ['apply', '--timeout', '60s']);
  expect(await apply()).toMatchObject({ code: 0 });
  const gone = Object.keys(all).filter(name => name.includes('has no file'));
  for (const name of gone) rmSync(join(folder, `flags/${keyOf(name)}.yaml`));
  if (gone.length > 0) expect(await apply()).toMatchObject({ code: 0 });
  for (const [name, { form, plant }] of Object.entries(all)) {
    const at = { project: form, flag: keyOf(name), environment: 'production' };
    const [rule] = fake.config(form, at.flag, 'production')?.rules ?? [];
    const segment = rule?.clauses[0]?.values[0];
    plant({ fake, hand: fake.hand, at, segment: typeof segment === 'string' ? segment : '' });
  }
  const { code, stdout } = await optoggles(folder, ['verify', '--json', '-', '--strangers', String(strangers)]);
  const { placements, failed } = JSON.parse(stdout) as VerifyJson;
  return { code, placements, failed, stdout };
}

describe("verify asks LaunchDarkly's own SDK", () => {
  it(`finds each of ${Object.keys(faults).length} planted faults, and nothing else`, async () => {
    const all = { ...faults, ...harmless };
    const { code, placements, failed, stdout } = await planted(all);
    expect(failed).toEqual([]);
    expect(code).toBe(1);
    for (const { toggle, target, environment, verdict, mismatches, problems } of placements) {
      const [name, fault] = Object.entries(all).find(([one]) => keyOf(one) === toggle) ?? [];
      // What is gone is gone in both environments; everything else was done in one.
      const isHere = environment === 'production' || name === 'archived' || name === 'deleted';
      const found = isHere ? (fault?.found ?? []) : [];
      const said = mismatches.map(({ kind, count, cause }) => `${count} ${kind}: ${cause}`);
      const expected = found.map(one => (typeof one === 'string' ? one : (expect.stringMatching(one) as unknown)));
      expect({ name, environment, said }).toEqual({ name, environment, said: expected });
      expect(verdict, name).toBe(found.length > 0 ? 'differs' : 'agrees');
      expect(target).toBe(fault?.form);
      // Nothing is found without a way on.
      expect(problems.length > 0, name).toBe(found.length > 0);
      for (const problem of problems) expect(problem.hint, problem.message).toBeTruthy();
    }
    expect(stdout).not.toMatch(/alice|bob|carol|eve\b|"Ali/);
  }, 60_000);
});
