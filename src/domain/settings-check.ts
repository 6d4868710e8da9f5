import type { Problem } from './problem.ts';

/**
 * What a configuration is loaded for: to `validate` it, to ask and write `once`, to `run` for ever, or only to `look` at
 * what an instance left or says, where files that sources need may be missing.
 */
export type Purpose = 'validate' | 'once' | 'run' | 'look';

/** Where settings stand that a kind checks. */
export interface SettingsPlace {
  /** The source's id, the target's name. */
  readonly id: string;
  /** The configuration's folder, absolute: paths in settings are relative to it and stay inside. */
  readonly folder: string;
  readonly purpose: Purpose;
}

/** Something wrong with a setting that its schema cannot say, found without the network. */
export interface Finding {
  /** From the entry to the setting; empty: the entry as a whole. */
  readonly path: readonly (string | number)[];
  readonly problem: Problem;
  /** It is no error for this purpose. */
  readonly warning?: boolean;
}
