import type { Problem } from '../../domain/problem.ts';
import type { FlagView } from './flag.ts';
import type { FlagPlace, Names } from './names.ts';

// Why a flag cannot be written, and what to do about it.

/** Who says so. */
interface Told {
  /** `target ld` */
  readonly target: string;
  readonly names: Names;
}

const anew = 'It is read and planned anew.';

export function gone({ target }: Told, { key, project }: FlagPlace): Problem {
  return { code: 'launchdarkly-gone', message: `${target}: flag ${key} is not in project ${project}.`, hint: anew };
}

export function archived({ target }: Told, { key }: FlagPlace): Problem {
  return { code: 'launchdarkly-archived', message: `${target}: flag ${key} was archived.`, hint: anew };
}

export function notOurs({ target, names }: Told, { key }: FlagPlace): Problem {
  return {
    code: 'launchdarkly-not-ours',
    message: `${target}: flag ${key} does not carry our mark ${names.tag} alone.`,
    hint: 'It is read and planned anew; use another key, or `adopt: true` to take over a flag without a mark.',
  };
}

export function exists(writer: Told, place: FlagPlace, view: FlagView): Problem {
  return writer.names.ownerOf(view.tags) === 'ours' ? archived(writer, place) : notOurs(writer, place);
}

export function notBoolean({ target }: Told, { key }: FlagPlace): Problem {
  return {
    code: 'launchdarkly-not-boolean',
    message: `${target}: flag ${key} does not have the two variations true and false.`,
    hint: 'Give the toggle another key, with `key:` under its target.',
  };
}

export function noEnvironment({ target }: Told, { key, project }: FlagPlace, ours: string): Problem {
  return {
    code: 'launchdarkly-no-environment',
    message: `${target}: flag ${key} of project ${project} has nothing for our environment ${ours}.`,
    hint: 'Correct environments of the target, or leave that environment out of the toggle.',
  };
}

export function onlyLists({ target }: Told, { key }: FlagPlace): Problem {
  return {
    code: 'launchdarkly-only-lists',
    message: `${target}: flag ${key} takes lists of users only.`,
    hint: 'Let the rule yield the members.',
  };
}

export function settingsApproval({ target }: Told, { key }: FlagPlace): Problem {
  return {
    code: 'launchdarkly-settings-approval',
    message: `${target}: the settings of flag ${key} are changed by approval only.`,
    hint: 'Exempt the settings of flags from approval in LaunchDarkly, or make that change there by hand.',
  };
}

export function archivedApproval({ target }: Told, { key }: FlagPlace): Problem {
  return {
    code: 'launchdarkly-archived-approval',
    message: `${target}: flag ${key} was archived, and would let in again whom policy has put out since, where changes need approval.`,
    hint: 'Restore it in LaunchDarkly by hand; what is to change then is asked for there.',
  };
}

export function half({ target }: Told, { key }: FlagPlace): Problem {
  return { code: 'launchdarkly-half', message: `${target}: flag ${key} was written only in part.`, hint: anew };
}
