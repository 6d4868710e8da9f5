import { type Members, membersOf, noMembers } from '../../src/domain/members.ts';
import type { Block } from '../../src/domain/plan.ts';
import type { StateStore } from '../../src/domain/state.ts';
import type { Outcome } from '../../src/domain/target.ts';
import { address, became, list, write } from './state-changes.ts';

/** One call of the store's. What it writes depends on nothing but the store and `at`. */
export type StateOp = (store: StateStore, at: number) => void;

const keys = ['alpha', 'beta', 'gamma'];
const environments = ['production', 'test'];
const results: readonly Outcome['result'][] = ['done', 'done', 'done', 'failed', 'unanswered', 'conflict', 'late'];

/** The same for the same seed, also in another process. Sets of 300 and more lie as deltas. */
export function randomOps(seed: number, count: number): StateOp[] {
  let state = seed;
  const below = (most: number): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return (state >>> 8) % most;
  };
  return Array.from({ length: count }, () => randomOp(below));
}

function randomOp(below: (most: number) => number): StateOp {
  const key = keys[below(keys.length)] as string;
  const environment = environments[below(environments.length)] as string;
  const members = randomMembers(below);
  const result = results[below(results.length)] as Outcome['result'];
  const approval = below(5) === 0 ? 'k1' : undefined;
  const block = randomBlock(`b${below(3)}`, members);
  const what = below(20);
  const change = (store: StateStore) =>
    write({ key, environment, before: whoIsIn(store, key, environment), after: members });
  if (what < 2) return (store, at) => store.record(address, [became(list('create', key, environments))], at);
  if (what < 6) return (store, at) => store.intend(address, [change(store)], at);
  if (what < 13) {
    return (store, at) =>
      store.record(address, [{ ...became(change(store), result), ...(approval !== undefined && { approval }) }], at);
  }
  if (what < 14) return (store, at) => store.observed(address, `${key}/${environment}`, { on: true, who: members }, at);
  if (what < 15) return (store, at) => store.prune({ history: at - 10, audit: at - 20 });
  if (what < 16) return store => store.forget(address, key);
  if (what < 17) return (store, at) => void store.saveBlocks('rest', [block], at);
  if (what < 18) return (store, at) => void store.approve(block.id, 'oncall', at + 5, at);
  if (what < 19)
    return store => store.saveDefinitions([{ key, file: `${key}.yaml`, text: `${members.size}` }], ['gamma']);
  return (store, at) => store.record(address, [became(list('retire', key))], at);
}

/** Everything that a store shows of itself, as text to compare. */
export function dumpState(store: StateStore): string {
  const placements = keys.flatMap(key => environments.map(environment => `${key}/${environment}`));
  return JSON.stringify(
    {
      applied: [...store.applied(address).values()],
      addresses: store.addresses(),
      baselines: [0, 10, 20, 30, 40, 50].flatMap(since => placements.map(id => store.baseline(id, since) ?? null)),
      blocks: store.blocks(),
      approvals: store.approvals(0),
      definitions: store.definitions(),
      audit: [...store.auditLog()],
    },
    (_, value: unknown) => (isMembers(value) ? [...value.values()].join(' ') : value),
  );
}

function isMembers(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && 'values' in value && 'hash' in value;
}

function whoIsIn(store: StateStore, key: string, environment: string): Members | undefined {
  return store.appliedListing(address, key)?.placements.find(one => one.environment === environment)?.who;
}

function randomMembers(below: (most: number) => number): Members {
  const size = [0, 1, 3, 5, 300, 310, 320][below(7)] as number;
  const skipped = below(10);
  return membersOf(Array.from({ length: size }, (_, index) => `user-${index}`).filter((_, index) => index !== skipped));
}

function randomBlock(id: string, revoked: Members): Block {
  return {
    id,
    scope: 'audience',
    reason: 'revocations',
    source: 'opal',
    audience: 'a1',
    placements: [],
    revoked,
    granted: noMembers,
    of: revoked.size,
    message: `${revoked.size} would lose it.`,
    removals: [],
    instance: null,
  };
}
