import type { Setup } from './setup.ts';
import type { Step } from './steps.ts';

/** A story that went wrong once, made short. Each bug has a line in docs/reliability.md. */
export interface Regression {
  readonly what: string;
  readonly setup: Setup;
  readonly steps: readonly Step[];
}

const setup: Setup = {
  seed: 'regression',
  sources: [{ id: 'main', kind: 'opal', shows: 'sentinel' }],
  platforms: [
    { name: 't1', kind: 'rest', readable: true, marks: false, groups: false, environments: ['production'] },
    { name: 't2', kind: 'marked', readable: true, marks: true, groups: false, environments: ['production', 'test'] },
  ],
  toggles: [
    { key: 'a', source: 'main', rule: 'a', state: 'on', allowEmpty: true },
    { key: 'b', source: 'main', rule: 'b', state: 'on', allowEmpty: true },
  ],
  people: 'abcdefgh',
  guard: {
    maxRevokedShare: 0.3,
    alwaysAllowedRevocations: 2,
    maxGrantedShare: 1,
    alwaysAllowedGrants: 50,
    maxUsers: null,
    window: 600_000,
    maxRemovedToggles: 0.3,
  },
  reopen: false,
  onRemoved: 'disable',
};

/** Two toggles that stand in one group. */
const sharing: Setup = {
  ...setup,
  people: 'abcdefghij',
  platforms: [{ name: 't1', kind: 'marked', readable: true, marks: true, groups: true, environments: ['production'] }],
  toggles: [
    { key: 'a', source: 'main', rule: 'a', state: 'on' },
    { key: 'b', source: 'main', rule: 'a', state: 'on' },
  ],
};

const hour = 3_600_000;

/** Toggles of LaunchDarkly that stand in segments. */
const inSegments: Setup = {
  ...setup,
  people: 'abcdefghij',
  platforms: [
    {
      name: 't1',
      kind: 'launchdarkly',
      readable: true,
      marks: true,
      groups: true,
      environments: ['production', 'test'],
    },
  ],
};

