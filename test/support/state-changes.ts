import type { JsonObject } from '../../src/domain/json.ts';
import { difference, type Members, membersOf, noMembers } from '../../src/domain/members.ts';
import type { Change, ListingChange, PlacementChange } from '../../src/domain/plan.ts';
import type { Recorded } from '../../src/domain/state.ts';
import type { Outcome } from '../../src/domain/target.ts';

/** Where the changes of these tests go. */
export const address = 'restapi https://flags.test';

/** What a test says of a write to one placement; the placement's id is `<key>/<environment>`. */
export interface Write {
  readonly key?: string;
  readonly environment?: string;
  /** Whom the plan found; undefined: it could not know. */
  readonly before?: Members | readonly string[] | undefined;
  readonly after: Members | readonly string[];
  readonly on?: boolean;
  readonly audience?: string;
  readonly revision?: string;
  readonly metadata?: JsonObject;
  readonly writesMetadata?: boolean;
  readonly removal?: boolean;
  readonly offByHand?: boolean;
  readonly approval?: string;
  readonly approved?: PlacementChange['approved'];
}

function common(key: string, id: string) {
  return { id, needs: [], causes: ['data' as const], toggle: key, target: 'rest', key, contextKind: 'user' };
}

function setOf(members: Members | readonly string[]): Members {
  return Array.isArray(members) ? membersOf(members as readonly string[]) : (members as Members);
}

/** A change of who has it. */
export function write(what: Write): Change & PlacementChange {
  const { key = 'us-feature', environment = 'production' } = what;
  const after = setOf(what.after);
  const before = what.before === undefined ? undefined : setOf(what.before);
  const { added, removed } = difference(before ?? noMembers, after);
  return {
    ...common(key, `placement ${key} rest ${environment}`),
    kind: 'placement',
    phase: 'grant',
    placement: `${key}/${environment}`,
    environment,
    source: 'opal',
    audience: what.audience ?? 'a1',
    metadata: what.metadata ?? { name: key },
    writesMetadata: what.writesMetadata ?? false,
    before: {
      known: before !== undefined,
      on: before !== undefined,
      who: { kind: 'members', members: before ?? noMembers },
    },
    after: { on: what.on ?? true, who: { kind: 'members', members: after } },
    granted: added,
    revoked: removed,
    closes: [],
    removal: what.removal ?? false,
    ...(what.offByHand !== undefined && { offByHand: what.offByHand }),
    ...(what.approval !== undefined && { approval: what.approval }),
    ...(what.approved !== undefined && { approved: what.approved }),
    from: {
      source: 'opal',
      rule: 'app.rbac.us_users',
      answeredAt: 0,
      ...(what.revision !== undefined && { revision: what.revision }),
    },
  };
}

/** A change of the listing as a whole; `create` names its placements, one per environment. */
export function list(
  kind: ListingChange['kind'],
  key = 'us-feature',
  environments: readonly string[] = ['production'],
  metadata: JsonObject = { name: key },
): Change & ListingChange {
  const placements = environments.map(environment => ({
    id: `${key}/${environment}`,
    environment,
    source: 'opal',
    audience: 'a1',
  }));
  return {
    ...common(key, `${kind} ${key} rest`),
    kind,
    phase: kind === 'create' ? 'prepare' : 'tidy',
    environments,
    metadata,
    ...(kind === 'create' && { placements }),
  };
}

const problem = { code: 'unreachable', message: 'It could not be reached.', hint: 'Look at it.' };

/** A change with what became of it. */
export function became(change: Change, result: Outcome['result'] = 'done'): Recorded {
  const id = { change: change.id };
  switch (result) {
    case 'done':
    case 'late':
      return { change, outcome: { ...id, result } };
    case 'failed':
      return { change, outcome: { ...id, result, problem, scope: 'change' } };
    case 'pending':
      return { change, outcome: { ...id, result, link: 'https://flags.test/approvals/1' } };
    case 'conflict':
    case 'refused':
    case 'unanswered':
      return { change, outcome: { ...id, result, problem } };
  }
}
