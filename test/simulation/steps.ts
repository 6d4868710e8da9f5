import type { OverrideSubject } from '../../src/domain/override.ts';
import type { HandAct } from './platform.ts';
import type { Loaded } from './opa.ts';

/** How OPAL tells of a change. */
export type Told = 'now' | 'late' | 'twice' | 'lost' | 'storm';

export type Becomes =
  | 'on'
  | 'off'
  | 'broken'
  | 'gone'
  | 'back'
  | 'moved'
  | 'shared'
  | 'other-source'
  | 'one-environment'
  | 'only-one'
  | 'renamed'
  | 'tighter';

/** What is wrong with a platform, or one key of it. */
export type Illness =
  | 'slow'
  | 'very-slow'
  | 'too-many'
  | 'too-many-long'
  | 'broken'
  | 'broken-done'
  | 'reset'
  | 'reset-done'
  | 'half-done'
  | 'silent'
  | 'silent-done'
  | 'gone'
  | 'refuses'
  | 'conflicts';

/** One thing that happens to the world. Users are letters. Durations are ms; `after`: so long nothing else happens then. */
export type Step = { readonly after: number } & (
  | {
      readonly do: 'policy';
      readonly source: string;
      readonly rule: string;
      readonly users: string | null;
      readonly told: Told;
    }
  | {
      readonly do: 'rule-fails';
      readonly source: string;
      readonly rule: string;
      readonly how: 'fails' | 'wrong';
      readonly told: Told;
    }
  | {
      readonly do: 'opa-restarts';
      readonly source: string;
      readonly as: Exclude<Loaded, 'whole'>;
      readonly loads: number | null;
    }
  | {
      readonly do: 'opa-ill';
      readonly source: string;
      readonly how: Illness;
      readonly share: number;
      readonly ms: number;
    }
  | { readonly do: 'two-opas'; readonly source: string; readonly ms: number }
  | { readonly do: 'opal-restarts'; readonly source: string }
  | {
      readonly do: 'opal-ill';
      readonly source: string;
      readonly how: Illness;
      readonly share: number;
      readonly ms: number;
    }
  | { readonly do: 'callbacks'; readonly source: string; readonly count: number; readonly forged: boolean }
  | {
      readonly do: 'target-ill';
      readonly target: string;
      readonly how: Illness;
      readonly share: number;
      readonly ms: number;
    }
  | {
      readonly do: 'toggle-ill';
      readonly target: string;
      readonly key: string;
      readonly how: Illness;
      readonly ms: number;
    }
  | {
      readonly do: 'hand';
      readonly target: string;
      readonly place: string;
      readonly act: HandAct;
      readonly user: string;
    }
  | { readonly do: 'file'; readonly key: string; readonly becomes: Becomes }
  | { readonly do: 'folder'; readonly is: 'down' | 'empty' | 'back' }
  | { readonly do: 'disk-full'; readonly ms: number }
  | { readonly do: 'clock-jumps'; readonly ms: number }
  /** After so many effects (0: at once). */
  | { readonly do: 'crash'; readonly effects: number; readonly down: number }
  | { readonly do: 'terminate'; readonly down: number }
  | { readonly do: 'approve'; readonly which: number; readonly local: boolean }
  | { readonly do: 'window'; readonly source: string; readonly ms: number }
  /** As `optoggles off`, `deny` or `pause`; without `ms` until it is taken back. */
  | { readonly do: 'override'; readonly subject: OverrideSubject; readonly ms: number | null }
  | { readonly do: 'resume' }
  | { readonly do: 'sync' }
  | { readonly do: 'wait' }
);
