import type { OverrideSubject } from '../../src/domain/override.ts';
import type { HandAct } from './platform.ts';
import { createRandom, type Random } from './random.ts';
import type { Setup } from './setup.ts';
import type { Becomes, Illness, Step, Told } from './steps.ts';

type Without<T, K extends string> = T extends unknown ? Omit<T, K> : never;
type Draft = Without<Step, 'after'> & { readonly pause?: number };

/** Users are letters: `abc`. */
export function lettersOf(users: string): string[] {
  return users.split('');
}

/** The steps of a seed, as many as wanted. */
export function stepsOf(setup: Setup, count: number): readonly Step[] {
  const random = createRandom(`${setup.seed}/steps`);
  /** What was last said of each rule, so that small changes are small. */
  const rules = new Map(
    setup.sources.flatMap(({ id }) => setup.toggles.map(({ key }) => [`${id} ${key}`, firstUsers(setup.people)])),
  );
  const steps: Step[] = [];
  while (steps.length < count) {
    const drafts = next(setup, random, rules);
    for (const draft of drafts) {
      const { pause, ...step } = draft;
      steps.push({ ...step, after: pause ?? pauseOf(random) });
    }
  }
  return steps.slice(0, count);
}

/** Who is in at the beginning: the first half of everybody. */
export function firstUsers(people: string): string {
  return people.slice(0, (people.length + 1) >> 1);
}

function pauseOf(random: Random): number {
  return random.weighted<() => number>([
    [40, () => random.int(60)],
    [34, () => 300 + random.int(3_000)],
    [20, () => 5_000 + random.int(17_000)],
    [5, () => 70_000],
    [1, () => 650_000],
  ])();
}

function next(setup: Setup, random: Random, rules: Map<string, string>): readonly Draft[] {
  const { sources, platforms, toggles, people, guard } = setup;
  const source = (): string => random.pick(sources).id;
  const toggle = (): string => random.pick(toggles).key;
  const target = (): string => random.pick(platforms).name;
  const told = (): Told =>
    random.weighted<Told>([
      [12, 'now'],
      [2, 'late'],
      [2, 'twice'],
      [3, 'lost'],
      [1, 'storm'],
    ]);
  const policy = (change: (users: string) => string | null): readonly Draft[] => {
    const [at, rule] = [source(), toggle()];
    const name = `${at} ${rule}`;
    const users = change(rules.get(name) ?? '');
    rules.set(name, users ?? '');
    return [{ do: 'policy', source: at, rule, users, told: told() }];
  };
  const one = (step: Draft): readonly Draft[] => [step];
  const letters = (share: number): string => random.some(lettersOf(people), share).join('');
  return random.weighted<() => readonly Draft[]>([
    // A few come and go.
    [22, () => policy(users => toggled(users, random.some(lettersOf(people), 0.12)))],
    [6, () => policy(() => letters(random.next()))],
    [
      4,
      () =>
        policy(users =>
          lettersOf(users)
            .filter(() => random.chance(0.2))
            .join(''),
        ),
    ],
    [2, () => policy(() => '')],
    [3, () => policy(() => people)],
    [5, () => policy(() => null)],
    [
      3,
      () =>
        one({
          do: 'rule-fails',
          source: source(),
          rule: toggle(),
          how: random.pick(['fails', 'wrong'] as const),
          told: told(),
        }),
    ],
    [2, () => drain(source(), toggle(), rules, random, guard.window)],
    [
      4,
      () =>
        one({
          do: 'opa-restarts',
          source: source(),
          as: random.pick(['empty', 'policy', 'half'] as const),
          loads: random.weighted<number | null>([
            [3, null],
            [4, random.int(5_000)],
            [2, 30_000],
          ]),
        }),
    ],
    [
      3,
      () =>
        one({
          do: 'opa-ill',
          source: source(),
          how: illness(random),
          share: random.pick([1, 0.5]),
          ms: illFor(random),
        }),
    ],
    [1, () => one({ do: 'two-opas', source: source(), ms: random.pick([1_000, 20_000, 150_000]) })],
    [2, () => one({ do: 'opal-restarts', source: source() })],
    [2, () => one({ do: 'opal-ill', source: source(), how: illness(random), share: 1, ms: illFor(random) })],
    [2, () => one({ do: 'callbacks', source: source(), count: random.pick([1, 3, 40]), forged: random.chance(0.5) })],
    [
      8,
      () =>
        one({
          do: 'target-ill',
          target: target(),
          how: illness(random),
          share: random.pick([1, 0.5, 0.2]),
          ms: illFor(random),
        }),
    ],
    [
      3,
      () =>
        one({
          do: 'toggle-ill',
          target: target(),
          key: toggle(),
          how: illnessOfOne(random),
          ms: random.pick([5_000, 60_000, 400_000]),
        }),
    ],
    [4, () => one({ do: 'hand', ...handOf(setup, random) })],
    [8, () => one({ do: 'file', key: toggle(), becomes: becomes(random) })],
    [1, () => folder(random)],
    [1, () => one({ do: 'disk-full', ms: random.pick([500, 10_000, 60_000]) })],
    [1, () => one({ do: 'clock-jumps', ms: random.pick([-3_600_000, -4_000, 2_000, 7_000, 3_600_000]) })],
    [
      5,
      () =>
        one({
          do: 'crash',
          effects: random.weighted([
            [1, 0],
            [4, 1 + random.int(12)],
            [3, 1 + random.int(60)],
          ]),
          down: random.pick([50, 2_000, 30_000]),
        }),
    ],
    [2, () => one({ do: 'terminate', down: random.pick([50, 2_000, 30_000]) })],
    [6, () => one({ do: 'approve', which: random.int(5), local: random.chance(0.4) })],
    [0.4, () => one({ do: 'window', source: source(), ms: random.pick([10_000, 100_000]) })],
    [3, () => one({ do: 'override', subject: subjectOf(setup, random), ms: random.pick([null, null, 30_000]) })],
    [2, () => one({ do: 'resume' })],
    [1, () => one({ do: 'sync' })],
    [4, () => one({ do: 'wait' })],
  ])();
}

