import type { Json } from '../../../src/domain/json.ts';
import { newFlag } from './create-flag.ts';
import type {
  Account,
  Environment,
  Flag,
  FlagConfig,
  Instruction,
  Project,
  ScheduledChange,
  Segment,
} from './model.ts';
import { applySegmentInstructions } from './segment-instructions.ts';
import { applyInstructions, configOf } from './semantic-patch.ts';
import { dropFlag, dropSegment, environmentOf, flagOf, keepFlag, keepSegment, projectOf, segmentOf } from './store.ts';

/** A flag in its environment. */
export interface FlagAt {
  readonly project: string;
  readonly flag: string;
  readonly environment: string;
}

/** What a rule or the fallthrough serves: a variation by its value, or shares of 100,000 in the order of variations. */
export type HandServe = { readonly value: Json } | { readonly weights: readonly number[] };

/** Changes by a person, past the API: no token, no approval, no log. A change that LaunchDarkly refuses throws. */
export interface Hand {
  /** A flag as POST makes it (`name` = key unless told, two boolean variations with `false` as the defaults). */
  addFlag(project: string, body: Readonly<Record<string, unknown>> & { readonly key: string }): Flag;
  /** Any instructions of a semantic patch; `environment` for those that need one. */
  patchFlag(project: string, flag: string, instructions: readonly Instruction[], environment?: string): void;
  turn(at: FlagAt, on: boolean): void;
  setFallthrough(at: FlagAt, serve: HandServe): void;
  /** Undefined: none at all. */
  setOffVariation(at: FlagAt, value: Json | undefined): void;
  /** A rule at the end; the clauses as in an instruction. Gives its id. */
  addRule(at: FlagAt, clauses: readonly Instruction[], serve: HandServe): string;
  /** A disabled rule stays and lets nobody in. */
  disableRule(at: FlagAt, rule: string): void;
  /** Individual targets of the variation with this value; default kind `user`. */
  addTargets(at: FlagAt, value: Json, keys: readonly string[], contextKind?: string): void;
  removeTargets(at: FlagAt, value: Json, keys: readonly string[], contextKind?: string): void;
  /** The other flag of the project must serve this value first. */
  addPrerequisite(at: FlagAt, other: string, value: Json): void;
  archive(project: string, flag: string): void;
  restore(project: string, flag: string): void;
  deleteFlag(project: string, flag: string): void;
  /** `unbounded`: a big segment, whose keys nobody sees. */
  addSegment(
    project: string,
    environment: string,
    key: string,
    more?: { readonly tags?: readonly string[]; readonly unbounded?: boolean },
  ): Segment;
  /** Any instructions of a semantic patch on a segment; the limit of operations holds not here. */
  patchSegment(project: string, environment: string, segment: string, instructions: readonly Instruction[]): void;
  deleteSegment(project: string, environment: string, segment: string): void;
  /** A change that LaunchDarkly is to make later; this fake never makes it. */
  schedule(at: FlagAt, executionDate: number, instructions: readonly Instruction[]): ScheduledChange;
  setApproval(project: string, environment: string, approval: boolean | readonly string[]): void;
}

