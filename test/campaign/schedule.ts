import * as fc from 'fast-check';
import type { ProxyFault } from '../support/fault-proxy.ts';

/** Toggle → list of members that it follows. Two share one list. */
export const rules = {
  search: 'one',
  banner: 'one',
  billing: 'two',
  export: 'three',
  invite: 'checked',
} as const satisfies Readonly<Record<string, ListName>>;

export type ToggleKey = keyof typeof rules;
export type ListName = 'one' | 'two' | 'three' | 'checked';
export type TargetName = 'left' | 'right';

export const toggles = Object.keys(rules) as readonly ToggleKey[];
export const lists: readonly ListName[] = ['one', 'two', 'three', 'checked'];
export const targets: readonly TargetName[] = ['left', 'right'];

/** Something that is wrong from the beginning of a round to its end. */
export type Fault =
  | { readonly kind: 'link'; readonly to: 'opa' | 'opal' | TargetName; readonly how: ProxyFault }
  | {
      readonly kind: 'toggle';
      readonly target: TargetName;
      readonly toggle: ToggleKey;
      readonly how: 'hang' | 'reset' | 'half-answer' | 422 | 429 | 500;
      /** The write takes effect nevertheless. */
      readonly applied: boolean;
    }
  /** Killed; comes back empty, gets its policy first and its data in pieces. */
  | { readonly kind: 'opa-empty' }
  | { readonly kind: 'opal-forgets' }
  | { readonly kind: 'undefined'; readonly list: ListName }
  | { readonly kind: 'builtin-fails' };

/** Something that is changed while the faults last. */
export type Act =
  | { readonly kind: 'grant'; readonly list: ListName; readonly count: number; readonly told: Told }
  | { readonly kind: 'revoke'; readonly list: ListName; readonly count: number; readonly told: Told }
  /** More than the guard lets through; the operator approves, or what was lost comes back. */
  | { readonly kind: 'mass-revoke'; readonly list: ListName; readonly approved: boolean }
  | { readonly kind: 'switch' | 'break-file' | 'remove-file'; readonly toggle: ToggleKey }
  | { readonly kind: 'by-hand'; readonly target: TargetName; readonly toggle: ToggleKey; readonly adds: boolean }
  | { readonly kind: 'forged-callbacks' }
  | { readonly kind: 'pause'; readonly ms: number }
  | { readonly kind: 'crash' | 'restart' };

/** What becomes of the callback. */
export type Told = 'once' | 'never' | 'twice' | 'storm';

export interface Round {
  readonly faults: readonly Fault[];
  readonly acts: readonly Act[];
  /** How long the faults last beyond the acts, ms. */
  readonly hold: number;
}

export interface Schedule {
  readonly seed: number;
  /** Real OPAL server and client; else a registry of callbacks that does what it is told. */
  readonly opal: boolean;
  readonly sentinels: boolean;
  /** Members of each list at the start. */
  readonly members: number;
  readonly rounds: readonly Round[];
}

const proxyFault: fc.Arbitrary<ProxyFault> = fc.oneof(
  ...(['refuse', 'reset', 'reset-after-request', 'stall'] as const).map(kind => fc.constant({ kind })),
  fc.integer({ min: 1, max: 400 }).map(bytes => ({ kind: 'half-answer' as const, bytes })),
);

const list = fc.constantFrom(...lists);
const toggle = fc.constantFrom(...toggles);
const target = fc.constantFrom(...targets);

const fault: fc.Arbitrary<Fault> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('link' as const),
      to: fc.constantFrom('opa', 'opal', ...targets),
      how: proxyFault,
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('toggle' as const),
      target,
      toggle,
      how: fc.constantFrom(
        'hang' as const,
        'reset' as const,
        'half-answer' as const,
        422 as const,
        429 as const,
        500 as const,
      ),
      applied: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.constant({ kind: 'opa-empty' as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'opal-forgets' as const }) },
  { weight: 1, arbitrary: list.map(name => ({ kind: 'undefined' as const, list: name })) },
  { weight: 1, arbitrary: fc.constant({ kind: 'builtin-fails' as const }) },
);

const told = fc.constantFrom<Told>('once', 'once', 'once', 'twice', 'storm', 'never');
const act: fc.Arbitrary<Act> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant('revoke' as const), list, count: fc.integer({ min: 1, max: 2 }), told }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('grant' as const), list, count: fc.integer({ min: 1, max: 4 }), told }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('mass-revoke' as const), list, approved: fc.boolean() }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constantFrom('switch' as const, 'break-file' as const, 'remove-file' as const),
      toggle,
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('by-hand' as const), target, toggle, adds: fc.boolean() }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'forged-callbacks' as const }) },
  { weight: 2, arbitrary: fc.integer({ min: 50, max: 900 }).map(ms => ({ kind: 'pause' as const, ms })) },
  { weight: 2, arbitrary: fc.constantFrom({ kind: 'crash' as const }, { kind: 'restart' as const }) },
);

const rounds: fc.Arbitrary<Round[]> = fc.array(
  fc.record({
    faults: fc.array(fault, { minLength: 1, maxLength: 2, size: 'max' }),
    acts: fc.array(act, { minLength: 3, maxLength: 6, size: 'max' }),
    hold: fc.integer({ min: 0, max: 1500 }),
  }),
  { minLength: 3, maxLength: 3 },
);

/** What happens under a seed: the same at every call. Every fifth seed has real OPAL. */
export function scheduleOf(seed: number): Schedule {
  const arbitrary = fc.record({
    seed: fc.constant(seed),
    opal: fc.constant(seed % 5 === 0),
    sentinels: fc.boolean(),
    members: fc.integer({ min: 60, max: 120 }),
    rounds,
  });
  // Without the bias towards what is small and comes first: each kind is to have its share.
  const [schedule] = fc.sample(fc.noBias(arbitrary), { seed, numRuns: 1 });
  if (schedule === undefined) throw new Error('no schedule');
  return schedule;
}
