import type { Members } from './members.ts';

/**
 * What an operator wants against git and policy. `off`: nobody has it, as `state: off` in the file; without an environment,
 * in all of them. `deny`: this member has nothing. `pause`: no answer of that source is taken, or nothing is written to
 * that target, or for that toggle; but who is denied loses it, and what is to be off goes off.
 */
export type OverrideSubject =
  | { readonly kind: 'off'; readonly toggle: string; readonly environment: string | null }
  | { readonly kind: 'deny'; readonly member: string }
  | { readonly kind: 'pause'; readonly what: PausedKind; readonly name: string };

export type PausedKind = 'source' | 'target' | 'toggle';

/** In force until it is taken back, or its time is over. */
export type Override = OverrideSubject & OverrideFacts;

export interface OverrideFacts {
  /** Of what it is about: said twice, it is one. Names no member. */
  readonly id: string;
  /** ms since the epoch. */
  readonly since: number;
  /** ms since the epoch; null: until it is taken back. */
  readonly until: number | null;
  readonly by: string;
  readonly reason: string;
}

/** Overrides as a plan needs them. */
export interface Overrides {
  /** Nobody of these has anything. */
  readonly denied: Members;
  /** By toggle; null: in every environment. */
  readonly off: ReadonlyMap<string, ReadonlySet<string> | null>;
  /** By name, with a sentence for people: who said so, and since when. */
  readonly paused: Readonly<Record<PausedKind, ReadonlyMap<string, string>>>;
}