/** The hand of an account. */
export function createHand(account: Account): Hand {
  function place(at: FlagAt): { project: Project; environment: Environment; flag: Flag } {
    const project = projectOf(account, at.project);
    return { project, environment: environmentOf(project, at.environment), flag: flagOf(project, at.flag) };
  }

  function patchFlag(project: string, flag: string, instructions: readonly Instruction[], environment?: string): void {
    const found = projectOf(account, project);
    const where = environment === undefined ? undefined : environmentOf(found, environment);
    const next = applyInstructions(account, found, flagOf(found, flag), where, instructions);
    if (next === 'deleted') dropFlag(account, found, flag);
    else keepFlag(account, found, next);
  }

  function patchAt(at: FlagAt, instruction: Instruction): void {
    patchFlag(at.project, at.flag, [instruction], at.environment);
  }

  /** What no semantic patch can say. */
  function change(at: FlagAt, how: (config: FlagConfig) => FlagConfig): void {
    const { project, flag } = place(at);
    const config = how(configOf(flag, at.environment));
    keepFlag(account, project, { ...flag, environments: new Map(flag.environments).set(at.environment, config) });
  }

  function served(flag: Flag, serve: HandServe): Instruction {
    if ('value' in serve) return { variationId: variationId(flag, serve.value) };
    const weights = serve.weights.map((weight, index) => [flag.variations[index]?._id ?? '', weight] as const);
    return { rolloutWeights: Object.fromEntries(weights) };
  }

  return {
    patchFlag,
    addFlag(project, body) {
      const found = projectOf(account, project);
      const variations = [{ value: true }, { value: false }];
      const whole = {
        name: body.key,
        ...('variations' in body ? {} : { variations, defaults: { onVariation: 1, offVariation: 1 } }),
        ...body,
      };
      return keepFlag(account, found, newFlag(account, found, whole, undefined));
    },
    turn: (at, on) => patchAt(at, { kind: on ? 'turnFlagOn' : 'turnFlagOff' }),
    setFallthrough: (at, serve) =>
      patchAt(at, { kind: 'updateFallthroughVariationOrRollout', ...served(place(at).flag, serve) }),
    setOffVariation(at, value) {
      if (value === undefined) return change(at, config => ({ ...config, offVariation: undefined }));
      patchAt(at, { kind: 'updateOffVariation', variationId: variationId(place(at).flag, value) });
    },
    addRule(at, clauses, serve) {
      patchAt(at, { kind: 'addRule', clauses, ...served(place(at).flag, serve) });
      return place(at).flag.environments.get(at.environment)?.rules.at(-1)?._id as string;
    },
    disableRule: (at, id) =>
      change(at, config => ({
        ...config,
        rules: config.rules.map(rule => (rule._id === id ? { ...rule, disabled: true } : rule)),
      })),
    addTargets: (at, value, values, contextKind = 'user') =>
      patchAt(at, { kind: 'addTargets', variationId: variationId(place(at).flag, value), contextKind, values }),
    removeTargets: (at, value, values, contextKind = 'user') =>
      patchAt(at, { kind: 'removeTargets', variationId: variationId(place(at).flag, value), contextKind, values }),
    addPrerequisite(at, other, value) {
      const variation = variationId(flagOf(place(at).project, other), value);
      patchAt(at, { kind: 'addPrerequisite', key: other, variationId: variation });
    },
    archive: (project, flag) => patchFlag(project, flag, [{ kind: 'archiveFlag' }]),
    restore: (project, flag) => patchFlag(project, flag, [{ kind: 'restoreFlag' }]),
    deleteFlag: (project, flag) => patchFlag(project, flag, [{ kind: 'deleteFlag' }]),
    addSegment(project, environment, key, more = {}) {
      const found = projectOf(account, project);
      return keepSegment(account, found, environmentOf(found, environment), {
        key,
        name: key,
        description: '',
        tags: more.tags ?? [],
        creationDate: account.now(),
        lastModifiedDate: account.now(),
        version: 0,
        included: [],
        excluded: [],
        rules: [],
        salt: account.newId().replaceAll('-', ''),
        unbounded: more.unbounded ?? false,
      });
    },
    patchSegment(project, environment, segment, instructions) {
      const found = projectOf(account, project);
      const where = environmentOf(found, environment);
      let next = segmentOf(where, segment);
      for (const one of instructions) {
        next = applySegmentInstructions(next, [one], {
          newId: account.newId,
          isSegment: key => where.segments.has(key),
        });
      }
      keepSegment(account, found, where, next);
    },
    deleteSegment(project, environment, segment) {
      const found = projectOf(account, project);
      dropSegment(account, found, environmentOf(found, environment), segment);
    },
    schedule(at, executionDate, instructions) {
      place(at);
      const change = { ...at, id: account.newId(), creationDate: account.now(), executionDate, instructions };
      account.scheduled.set(change.id, change);
      return change;
    },
    setApproval(project, environment, approval) {
      const found = environmentOf(projectOf(account, project), environment);
      found.approval = approval === true ? 'all' : approval === false ? 'none' : approval;
    },
  };
}

function variationId(flag: Flag, value: Json): string {
  const found = flag.variations.find(variation => JSON.stringify(variation.value) === JSON.stringify(value));
  if (found === undefined) throw new Error(`flag ${flag.key} has no variation ${JSON.stringify(value)}`);
  return found._id;
}
