import { maybeText, tagsOf, textOf, textsOf } from './fields.ts';
import type { Account, Flag, Instruction } from './model.ts';
import { invalid, Refusal } from './refusal.ts';

// The instructions of a semantic patch for the flag as a whole: settings and life cycle.

/** What an instruction may look at besides its flag. */
export interface Neighbors {
  readonly account: Account;
  /** The other flags of the project. */
  readonly flags: Iterable<Flag>;
}

interface SettingInstruction {
  /** As in custom roles. */
  readonly action: string;
  readonly fields: readonly string[];
  /** `'deleted'`: the flag is gone. */
  readonly apply: (flag: Flag, instruction: Instruction, around: Neighbors) => Flag | 'deleted';
}

export const SETTING_INSTRUCTIONS: Readonly<Record<string, SettingInstruction>> = {
  updateName: {
    action: 'updateName',
    fields: ['value'],
    apply: (flag, one) => ({ ...flag, name: textOf(one, 'value') }),
  },
  updateDescription: {
    action: 'updateDescription',
    fields: ['value'],
    apply: (flag, one) => {
      const description = maybeText(one, 'value');
      if (description === undefined) throw invalid('value must be a string');
      return { ...flag, description };
    },
  },
  updateMaintainerMember: {
    action: 'updateMaintainer',
    fields: ['value'],
    apply: (flag, one, { account }) => ({
      ...flag,
      maintainerId: memberOf(account, textOf(one, 'value')),
      maintainerTeamKey: undefined,
    }),
  },
  updateMaintainerTeam: {
    action: 'updateMaintainer',
    fields: ['value'],
    apply: (flag, one, { account }) => ({
      ...flag,
      maintainerId: undefined,
      maintainerTeamKey: teamOf(account, textOf(one, 'value')),
    }),
  },
  removeMaintainer: {
    action: 'updateMaintainer',
    fields: [],
    apply: flag => ({ ...flag, maintainerId: undefined, maintainerTeamKey: undefined }),
  },
  addTags: {
    action: 'updateTags',
    fields: ['values'],
    apply: (flag, one) => ({ ...flag, tags: tagsOf([...flag.tags, ...textsOf(one, 'values')]) }),
  },
  removeTags: {
    action: 'updateTags',
    fields: ['values'],
    apply: (flag, one) => {
      const gone = textsOf(one, 'values');
      return { ...flag, tags: flag.tags.filter(tag => !gone.includes(tag)) };
    },
  },
  makeFlagTemporary: { action: 'updateTemporary', fields: [], apply: flag => ({ ...flag, temporary: true }) },
  makeFlagPermanent: { action: 'updateTemporary', fields: [], apply: flag => ({ ...flag, temporary: false }) },
  turnOnClientSideAvailability: {
    action: 'updateClientSideFlagAvailability',
    fields: ['value'],
    apply: (flag, one) => availability(flag, one, true),
  },
  turnOffClientSideAvailability: {
    action: 'updateClientSideFlagAvailability',
    fields: ['value'],
    apply: (flag, one) => availability(flag, one, false),
  },
  updateDefaultVariation: {
    action: 'updateFlagDefaultVariations',
    fields: ['onVariationValue', 'offVariationValue'],
    apply: (flag, one) => ({
      ...flag,
      defaults: {
        onVariation: indexOf(flag, one, 'onVariationValue') ?? flag.defaults.onVariation,
        offVariation: indexOf(flag, one, 'offVariationValue') ?? flag.defaults.offVariation,
      },
    }),
  },
  archiveFlag: {
    action: 'updateGlobalArchived',
    fields: [],
    apply: (flag, _one, { account, flags }) => {
      const dependents = dependentsOf(flag.key, flags);
      if (dependents.length > 0)
        throw new Refusal(
          409,
          'conflict',
          `Cannot archive flag "${flag.key}": it is a prerequisite of ${dependents.join(', ')}`,
        );
      return { ...flag, archivedDate: flag.archivedDate ?? account.now() };
    },
  },
  restoreFlag: { action: 'updateGlobalArchived', fields: [], apply: flag => ({ ...flag, archivedDate: undefined }) },
  deprecateFlag: {
    action: 'updateDeprecated',
    fields: [],
    apply: (flag, _one, { account }) => ({ ...flag, deprecatedDate: flag.deprecatedDate ?? account.now() }),
  },
  restoreDeprecatedFlag: {
    action: 'updateDeprecated',
    fields: [],
    apply: flag => ({ ...flag, deprecatedDate: undefined }),
  },
  deleteFlag: {
    action: 'deleteFlag',
    fields: [],
    apply: (flag, _one, { flags }) => {
      refuseDeletion(flag.key, flags);
      return 'deleted';
    },
  },
};

/** Instructions that an archived flag still takes. */
export const FOR_ARCHIVED = new Set(['restoreFlag', 'archiveFlag', 'deleteFlag']);

/** Keys of the flags that have `key` as a prerequisite somewhere. */
export function dependentsOf(key: string, flags: Iterable<Flag>): string[] {
  const found: string[] = [];
  for (const flag of flags) {
    if (flag.archivedDate !== undefined) continue;
    for (const config of flag.environments.values()) {
      if (!config.prerequisites.some(prerequisite => prerequisite.key === key)) continue;
      found.push(flag.key);
      break;
    }
  }
  return found;
}

/** A prerequisite of another flag can't be deleted: 409. */
export function refuseDeletion(key: string, flags: Iterable<Flag>): void {
  const dependents = dependentsOf(key, flags);
  if (dependents.length > 0)
    throw new Refusal(409, 'conflict', `Cannot delete flag "${key}": it is a prerequisite of ${dependents.join(', ')}`);
}

/** The id of a member of the account; others are refused. */
export function memberOf(account: Account, id: string): string {
  if (!account.members.some(member => member._id === id)) throw invalid(`unknown member ID "${id}"`);
  return id;
}

/** The key of a team of the account; others are refused. */
export function teamOf(account: Account, key: string): string {
  if (!account.teams.includes(key)) throw invalid(`unknown team key "${key}"`);
  return key;
}

function availability(flag: Flag, one: Instruction, on: boolean): Flag {
  const which = textOf(one, 'value');
  if (which !== 'usingMobileKey' && which !== 'usingEnvironmentId')
    throw invalid('value must be "usingMobileKey" or "usingEnvironmentId"');
  return { ...flag, clientSideAvailability: { ...flag.clientSideAvailability, [which]: on } };
}

function indexOf(flag: Flag, one: Instruction, field: string): number | undefined {
  if (one[field] === undefined) return undefined;
  const wanted = JSON.stringify(one[field]);
  const index = flag.variations.findIndex(variation => JSON.stringify(variation.value) === wanted);
  if (index === -1) throw invalid(`${field} is no variation of flag "${flag.key}"`);
  return index;
}
