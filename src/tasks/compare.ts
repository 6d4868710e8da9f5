import { setImmediate } from 'node:timers/promises';
import { membersOf, noMembers, subtract } from '../domain/members.ts';
import { ProblemError } from '../domain/problem.ts';
import type { Evaluator } from '../domain/target.ts';
import type { Mismatch } from '../domain/verification.ts';
import { picked, seeded } from './strangers.ts';
import type { Case } from './verify-cases.ts';

export interface Compared {
  readonly asked: number;
  readonly mismatches: readonly Mismatch[];
}

/** What an application is served. */
export type Answer = boolean | 'not-served';

/** The evaluator is told of so many members at once. */
const batchSize = 250;
/** So many members are asked a second time without being announced. */
const askedTwice = 50;
/** Of so many people per kind of mismatch the platform is asked why; the others are counted with them. */
const askedWhy = 1000;

/**
 * Asks the platform about everybody of a case and about these strangers. Throws a ProblemError where it cannot tell of
 * this key at all, and the signal's reason when aborted.
 */
export async function compare(
  one: Case,
  evaluator: Evaluator,
  strangers: readonly string[],
  signal: AbortSignal,
): Promise<Compared> {
  const wrong: Record<Mismatch['kind'], string[]> = { 'let-in': [], 'kept-out': [], 'not-served': [] };
  const members = one.members ?? noMembers;
  let asked = 0;

  async function askAll(people: Iterable<string>, expected: boolean): Promise<void> {
    for (const batch of batches(people)) {
      signal.throwIfAborted();
      evaluator.about?.(batch);
      for (const person of batch) {
        const answer = await ask(evaluator, one, person);
        if (answer === expected || (answer === 'not-served' && one.left)) continue;
        wrong[answer === 'not-served' ? answer : answer ? 'let-in' : 'kept-out'].push(person);
      }
      asked += batch.length;
      await setImmediate();
    }
  }

  await askAll(members.values(), one.expected === 'members');
  await askAll(subtract(one.found, members).values(), false);
  evaluator.about?.([]);
  if (evaluator.about !== undefined) await askAgain(one, evaluator, new Set(Object.values(wrong).flat()));
  for (const person of strangers) {
    signal.throwIfAborted();
    const answer = await ask(evaluator, one, person);
    asked++;
    if (answer === true) wrong['let-in'].push(person);
    else if (answer === 'not-served' && !one.left) wrong['not-served'].push(person);
  }
  const mismatches: Mismatch[] = [];
  for (const kind of ['let-in', 'kept-out', 'not-served'] as const) {
    mismatches.push(...(await explained(one, evaluator, kind, wrong[kind], signal)));
  }
  return { asked, mismatches };
}

/** Asks the platform about one person. Throws a ProblemError where it has no answer. */
export async function ask(
  evaluator: Evaluator,
  { key, contextKind }: Pick<Case, 'key' | 'contextKind'>,
  person: string,
): Promise<Answer> {
  try {
    return await evaluator.evaluate(key, contextKind, person);
  } catch (error) {
    if (error instanceof ProblemError && error.problem.code.endsWith('-not-served')) return 'not-served';
    throw error;
  }
}

function* batches(people: Iterable<string>): Generator<readonly string[]> {
  let batch: string[] = [];
  for (const person of people) {
    batch.push(person);
    if (batch.length < batchSize) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}

/** Getting ready for some members must not change an answer: some are asked again without it. */
async function askAgain(one: Case, evaluator: Evaluator, wrong: ReadonlySet<string>): Promise<void> {
  const expected = one.expected === 'members';
  for (const person of picked(one.members ?? noMembers, askedTwice, seeded(1))) {
    const answer = await ask(evaluator, one, person);
    if ((answer !== expected && !(answer === 'not-served' && one.left)) === wrong.has(person)) continue;
    throw new ProblemError({
      code: 'evaluator-disagrees',
      message: `target ${one.target}: its evaluation of ${one.key} gave two answers to the same question.`,
      hint: 'Run it again; if it goes on, the version of its evaluator is not one that this version knows: report it.',
    });
  }
}

async function explained(
  one: Case,
  evaluator: Evaluator,
  kind: Mismatch['kind'],
  people: readonly string[],
  signal: AbortSignal,
): Promise<Mismatch[]> {
  const byCause = new Map<string, string[]>();
  /** By what the list says: how the platform explained the first ones. */
  const firstWhy = new Map<string, string | undefined>();
  for (const [index, person] of people.entries()) {
    signal.throwIfAborted();
    const held = heldBy(one, kind, person);
    const why =
      index < askedWhy ? await evaluator.why?.(one.key, one.contextKind, person).catch(noReason) : firstWhy.get(held);
    if (!firstWhy.has(held)) firstWhy.set(held, why);
    const cause = why === undefined ? held : `${held} (${why})`;
    const names = byCause.get(cause);
    if (names === undefined) byCause.set(cause, [person]);
    else names.push(person);
  }
  return [...byCause]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([cause, names]) => ({ kind, cause, members: membersOf(names) }));
}

function noReason(): undefined {
  return undefined;
}

/** What of the target as it was read is behind an answer. */
function heldBy({ live }: Case, kind: Mismatch['kind'], person: string): string {
  if (kind === 'not-served') {
    return live === undefined ? 'the flag is not there' : 'the flag is there and not served';
  }
  const isListed = live?.who.kind === 'members' && live.who.members.has(person);
  const ways = live?.waysIn.filter(({ open }) => open === (kind === 'let-in')).map(({ what }) => what) ?? [];
  if (kind === 'let-in') {
    if (isListed) return 'its list there names them';
    return ways.length > 0 ? `not its list: ${ways.join('; ')}` : 'not its list';
  }
  if (live === undefined) return 'there is nothing of it there';
  if (!live.on) return 'it is switched off there';
  if (!isListed) return 'its list there does not name them';
  return ways.length > 0 ? `its list there names them, but ${ways.join('; ')}` : 'its list there names them, and yet';
}
