import type { Setup } from './setup.ts';
import type { Step } from './steps.ts';

/** Stories that went wrong once, made short. Each bug has a line in docs/reliability.md. */
export const regressions: readonly { readonly what: string; readonly setup: Setup; readonly steps: readonly Step[] }[] =
  [];
