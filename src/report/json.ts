import type { Provenance, Who } from '../domain/audience.ts';
import type { Json, JsonObject } from '../domain/json.ts';
import type { Members } from '../domain/members.ts';
import type { Block, Change, Held, PlacementChange, Plan } from '../domain/plan.ts';
import type { Problem } from '../domain/problem.ts';
import type { PlanJson } from './plan-schema.ts';
import { countPlan } from './wording.ts';

export interface JsonOptions {
  /** Members' names too; without it only counts. */
  readonly showUsers?: boolean | undefined;
  /** The command that lets a block through; by default `optoggles approve ID`. */
  readonly approve?: ((id: string) => string) | undefined;
}

type ChangeJson = PlanJson['changes'][number];
type BlockJson = PlanJson['blocked'][number];
type ProblemJson = PlanJson['warnings'][number];

/** What an operator has to type to let a block through. */
export function approveCommand(id: string): string {
  return `optoggles approve ${id}`;
}

/** The plan by `planSchema`. The same plan gives the same bytes: keys are in one order, no times. */
export function planJson(plan: Plan, options: JsonOptions = {}): PlanJson {
  return {
    version: 1,
    checksum: plan.checksum,
    ...(plan.commit !== undefined && { commit: plan.commit }),
    summary: countPlan(plan),
    changes: plan.changes.map(change => changeJson(change, options)),
    blocked: plan.blocked.map(block => blockJson(block, options)),
    held: plan.held.map(heldJson),
    refused: plan.refused.map(({ toggle, target, key, problem }) => ({
      toggle,
      target,
      key,
      problem: problemJson(problem),
    })),
    accepted: plan.accepted.map(({ source, instance }) => ({ source, instance })),
    warnings: plan.warnings.map(problemJson),
    ...(plan.overrides !== undefined &&
      plan.overrides.length > 0 && {
        overrides: plan.overrides.map(({ id, kind, what, by, reason }) => ({ id, kind, what, by, reason })),
      }),
  };
}

/** `planJson` as text, ended by a line end. */
export function planJsonText(plan: Plan, options: JsonOptions = {}): string {
  return `${JSON.stringify(planJson(plan, options), null, 2)}\n`;
}

function changeJson(change: Change, options: JsonOptions): ChangeJson {
  const at = change.kind === 'placement' ? change : undefined;
  return {
    id: change.id,
    phase: change.phase,
    kind: change.kind,
    toggle: change.toggle,
    target: change.target,
    key: change.key,
    environments: change.kind === 'placement' ? [change.environment] : [...change.environments],
    contextKind: change.contextKind,
    causes: [...change.causes],
    needs: [...change.needs],
    granted: at?.granted.size ?? 0,
    revoked: at?.revoked.size ?? 0,
    ...(options.showUsers && at ? namesJson(at.granted, at.revoked) : {}),
    before: at ? beforeJson(at) : null,
    after: at ? { on: at.after.on, users: usersJson(at.after.who) } : null,
    closes: at?.closes.map(way => way.what) ?? [],
    removal: at?.removal ?? false,
    metadata: metadataJson(change),
    from: at?.from ? fromJson(at.from) : null,
  };
}

function beforeJson({ before }: PlacementChange): NonNullable<ChangeJson['before']> {
  return { known: before.known, on: before.on, users: before.known ? usersJson(before.who) : null };
}

function metadataJson(change: Change): ChangeJson['metadata'] {
  if (change.kind === 'placement') {
    return { before: null, after: change.writesMetadata ? sorted(change.metadata) : null };
  }
  return { before: change.before ? sorted(change.before) : null, after: sorted(change.metadata) };
}

/** Where an answer comes from, without the time. */
export function fromJson(from: Provenance): NonNullable<ChangeJson['from']> {
  return {
    source: from.source,
    rule: from.rule,
    revision: from.revision ?? null,
    dataUpdate: from.dataUpdate ?? null,
  };
}

function blockJson(block: Block, options: JsonOptions): BlockJson {
  return {
    id: block.id,
    scope: block.scope,
    reason: block.reason,
    source: block.source,
    placements: block.placements.map(({ toggle, target, environment }) => ({ toggle, target, environment })),
    removals: [...block.removals],
    revoked: block.revoked.size,
    granted: block.granted.size,
    of: block.of,
    ...(options.showUsers ? namesJson(block.granted, block.revoked) : {}),
    message: block.message,
    ...(block.revision !== undefined && { revision: block.revision }),
    ...(block.also !== undefined && {
      also: { changes: block.also.changes, granted: block.also.granted, revoked: block.also.revoked },
    }),
    approve: (options.approve ?? approveCommand)(block.id),
  };
}

function heldJson({ toggle, target, environment, reason, problem }: Held): PlanJson['held'][number] {
  return { toggle, target, environment, reason, problem: problemJson(problem) };
}

/** A problem with its keys in one order. */
export function problemJson({ code, message, hint, at }: Problem): ProblemJson {
  return {
    code,
    message,
    ...(hint === undefined ? {} : { hint }),
    ...(at === undefined ? {} : { at: { file: at.file, line: at.line, column: at.column } }),
  };
}

function usersJson(who: Who): number | null {
  return who.kind === 'members' ? who.members.size : null;
}

function namesJson(granted: Members, revoked: Members): { grantedUsers: string[]; revokedUsers: string[] } {
  return { grantedUsers: [...granted.values()], revokedUsers: [...revoked.values()] };
}

/** The same value with the keys of every object in one order, so that who made it does not show in the bytes. */
function sorted(object: JsonObject): Record<string, Json> {
  const entries = Object.entries(object).filter(([, value]) => value !== undefined);
  entries.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  // A null prototype keeps a key `__proto__` a key.
  const result: Record<string, Json> = Object.create(null);
  for (const [key, value] of entries) result[key] = sortedValue(value);
  return result;
}

function sortedValue(value: Json): Json {
  if (Array.isArray(value)) return value.map(sortedValue);
  return value !== null && typeof value === 'object' ? sorted(value as JsonObject) : value;
}

/** The fields in which two descriptions differ, by name. */
export function changedFields(change: Change): string[] {
  if (change.kind === 'placement' || change.before === undefined) return [];
  const before = change.before;
  const fields = new Set([...Object.keys(before), ...Object.keys(change.metadata)]);
  return [...fields].filter(field => !same(before[field], change.metadata[field])).sort();
}

function same(one: Json | undefined, other: Json | undefined): boolean {
  if (one === undefined || other === undefined) return one === other;
  return JSON.stringify(sortedValue(one)) === JSON.stringify(sortedValue(other));
}