export const regressions: readonly Regression[] = [
  {
    what: 'a toggle that its file switches off while the disk is full does not open when there is room again',
    setup,
    steps: [
      { do: 'policy', source: 'main', rule: 'a', users: 'bcd', told: 'now', after: 3_000 },
      { do: 'disk-full', ms: 20_000, after: 10 },
      { do: 'file', key: 'a', becomes: 'off', after: 20_500 },
      { do: 'policy', source: 'main', rule: 'a', users: 'bcde', told: 'now', after: 20_000 },
    ],
  },
  {
    what: 'a revocation that failed is tried again also when the clock was set back an hour',
    setup,
    steps: [
      { do: 'target-ill', target: 't1', how: 'broken', share: 1, ms: 3_000, after: 10 },
      { do: 'policy', source: 'main', rule: 'a', users: 'bcd', told: 'now', after: 2_000 },
      { do: 'clock-jumps', ms: -hour, after: 290_000 },
      { do: 'wait', after: 10 },
    ],
  },
  {
    what: 'two OPAs that took turns are in doubt no longer because the clock was set back',
    setup,
    steps: [
      { do: 'two-opas', source: 'main', ms: 5_000, after: 10 },
      { do: 'callbacks', source: 'main', count: 1, forged: false, after: 900 },
      { do: 'callbacks', source: 'main', count: 3, forged: false, after: 900 },
      { do: 'policy', source: 'main', rule: 'a', users: 'bcd', told: 'storm', after: 6_000 },
      { do: 'clock-jumps', ms: -hour, after: 3_000 },
      { do: 'policy', source: 'main', rule: 'a', users: 'abc', told: 'now', after: 10 },
    ],
  },
  {
    what: 'an answer of before the clock was set back starts no write',
    setup,
    steps: [
      { do: 'target-ill', target: 't1', how: 'too-many-long', share: 1, ms: 4_000, after: 10 },
      { do: 'policy', source: 'main', rule: 'a', users: 'bcde', told: 'now', after: 1_000 },
      { do: 'policy', source: 'main', rule: 'a', users: 'abcde', told: 'lost', after: 3_000 },
      { do: 'clock-jumps', ms: -hour, after: 20_000 },
    ],
  },
  {
    what: 'what an operator said for a time is over while the disk is full, and the program goes on',
    setup,
    steps: [
      { do: 'override', subject: { kind: 'deny', member: 'a' }, ms: 5_000, after: 3_000 },
      { do: 'disk-full', ms: 10_000, after: 20_000 },
    ],
  },
  {
    what: 'a write that waits for an answer of an OPA that hangs is not planned over and over',
    setup,
    steps: [
      { do: 'toggle-ill', target: 't2', key: 'a', how: 'reset', ms: 60_000, after: 10 },
      { do: 'policy', source: 'main', rule: 'a', users: 'bcd', told: 'now', after: 3_000 },
      { do: 'opa-ill', source: 'main', how: 'silent', share: 1, ms: 40_000, after: 30_000 },
    ],
  },
  {
    what: 'an OPA that restarts half loaded and does not say at first what its OPAL noted',
    setup: { ...setup, seed: 'half 4', sources: [{ id: 'main', kind: 'opal', shows: 'system.opal' }] },
    steps: [
      { do: 'policy', source: 'main', rule: 'a', users: 'bcde', told: 'lost', after: 100 },
      { do: 'opa-ill', source: 'main', how: 'broken', share: 0.5, ms: 3_000, after: 10 },
      { do: 'opa-restarts', source: 'main', as: 'half', loads: null, after: 100 },
      { do: 'callbacks', source: 'main', count: 3, forged: false, after: 20_000 },
    ],
  },
  {
    what: 'a toggle that came back by a write that was not answered, and moved to another key, is closed at the first',
    setup: {
      ...setup,
      platforms: setup.platforms.slice(0, 1),
      guard: { ...setup.guard, maxRevokedShare: 1, maxRemovedToggles: 1 },
    },
    steps: [
      { do: 'file', key: 'a', becomes: 'gone', after: 4_000 },
      { do: 'file', key: 'a', becomes: 'back', after: 0 },
      { do: 'crash', effects: 26, down: 2_000, after: 900 },
      { do: 'file', key: 'a', becomes: 'moved', after: 10_000 },
    ],
  },
  {
    what: 'a revocation of a group does not wait for a paused toggle that cannot leave it',
    setup: sharing,
    steps: [
      { do: 'policy', source: 'main', rule: 'a', users: 'abcdefg', told: 'now', after: 3_000 },
      { do: 'override', subject: { kind: 'pause', what: 'toggle', name: 'a' }, ms: null, after: 3_000 },
      { do: 'toggle-ill', target: 't1', key: 'a', how: 'conflicts', ms: 200_000, after: 10 },
      { do: 'policy', source: 'main', rule: 'a', users: 'abcdef', told: 'now', after: 90_000 },
      { do: 'wait', after: 10 },
    ],
  },
  {
    what: 'a group is not written while a toggle that is switched off is about to leave it',
    setup: sharing,
    steps: [
      { do: 'policy', source: 'main', rule: 'a', users: 'abcdefg', told: 'now', after: 3_000 },
      { do: 'toggle-ill', target: 't1', key: 'a', how: 'silent', ms: 40_000, after: 10 },
      // Not until the write that hangs is the second one.
      { do: 'file', key: 'a', becomes: 'off', after: 14_000 },
      { do: 'policy', source: 'main', rule: 'a', users: 'abcdefgh', told: 'now', after: 60_000 },
    ],
  },
  {
    what: 'OPAL loads policy and data at once, and what it notes of the policy is written last',
    setup: { ...setup, seed: 'at once', sources: [{ id: 'main', kind: 'opal', shows: 'system.opal' }] },
    steps: [
      // OPAL is asked once in five minutes, and the first look asks.
      { do: 'policy', source: 'main', rule: 'a', users: 'abcdefg', told: 'now', after: 310_000 },
      { do: 'opa-restarts', source: 'main', as: 'half', loads: null, after: 0 },
      { do: 'policy', source: 'main', rule: 'a', users: 'abcdef', told: 'now', after: 100_000 },
      { do: 'wait', after: 100_000 },
    ],
  },
  {
    what: 'a segment is not written for others while a flag whose file went, and that cannot be read, stands in it',
    setup: inSegments,
    steps: [
      { do: 'toggle-ill', target: 't1', key: 'a', how: 'reset-done', ms: 400_000, after: 0 },
      { do: 'file', key: 'a', becomes: 'renamed', after: 3_000 },
      { do: 'policy', source: 'main', rule: 'a', users: 'abcdefgh', told: 'lost', after: 14_000 },
    ],
  },
  {
    what: 'a segment is not written for others while a flag may have come into it by a write that nobody answered',
    setup: inSegments,
    steps: [
      { do: 'file', key: 'b', becomes: 'shared', after: 0 },
      { do: 'toggle-ill', target: 't1', key: 'b', how: 'very-slow', ms: 400_000, after: 3_000 },
      { do: 'file', key: 'b', becomes: 'back', after: 21_000 },
      { do: 'policy', source: 'main', rule: 'a', users: 'abcfgh', told: 'now', after: 5_000 },
    ],
  },
  {
    what: 'a clock set back while LaunchDarkly said how long to wait',
    setup: inSegments,
    steps: [
      { do: 'target-ill', target: 't1', how: 'too-many-long', share: 1, ms: 3_000, after: 500 },
      { do: 'policy', source: 'main', rule: 'a', users: 'abc', told: 'now', after: 2_000 },
      { do: 'clock-jumps', ms: -3_600_000, after: 0 },
    ],
  },
];
