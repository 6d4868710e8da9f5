import type { Instruction } from './instructions.ts';

// The names of actions and resources that a role's policy uses:
// https://launchdarkly.com/docs/home/account/roles/role-actions.

/** What a request needs: the actions of a role, and on what. */
export interface Right {
  readonly actions: readonly string[];
  readonly resource: string;
}

const actionOf: Readonly<Record<Instruction['kind'], string>> = {
  turnFlagOn: 'updateOn',
  turnFlagOff: 'updateOn',
  updateOffVariation: 'updateOffVariation',
  updateFallthroughVariationOrRollout: 'updateFallthrough',
  addTargets: 'updateTargets',
  removeTargets: 'updateTargets',
  addRule: 'updateRules',
  removeRule: 'updateRules',
  updateName: 'updateName',
  updateDescription: 'updateDescription',
  addTags: 'updateTags',
  removeTags: 'updateTags',
  makeFlagTemporary: 'updateTemporary',
  makeFlagPermanent: 'updateTemporary',
  updateMaintainerMember: 'updateMaintainer',
  updateMaintainerTeam: 'updateMaintainer',
  turnOnClientSideAvailability: 'updateClientSideFlagAvailability',
  turnOffClientSideAvailability: 'updateClientSideFlagAvailability',
  archiveFlag: 'updateGlobalArchived',
  restoreFlag: 'updateGlobalArchived',
  addIncludedTargets: 'updateIncluded',
  removeIncludedTargets: 'updateIncluded',
  removeExcludedTargets: 'updateExcluded',
};

/** The right to patch a flag or a segment (`resource` says which). */
export function rightFor(instructions: readonly Instruction[], resource: string): Right {
  return { actions: [...new Set(instructions.map(({ kind }) => actionOf[kind]))].sort(), resource };
}

/** `proj/default:env/prod:flag/us-feature`; without an environment, in all of them. */
export function resourceOf(project: string, environment: string | undefined, what: 'flag' | 'segment', key: string) {
  return `proj/${project}:env/${environment ?? '*'}:${what}/${key}`;
}
