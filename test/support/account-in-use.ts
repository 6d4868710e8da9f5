import type { FakeLaunchDarkly } from './fake-launchdarkly/server.ts';

export const usedMembers = [{ _id: '5f0000000000000000000001', email: 'ann@acme.example', role: 'writer' }] as const;

/** Flags that a file can say, by key. */
export const sayable: readonly string[] = [
  'Beta',
  'beta',
  'by-org',
  'dotted.key',
  'everywhere-off',
  'nobody',
  'odd-name',
  'plain',
  'same-lists',
];

/** Flags that no file can say, with the codes of why. */
export const unsayable: Readonly<Record<string, readonly string[]>> = {
  archived: ['archived'],
  'by-country': ['rule'],
  constructor: ['bad-key'],
  'default-on': ['fallthrough'],
  'for-some': ['fallthrough'],
  'kept-out': ['other-variation'],
  'mixed-kinds': ['context-kinds'],
  'needs-plain': ['prerequisite'],
  'off-is-on': ['off-variation'],
  'of-others': ['foreign-mark'],
  'shades-of-blue': ['not-boolean'],
  'to-a-segment': ['rule'],
  'without-off': ['off-variation'],
};

/** Plants flags of all sorts by hand in project `default`, environments `production` and `test`. */
export function plantFlags({ hand }: FakeLaunchDarkly): void {
  const at = (flag: string, environment = 'production') => ({ project: 'default', flag, environment });
  const add = (key: string, more: Readonly<Record<string, unknown>> = {}) =>
    hand.addFlag('default', { key, name: `The ${key}`, ...more });
  const list = (flag: string, environment: string, keys: readonly string[], kind?: string) => {
    hand.addTargets(at(flag, environment), true, keys, kind);
    hand.turn(at(flag, environment), true);
  };

  add('plain', {
    description: 'For the team.\n\nSecond line: "quoted"',
    tags: ['growth', 'web'],
    temporary: true,
    maintainerId: usedMembers[0]._id,
    clientSideAvailability: { usingEnvironmentId: true, usingMobileKey: false },
  });
  list('plain', 'production', ['alice', 'bob']);
  list('plain', 'test', ['alice', 'bob', 'carol']);
  add('same-lists', { maintainerTeamKey: 'team-growth' });
  list('same-lists', 'production', ['bob', 'alice']);
  list('same-lists', 'test', ['bob', 'alice']);
  hand.turn(at('same-lists', 'test'), false);
  add('everywhere-off');
  hand.addTargets(at('everywhere-off'), true, ['dave']);
  add('nobody');
  hand.turn(at('nobody'), true);
  add('by-org');
  list('by-org', 'production', ['org-1', 'org-2'], 'organization');
  add('Beta');
  list('Beta', 'production', ['yes', 'null', '1e3', '#x', 'ünï']);
  add('beta');
  list('beta', 'test', ['Alice ', ' alice']);
  add('dotted.key', { name: 'yes' });
  list('dotted.key', 'test', ['erin']);
  add('odd-name', {
    name: 'two\tparts',
    variations: [{ value: false }, { value: true }],
    defaults: { onVariation: 0, offVariation: 0 },
  });
  list('odd-name', 'production', ['frank']);

  add('by-country');
  const country = { contextKind: 'user', attribute: 'country', op: 'in', negate: false, values: ['US'] };
  hand.addRule(at('by-country'), [country], { value: true });
  hand.turn(at('by-country'), true);
  add('to-a-segment');
  hand.addSegment('default', 'production', 'friends');
  const friends = { contextKind: 'user', attribute: '', op: 'segmentMatch', negate: false, values: ['friends'] };
  hand.addRule(at('to-a-segment'), [friends], { value: true });
  add('for-some');
  hand.setFallthrough(at('for-some'), { weights: [20_000, 80_000] });
  add('default-on');
  hand.setFallthrough(at('default-on', 'test'), { value: true });
  add('off-is-on');
  hand.setOffVariation(at('off-is-on'), true);
  add('without-off');
  hand.setOffVariation(at('without-off'), undefined);
  add('kept-out');
  hand.addTargets(at('kept-out'), false, ['mallory']);
  add('mixed-kinds');
  list('mixed-kinds', 'production', ['alice']);
  list('mixed-kinds', 'test', ['device-1'], 'device');
  add('needs-plain');
  hand.addPrerequisite(at('needs-plain'), 'plain', true);
  add('shades-of-blue', {
    variations: [{ value: 'navy' }, { value: 'sky' }],
    defaults: { onVariation: 0, offVariation: 1 },
  });
  add('of-others', { tags: ['optoggles-somebody-else'] });
  add('constructor');
  add('archived');
  hand.archive('default', 'archived');
}
