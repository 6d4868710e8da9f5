import type { Config } from '../../src/domain/config.ts';
import type { Shows } from './opa.ts';
import { createRandom, type Random } from './random.ts';

/** What a world begins with: all that a seed decides before the first step. Plain data, so that a story can be told again. */
export interface Setup {
  readonly seed: string;
  readonly sources: readonly SourceSetup[];
  readonly platforms: readonly PlatformSetup[];
  readonly toggles: readonly ToggleSetup[];
  /** Everybody there is, one letter each. */
  readonly people: string;
  readonly guard: Config['guard'];
  readonly reopen: boolean;
  readonly onRemoved: Config['onRemoved'];
}

export interface SourceSetup {
  readonly id: string;
  readonly kind: 'opal' | 'opa';
  readonly shows: Shows;
}

export interface PlatformSetup {
  readonly name: string;
  /** `rest`, `launchdarkly`: the real targets, over the network. `marked`: a target in memory that carries marks, or not. */
  readonly kind: 'rest' | 'launchdarkly' | 'marked';
  readonly readable: boolean;
  readonly marks: boolean;
  readonly groups: boolean;
  readonly environments: readonly string[];
}

/** What a flag file says, as far as it matters here. */
export interface ToggleSetup {
  readonly key: string;
  readonly source: string;
  readonly rule: string;
  readonly state: 'on' | 'off';
  /** Undefined: every environment. */
  readonly environments?: readonly string[];
  /** Behind its key in the platforms: it moved. */
  readonly suffix?: string;
  readonly allowEmpty?: boolean;
  readonly maxUsers?: number;
  /** Only there; undefined: everywhere. */
  readonly only?: string;
}

const names = ['a', 'b', 'c', 'd', 'e'];
const alphabet = 'abcdefghijklmnopqrst';

/** The world of a seed. */
export function setupOf(seed: string): Setup {
  const random = createRandom(`${seed}/setup`);
  const sources = sourcesOf(random);
  const platforms = platformsOf(random);
  const toggles = names.slice(0, 3 + random.int(3)).map(
    (key, at): ToggleSetup => ({
      key,
      source: (random.chance(0.7) ? sources[at % sources.length] : sources[0])?.id ?? 'main',
      rule: random.chance(0.15) ? 'a' : key,
      state: random.chance(0.9) ? 'on' : 'off',
      ...(random.chance(0.25) && { environments: ['production'] }),
      ...(random.chance(0.4) && { allowEmpty: true }),
      ...(random.chance(0.1) && { maxUsers: 8 }),
    }),
  );
  return {
    seed,
    sources,
    platforms,
    toggles,
    people: alphabet.slice(0, 8 + random.int(12)),
    guard: {
      maxRevokedShare: random.pick([0.3, 0.5, 0.3]),
      alwaysAllowedRevocations: random.pick([2, 3, 1]),
      maxGrantedShare: random.pick([1, 1, 0.5]),
      alwaysAllowedGrants: random.pick([4, 50, 6]),
      maxUsers: null,
      window: random.pick([600_000, 120_000]),
      maxRemovedToggles: random.pick([0.3, 0.5, 1]),
    },
    reopen: random.chance(0.2),
    onRemoved: random.weighted([
      [8, 'disable' as const],
      [1, 'archive' as const],
      [1, 'keep' as const],
    ]),
  };
}

function sourcesOf(random: Random): readonly SourceSetup[] {
  const shows: Shows = random.weighted([
    [4, 'sentinel' as const],
    [2, 'sentinel-apart' as const],
    [3, 'system.opal' as const],
    [2, 'nothing' as const],
  ]);
  const main: SourceSetup = { id: 'main', kind: 'opal', shows };
  if (random.chance(0.3)) return [main];
  const plain: SourceSetup = {
    id: 'plain',
    kind: random.chance(0.7) ? 'opa' : 'opal',
    shows: random.pick(['sentinel', 'sentinel-apart', 'nothing'] as const),
  };
  return [main, plain];
}

function platformsOf(random: Random): readonly PlatformSetup[] {
  const production = ['production'];
  const kinds: Omit<PlatformSetup, 'name'>[] = [
    { kind: 'rest', readable: true, marks: false, groups: false, environments: production },
    { kind: 'rest', readable: false, marks: false, groups: false, environments: production },
    { kind: 'marked', readable: true, marks: true, groups: false, environments: ['production', 'test'] },
    { kind: 'marked', readable: true, marks: true, groups: true, environments: production },
    { kind: 'marked', readable: true, marks: false, groups: false, environments: ['production', 'test'] },
    { kind: 'marked', readable: false, marks: false, groups: false, environments: production },
    { kind: 'launchdarkly', readable: true, marks: true, groups: false, environments: ['production', 'test'] },
    { kind: 'launchdarkly', readable: true, marks: true, groups: true, environments: ['production', 'test'] },
  ];
  const count = random.weighted([
    [2, 1],
    [5, 2],
    [2, 3],
  ]);
  const left = [...kinds];
  return Array.from({ length: count }, (_, at) => {
    const [kind] = left.splice(random.int(left.length), 1);
    return { name: `t${at + 1}`, ...(kind as Omit<PlatformSetup, 'name'>) };
  });
}
