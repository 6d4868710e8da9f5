import { canonicalJson, type Json, type JsonObject } from '../../domain/json.ts';
import { compareCodePoints } from '../../domain/code-points.ts';
import { type Problem, ProblemError } from '../../domain/problem.ts';
import type { Former } from '../../domain/target.ts';
import { type FlagAnswer, type FlagConfigAnswer, flagShape } from './answers.ts';
import { flagGet, flagJsonPatch } from './calls.ts';
import type { Client } from './client.ts';
import type { FlagPlace, Names } from './names.ts';
import { asProblemError } from './read.ts';
import { type Operation, pointer, restoreActions } from './restore.ts';

export interface PutBackOptions {
  readonly client: Client;
  readonly names: Names;
  readonly mark: string;
  /** Theirs by ours. */
  readonly environments: ReadonlyMap<string, string>;
}

/** What of a flag is put back: the fields that taking it over may have changed. */
const ofFlag = ['name', 'description', 'temporary', 'tags'] as const;
const ofEnvironment = ['offVariation', 'fallthrough', 'rules', 'targets', 'contextTargets', 'on'] as const;
const actions = [...restoreActions, 'updateDescription', 'updateName', 'updateOn', 'updateTemporary'];

/** What stands where a kept flag says nothing of a field: LaunchDarkly leaves empty ones out. */
const absent: Readonly<Partial<Record<string, Json>>> = { description: '', rules: [], targets: [], contextTargets: [] };

/**
 * Puts flags of an account back as they were read before they were taken over. One JSON patch for all environments:
 * all of it or nothing (https://launchdarkly.com/docs/api/feature-flags/patch-feature-flag).
 */
export function formerIn(options: PutBackOptions): Former {
  const { client, names, mark } = options;

  async function patchOf(key: string, definition: unknown, signal: AbortSignal) {
    const place = names.placeOf(key);
    if (!flagShape.fits(definition)) throw new ProblemError(unreadable(key));
    const now = await client
      .find(flagGet(place, [...options.environments.values()]), flagShape, signal)
      .catch((error: unknown) => {
        throw asProblemError(error, signal);
      });
    if (now === undefined) throw new ProblemError(gone(place));
    return { place, patch: differences(now, definition, [...options.environments.values()]) };
  }

  return {
    async compare(key, definition, signal) {
      const { patch } = await patchOf(key, definition, signal);
      return patch.map(sentenceOf);
    },
    async putBack(key, definition, signal) {
      const { place, patch } = await patchOf(key, definition, signal);
      if (patch.length === 0) return;
      const call = flagJsonPatch(place, patch, actions, `optoggles ${mark} put back`);
      const written = await client.write(call, signal, () => true);
      if (written.result === 'ok') return;
      const { verdict } = written;
      throw new ProblemError('problem' in verdict ? verdict.problem : unwritten(place));
    },
  };
}

function differences(now: FlagAnswer, kept: FlagAnswer, environments: readonly string[]): readonly Operation[] {
  const patch: Operation[] = [];
  // An archived flag takes no other change: back first, away last.
  if (now.archived && !kept.archived) patch.push({ op: 'replace', path: '/archived', value: false });
  for (const field of ofFlag) add(patch, `/${field}`, now[field], kept[field], absent[field]);
  for (const name of environments) {
    const [is, was] = [configOf(now, name), configOf(kept, name)];
    if (is === undefined || was === undefined) continue;
    for (const field of ofEnvironment) {
      add(patch, `/environments/${pointer(name)}/${field}`, is[field], was[field], absent[field]);
    }
  }
  if (kept.archived && (!now.archived || patch.length > 0))
    patch.push({ op: 'replace', path: '/archived', value: true });
  return patch;
}

function configOf(flag: FlagAnswer, environment: string): FlagConfigAnswer | undefined {
  return flag.environments !== undefined && Object.hasOwn(flag.environments, environment)
    ? flag.environments[environment]
    : undefined;
}

function add(patch: Operation[], path: string, is: unknown, was: unknown, empty: Json | undefined): void {
  const value = was === undefined ? empty : plain(was as Json);
  if (value === undefined) return;
  const now = is === undefined ? (empty ?? null) : plain(is as Json);
  const isList = path.endsWith('argets');
  if (canonicalJson(isList ? inOrder(value) : value) !== canonicalJson(isList ? inOrder(now) : now)) {
    patch.push({ op: 'replace', path, value });
  }
}

/** Lists in whatever order, without the empty ones that only tell an order: nobody is in two variations of one. */
function inOrder(lists: Json): Json {
  if (!Array.isArray(lists)) return lists;
  const filled = (lists as readonly JsonObject[]).filter(({ values }) => Array.isArray(values) && values.length > 0);
  return filled.map(one => canonicalJson(one)).sort(compareCodePoints);
}

/** Without what LaunchDarkly makes by itself: ids and the like. */
function plain(value: Json): Json {
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value as Readonly<Record<string, Json>>).filter(([name]) => !name.startsWith('_'));
  return Object.fromEntries(entries.map(([name, one]) => [name, plain(one)]));
}

/** Counts, no members. */
function sentenceOf({ path, value }: Operation): string {
  const [, first = '', environment = '', field = ''] = path
    .split('/')
    .map(part => part.replaceAll('~1', '/').replaceAll('~0', '~'));
  const where = field === '' ? '' : `${environment}: `;
  const name = field === '' ? first : field;
  const count = Array.isArray(value) ? value.length : undefined;
  switch (name) {
    case 'on':
      return `${where}it is switched ${value === true ? 'on' : 'off'}`;
    case 'rules':
      return `${where}it has ${count} rules again`;
    case 'targets':
    case 'contextTargets':
      return `${where}its lists of single ${name === 'targets' ? 'users' : 'contexts of other kinds'} are those of before (${listed(value)} entries)`;
    case 'fallthrough':
    case 'offVariation':
      return `${where}${name === 'fallthrough' ? 'what everybody else gets' : 'what is served while it is off'} is that of before`;
    case 'archived':
      return value === true ? 'it is archived' : 'it is taken out of the archive';
    case 'tags':
      return 'its tags are those of before, without our mark';
    default:
      return `its ${name} is that of before`;
  }
}

function listed(value: unknown): number {
  if (!Array.isArray(value)) return 0;
  return value.reduce((sum: number, one: { values?: readonly unknown[] }) => sum + (one.values?.length ?? 0), 0);
}

function unreadable(key: string): Problem {
  return {
    code: 'backup-unusable',
    message: `What was kept of flag ${key} does not fit this target any more.`,
    hint: 'Put it back in LaunchDarkly by hand: its audit log there has every version.',
  };
}

function gone({ project, key }: FlagPlace): Problem {
  return {
    code: 'launchdarkly-gone',
    message: `flag ${key} is not in project ${project} any more.`,
    hint: 'Create it in LaunchDarkly, as a boolean flag, and try again.',
  };
}

function unwritten({ key }: FlagPlace): Problem {
  return {
    code: 'backup-unwritten',
    message: `LaunchDarkly did not take the patch that puts flag ${key} back.`,
    hint: 'Look at the flag there and try again: the patch is done as a whole or not at all.',
  };
}
