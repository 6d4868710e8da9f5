import { objectOf, onlyFields, textOf } from './fields.ts';
import type { Account, Environment, Flag, FlagConfig, Instruction, Project } from './model.ts';
import { approvalNeeded, invalid } from './refusal.ts';
import { FOR_ARCHIVED, SETTING_INSTRUCTIONS } from './setting-instructions.ts';
import { type Surroundings, TARGETING_INSTRUCTIONS } from './targeting-instructions.ts';

/** The body of a semantic patch, its form checked. */
export interface SemanticPatch {
  readonly environmentKey: string | undefined;
  readonly comment: string | undefined;
  readonly instructions: readonly Instruction[];
}

/** Reads the body of a semantic patch. */
export function semanticPatchIn(body: unknown): SemanticPatch {
  const patch = objectOf(body, 'the body');
  onlyFields(patch, ['comment', 'environmentKey', 'instructions'], 'the body');
  return {
    environmentKey: patch['environmentKey'] === undefined ? undefined : textOf(patch, 'environmentKey'),
    comment: patch['comment'] === undefined ? undefined : textOf(patch, 'comment'),
    instructions: instructionsIn(patch),
  };
}

/** At least one instruction, each an object with a kind. */
export function instructionsIn(body: Readonly<Record<string, unknown>>): readonly Instruction[] {
  const list = body['instructions'];
  if (!Array.isArray(list) || list.length === 0) throw invalid('instructions must be a non-empty list');
  return list.map(one => {
    const instruction = objectOf(one, 'an instruction');
    textOf(instruction, 'kind');
    return instruction;
  });
}

/** The rights that the instructions need, as custom roles name them. */
export function actionsOf(instructions: readonly Instruction[]): readonly string[] {
  return instructions.map(one => {
    const kind = textOf(one, 'kind');
    const known = TARGETING_INSTRUCTIONS[kind] ?? SETTING_INSTRUCTIONS[kind];
    if (known === undefined) throw invalid(`unknown instruction kind "${kind}"`);
    return known.action;
  });
}

/** 405 if one of the instructions is for an environment in which this flag may be changed by approval only. */
export function refuseWithoutApproval(
  environment: Environment,
  flag: Flag,
  instructions: readonly Instruction[],
): void {
  if (!needsApproval(environment, flag)) return;
  for (const one of instructions) {
    const targeting = TARGETING_INSTRUCTIONS[textOf(one, 'kind')];
    if (targeting !== undefined) throw approvalNeeded(targeting.action);
  }
}

/** Whether changes of the flag in the environment need approval. */
export function needsApproval(environment: Environment, flag: Flag): boolean {
  const { approval } = environment;
  return approval === 'all' || (approval !== 'none' && approval.some(tag => flag.tags.includes(tag)));
}

/** The flag after all instructions, or a refusal and nothing done. Rights and approval are not looked at. */
export function applyInstructions(
  account: Account,
  project: Project,
  flag: Flag,
  environment: Environment | undefined,
  instructions: readonly Instruction[],
): Flag | 'deleted' {
  const around: Surroundings = {
    newId: account.newId,
    flag: key => project.flags.get(key),
    isSegment: key => environment?.segments.has(key) === true,
  };
  let next: Flag | 'deleted' = flag;
  for (const one of instructions) {
    if (next === 'deleted') throw invalid('no instruction may follow deleteFlag');
    const kind = textOf(one, 'kind');
    const targeting = TARGETING_INSTRUCTIONS[kind];
    const setting = SETTING_INSTRUCTIONS[kind];
    if (targeting === undefined && setting === undefined) throw invalid(`unknown instruction kind "${kind}"`);
    if (next.archivedDate !== undefined && !FOR_ARCHIVED.has(kind))
      throw invalid(`flag "${flag.key}" is archived: restore it before changing it`);
    onlyFields(one, ['kind', ...(targeting ?? setting)!.fields], kind);
    if (targeting !== undefined) {
      if (environment === undefined) throw invalid(`instruction "${kind}" requires an environmentKey`);
      const config = configOf(next, environment.key);
      next = withConfig(next, environment.key, targeting.apply(next, config, one, around));
    } else {
      const others = [...project.flags.values()].filter(other => other.key !== flag.key);
      next = setting!.apply(next, one, { account, flags: others });
    }
  }
  return next;
}

/** A flag has a configuration in each environment of its project. */
export function configOf(flag: Flag, environment: string): FlagConfig {
  const config = flag.environments.get(environment);
  if (config === undefined) throw invalid(`Unknown environment key: ${environment}`);
  return config;
}

function withConfig(flag: Flag, environment: string, config: FlagConfig): Flag {
  return { ...flag, environments: new Map(flag.environments).set(environment, config) };
}
