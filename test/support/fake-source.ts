import type { Ask, Audience, Evidence, Hint, Readiness, SeenSource, Source } from '../../src/domain/audience.ts';
import { ruleName } from '../../src/domain/identity.ts';
import { membersOf } from '../../src/domain/members.ts';
import { type Problem, ProblemError } from '../../src/domain/problem.ts';
import type { Clock } from '../../src/lib/clock.ts';

/** What a rule answers: members, undefined, or a problem. */
type Answer = readonly string[] | undefined | Problem;

/** A source that a test steers: rules, readiness, instance, faults; counts what it is asked. */
export interface FakeSource extends Source {
  readonly rules: Map<string, Answer>;
  instance: string;
  state: Readiness['state'];
  by: Evidence;
  /** Thrown by everything while set. */
  down: Problem | undefined;
  /** Rules that it does not let us ask. */
  readonly refused: Set<string>;
  /** Called before each answer is given: may wait, or change the world. */
  before: () => Promise<void> | void;
  /** Ids asked, one entry a call of `resolve`. */
  readonly asked: string[][];
  looks: number;
  hint(hint: Hint): void;
}

export function createFakeSource(id: string, clock: Clock, announces = true): FakeSource {
  let push: ((hint: Hint) => void) | undefined;
  const source: FakeSource = {
    id,
    type: 'fake',
    announces,
    rules: new Map(),
    instance: 'opa-1',
    state: 'ready',
    by: 'sentinels',
    down: undefined,
    refused: new Set(),
    before: () => {},
    asked: [],
    looks: 0,
    hint: hint => push?.(hint),
    async readiness(seen) {
      source.looks++;
      if (source.down) throw new ProblemError(source.down);
      const accepted = seen?.acceptedUnder === source.instance;
      const readiness: Readiness = {
        instanceId: source.instance,
        state: accepted ? 'ready' : source.state,
        by: source.by,
        problems: [],
      };
      return { readiness, seen: seen ?? nothingSeen };
    },
    async *resolve(asks) {
      source.asked.push(asks.map(ask => ruleName(ask.policy)));
      await source.before();
      if (source.down) throw new ProblemError(source.down);
      for (const ask of asks) yield answer(ask, source.rules.get(ruleName(ask.policy)));
    },
    async hints(given, signal) {
      push = given;
      given({ kind: 'registration' });
      await new Promise<void>(resolve => {
        signal.addEventListener('abort', () => resolve(), { once: true });
      });
    },
    async close() {},
  };

  function answer(ask: Ask, found: Answer): Audience {
    const from = { source: id, rule: ruleName(ask.policy), answeredAt: clock.now(), revision: 'r1' };
    const base = { id: ask.id, contextKind: ask.contextKind, from };
    if (source.refused.has(from.rule)) return { ...base, state: 'failed', refused: true, error: refusal };
    if (found === undefined) return { ...base, state: 'undefined' };
    if (isMembers(found))
      return { ...base, state: 'defined', who: { kind: 'members', members: membersOf([...found]) } };
    return { ...base, state: 'failed', error: found };
  }

  return source;
}

const refusal: Problem = { code: 'unauthorized', message: 'The token is refused.', hint: 'Look at the token.' };

const nothingSeen: SeenSource = {
  version: 1,
  instances: [],
  readyUnder: null,
  transactions: [],
  firstLook: null,
  acceptedUnder: null,
};

function isMembers(answer: readonly string[] | Problem): answer is readonly string[] {
  return Array.isArray(answer);
}
