import { type Members, noMembers } from '../../domain/members.ts';
import { type Problem, ProblemError } from '../../domain/problem.ts';
import type { Evaluator } from '../../domain/target.ts';
import { onlyEnvironment, type ReaderOptions, readLive } from './read.ts';
import type { ShownMetadata } from './shown.ts';

/** What it shows besides its users is not looked at here, and must not count as seen. */
const noMetadata: ShownMetadata = { want() {}, written() {}, compare: () => undefined };

/**
 * What the target's GET shows: the wire has no question about one member, so who is among the `users` shown is served.
 * Each toggle is read once, at the first question about it. `evaluate` throws a ProblemError where a toggle is not there,
 * cannot be read, or does not tell its users.
 */
export function restEvaluator(reader: Omit<ReaderOptions, 'metadata'>, signal: AbortSignal): Evaluator {
  const known = new Map<string, Promise<Members>>();

  async function usersOf(key: string): Promise<Members> {
    const ref = { key, toggle: key, environments: [onlyEnvironment] };
    const { listings, unreadable } = await readLive({ ...reader, metadata: noMetadata }, [ref], signal);
    const [problem] = unreadable;
    if (problem !== undefined) throw new ProblemError(problem.problem);
    const placement = listings[0]?.placements[0];
    if (placement === undefined) throw new ProblemError(notThere(reader.target, key));
    if (placement.seen !== 'read') throw new ProblemError(noUsers(reader.target, key));
    return placement.who.kind === 'members' ? placement.who.members : noMembers;
  }

  function users(key: string): Promise<Members> {
    const found = known.get(key) ?? usersOf(key);
    known.set(key, found);
    return found;
  }

  return {
    evaluate: async (key, _contextKind, member) => (await users(key)).has(member),
    why: async (key, _contextKind, member) =>
      (await users(key)).has(member) ? 'GET shows it among the users' : 'GET does not show it among the users',
    async close() {},
  };
}

/** Thrown for a target that is only written to. */
export function notVerifiable(target: string): Problem {
  return {
    code: 'not-verifiable',
    message: `target ${target}: nobody can ask it who is served: it is not read (read: false).`,
    hint: `If it answers GET of a toggle, set read: true for target ${target}.`,
  };
}

function notThere(target: string, key: string): Problem {
  return {
    code: 'restapi-not-served',
    message: `target ${target}: the toggle ${key} is not there: applications get their own default.`,
    hint: 'Let optoggles create it with apply, or look for who deleted it.',
  };
}

function noUsers(target: string, key: string): Problem {
  return {
    code: 'restapi-users-unknown',
    message: `target ${target}: what it shows of ${key} has no list of users.`,
    hint: 'Let its GET show `users` as an array of strings.',
  };
}
