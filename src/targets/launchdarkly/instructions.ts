/** The instructions of semantic patches that are used; facts about each: launchdarkly/ldcli, ld-openapi.json. */
export type Instruction = Readonly<
  | { kind: 'turnFlagOn' | 'turnFlagOff' }
  | { kind: 'updateOffVariation' | 'updateFallthroughVariationOrRollout'; variationId: string }
  | { kind: 'addTargets' | 'removeTargets'; variationId: string; contextKind: string; values: readonly string[] }
  | { kind: 'addRule'; variationId: string; clauses: readonly Clause[]; description: string }
  | { kind: 'removeRule'; ruleId: string }
  | { kind: 'updateName' | 'updateDescription' | 'updateMaintainerMember' | 'updateMaintainerTeam'; value: string }
  | { kind: 'addTags' | 'removeTags'; values: readonly string[] }
  | { kind: 'makeFlagTemporary' | 'makeFlagPermanent' | 'archiveFlag' | 'restoreFlag' }
  | {
      kind: 'turnOnClientSideAvailability' | 'turnOffClientSideAvailability';
      value: 'usingEnvironmentId' | 'usingMobileKey';
    }
  | {
      kind: 'addIncludedTargets' | 'removeIncludedTargets' | 'removeExcludedTargets';
      contextKind: string;
      values: readonly string[];
    }
>;

export interface Clause {
  readonly contextKind: string;
  readonly attribute: string;
  readonly op: string;
  readonly negate: boolean;
  readonly values: readonly string[];
}

/** The keys of people that an instruction carries. */
export function keysIn(instruction: Instruction): readonly string[] {
  return 'contextKind' in instruction ? instruction.values : [];
}
