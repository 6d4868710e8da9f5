import type { Who } from '../domain/audience.ts';
import type { JsonObject } from '../domain/json.ts';
import { fetchedMembers, type Members, membersOf } from '../domain/members.ts';
import type { Block, Change, Plan, PlacementChange } from '../domain/plan.ts';
import type { PlanJson } from './plan-schema.ts';

type ChangeJson = PlanJson['changes'][number];

/**
 * A plan that another instance made, as far as its JSON has it: enough to report and compare, not to apply. Of members
 * there are counts alone, or whatever stands for their names. `at`: when it was made (ms since the epoch).
 */
export function planFromJson(json: PlanJson, at: number): Plan {
  return {
    version: 1,
    changes: json.changes.map(change => changeOf(change, at)),
    blocked: json.blocked.map(blockOf),
    held: json.held,
    refused: json.refused,
    accepted: json.accepted,
    checksum: json.checksum,
    warnings: json.warnings,
    ...(json.commit !== undefined && { commit: json.commit }),
    ...(json.overrides !== undefined && { overrides: json.overrides }),
  };
}

function changeOf(json: ChangeJson, at: number): Change {
  const { id, phase, needs, causes, toggle, target, key, contextKind, environments, metadata } = json;
  const about = { id, phase, needs, causes, toggle, target, key, contextKind };
  const idOf = (environment: string) => JSON.stringify([target, key, environment]);
  if (json.kind !== 'placement') {
    const placements = environments.map(environment => {
      return { id: idOf(environment), environment, source: '', audience: '' };
    });
    return {
      ...about,
      kind: json.kind,
      environments,
      metadata: (metadata.after ?? {}) as JsonObject,
      ...(metadata.before !== null && { before: metadata.before as JsonObject }),
      ...(json.kind === 'create' && { placements }),
    };
  }
  const environment = environments[0] ?? '';
  return { ...about, ...placementOf(json, at), placement: idOf(environment), environment };
}

function placementOf(json: ChangeJson, at: number): Omit<PlacementChange, 'placement' | 'environment'> {
  const { before, after, metadata, from, closes } = json;
  return {
    kind: 'placement',
    source: from?.source ?? '',
    audience: '',
    metadata: (metadata.after ?? {}) as JsonObject,
    writesMetadata: metadata.after !== null,
    before: { known: before?.known ?? false, on: before?.on ?? false, who: whoOf(before?.users ?? 0) },
    after: { on: after?.on ?? false, who: whoOf(after?.users ?? 0) },
    granted: membersIn(json.granted, json.grantedUsers),
    revoked: membersIn(json.revoked, json.revokedUsers),
    closes: closes.map(what => ({ kind: 'rule', what, open: true })),
    removal: json.removal,
    ...(from && {
      from: {
        source: from.source,
        rule: from.rule,
        ...(from.revision !== null && { revision: from.revision }),
        ...(from.dataUpdate !== null && { dataUpdate: from.dataUpdate }),
        answeredAt: at,
      },
    }),
  };
}

function blockOf(json: PlanJson['blocked'][number]): Block {
  const { id, scope, reason, source, placements, of, message, removals } = json;
  return {
    id,
    scope,
    reason,
    source,
    audience: null,
    placements,
    revoked: membersIn(json.revoked, json.revokedUsers),
    granted: membersIn(json.granted, json.grantedUsers),
    of,
    message,
    removals,
    instance: null,
    ...(json.revision !== undefined && { revision: json.revision }),
    ...(json.also !== undefined && { also: json.also }),
  };
}

function whoOf(users: number): Who {
  return { kind: 'members', members: membersIn(users, undefined) };
}

function membersIn(count: number, names: readonly string[] | undefined): Members {
  if (names !== undefined) return membersOf([...names]);
  return fetchedMembers(count, `${count} members`, () => {
    throw new Error('of these members only the count is known');
  });
}
