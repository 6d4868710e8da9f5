import type { KindSchemas } from '../load/kinds.ts';
import { sourceKinds, targetKinds } from '../kinds.ts';
import type { Clock } from '../lib/clock.ts';
import type { Checkout } from '../tasks/checkout.ts';
import { baseFolder } from './base.ts';
import type { RunEvent } from './event.ts';
import type { Inputs } from './inputs.ts';
import type { Runner } from './runner.ts';

/** What a command of the action has around it. Commands give back the exit status of the step. */
export interface Step {
  readonly inputs: Inputs;
  readonly event: RunEvent;
  readonly runner: Runner;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly kinds: KindSchemas;
  /** What was checked out. */
  readonly head: Checkout;
  /** The base branch of the pull request, checked out once; without one, the head. Rejects with a ProblemError where it is not there. */
  base(): Promise<Checkout>;
}

/** Puts a step together; nothing is read yet. */
export function createStep(parts: Pick<Step, 'inputs' | 'event' | 'runner' | 'env' | 'clock' | 'signal'>): Step {
  const { inputs, event, signal } = parts;
  const checkout = (root: string): Checkout => ({ root, config: inputs.config, url: event.repositoryUrl });
  const head = checkout(event.workspace);
  let base: Promise<Checkout> | undefined;
  return {
    ...parts,
    kinds: { sources: sourceKinds, targets: targetKinds },
    head,
    base() {
      // Nothing is proposed: what is there is compared with itself, so that all is pending anyway.
      if (event.pull === undefined && inputs.basePath === undefined) return Promise.resolve(head);
      base ??= baseFolder(event, inputs.basePath, signal).then(checkout);
      return base;
    },
  };
}

/** What lets a block through here, as the end of a sentence. */
export function approveInput(id: string): string {
  return `run "apply" with the input "approve: ${id}".`;
}