/** Everybody goes, a few at a time, slower than anybody looks. */
function drain(
  source: string,
  rule: string,
  rules: Map<string, string>,
  random: Random,
  window: number,
): readonly Draft[] {
  const name = `${source} ${rule}`;
  let users = rules.get(name) ?? '';
  const slices = 2 + random.int(5);
  const drafts: Draft[] = [];
  for (let slice = 0; slice < slices; slice++) {
    users = users.slice(1 + random.int(2));
    drafts.push({ do: 'policy', source, rule, users, told: 'now', pause: random.int(Math.floor(window / 3)) });
  }
  rules.set(name, users);
  return drafts;
}

function folder(random: Random): readonly Draft[] {
  return [
    { do: 'folder', is: random.pick(['down', 'empty'] as const), pause: random.pick([100, 5_000, 40_000]) },
    { do: 'folder', is: 'back' },
  ];
}

function handOf(
  { platforms, toggles, people }: Setup,
  random: Random,
): { target: string; place: string; act: HandAct; user: string } {
  const platform = random.pick(platforms);
  const place = `${random.pick(toggles).key}${random.chance(0.9) ? '' : '-2'} ${random.pick(platform.environments)}`;
  const act = random.weighted<HandAct>([
    [5, 'add'],
    [4, 'remove'],
    [2, 'off'],
    [2, 'on'],
    [1, 'delete'],
  ]);
  return { target: platform.name, place, act, user: random.chance(0.4) ? 'z' : random.pick(lettersOf(people)) };
}

function subjectOf({ people, toggles, sources, platforms }: Setup, random: Random): OverrideSubject {
  const toggle = random.pick(toggles).key;
  const name = { source: random.pick(sources).id, target: random.pick(platforms).name, toggle };
  const what = random.pick(['source', 'target', 'toggle'] as const);
  return random.weighted<OverrideSubject>([
    [3, { kind: 'deny', member: random.pick(lettersOf(people)) }],
    [2, { kind: 'off', toggle, environment: random.pick([null, 'production']) }],
    [2, { kind: 'pause', what, name: name[what] }],
  ]);
}

function illness(random: Random): Illness {
  return random.weighted<Illness>([
    [3, 'slow'],
    [1, 'very-slow'],
    [2, 'too-many'],
    [1, 'too-many-long'],
    [2, 'broken'],
    [2, 'broken-done'],
    [2, 'reset'],
    [3, 'reset-done'],
    [1, 'half-done'],
    [1, 'silent'],
    [2, 'silent-done'],
    [2, 'gone'],
    [1, 'refuses'],
    [1, 'conflicts'],
  ]);
}

/** What can be wrong with one toggle: a refused token, a request for patience and a lost host are of the whole target. */
function illnessOfOne(random: Random): Illness {
  return random.pick<Illness>([
    'slow',
    'very-slow',
    'broken',
    'broken-done',
    'reset',
    'reset-done',
    'half-done',
    'silent',
    'silent-done',
    'conflicts',
  ]);
}

function illFor(random: Random): number {
  return random.pick([200, 2_000, 10_000, 40_000]);
}

function becomes(random: Random): Becomes {
  return random.weighted<Becomes>([
    [6, 'on'],
    [4, 'off'],
    [3, 'broken'],
    [4, 'gone'],
    [5, 'back'],
    [3, 'moved'],
    [2, 'shared'],
    [2, 'other-source'],
    [2, 'one-environment'],
    [1, 'only-one'],
    [2, 'renamed'],
    [2, 'tighter'],
  ]);
}

function toggled(users: string, some: readonly string[]): string {
  const set = new Set(users);
  for (const one of some) if (!set.delete(one)) set.add(one);
  return [...set].sort().join('');
}
