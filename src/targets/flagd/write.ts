import type { Change } from '../../domain/plan.ts';
import { type Problem, toProblem } from '../../domain/problem.ts';
import type { Outcome } from '../../domain/target.ts';
import { type Edited, FlagEdit } from './edit.ts';
import type { FlagFile } from './flag-file.ts';
import type { Groups } from './groups.ts';
import type { FlagStore } from './store.ts';

/** What a batch is written into. */
export interface Places {
  readonly mark: string;
  readonly groups: Groups;
  /** The file of an environment of ours; several may share one where the target names none. */
  store(environment: string): FlagStore | undefined;
  /** Flags of a file as adoptions of ours left them. */
  adopted(store: FlagStore): Map<string, string>;
}

type Verdict = Edited | { readonly result: 'failed'; readonly problem: Problem } | { readonly result: 'late' };

// Writers that fight over a file are told apart by hand, not by trying for ever.
const tries = 3;

/**
 * Makes the changes of a batch, one write for each file; yields an outcome per change as soon as all of its files are
 * done. A change that concerns several files is done when it is done in each.
 */
export async function* writeBatch(
  places: Places,
  batch: readonly Change[],
  signal: AbortSignal,
  mayStart: (change: Change) => boolean,
): AsyncGenerator<Outcome> {
  const left = new Map(batch.map(change => [change, storesOf(places, change)]));
  const verdicts = new Map<Change, Verdict>();
  for (const change of batch) {
    if (left.get(change)?.size === 0) yield { change: change.id, result: 'refused', problem: nowhere(change) };
  }
  const started = new Map<Change, boolean>();
  const starts = (change: Change) => {
    const known = started.get(change) ?? (!signal.aborted && mayStart(change));
    started.set(change, known);
    return known;
  };
  for (const store of new Set([...left.values()].flatMap(stores => [...stores]))) {
    const here = batch.filter(change => left.get(change)?.has(store));
    const judged = await writeOne(places, store, here, starts);
    for (const change of here) {
      verdicts.set(change, worse(verdicts.get(change), judged.get(change)));
      const stores = left.get(change);
      stores?.delete(store);
      if (stores?.size === 0) yield outcomeOf(change, verdicts.get(change));
    }
  }
}

async function writeOne(
  places: Places,
  store: FlagStore,
  changes: readonly Change[],
  starts: (change: Change) => boolean,
): Promise<ReadonlyMap<Change, Verdict>> {
  const same = (verdict: Verdict) => new Map(changes.map(change => [change, verdict]));
  try {
    for (let attempt = 0; attempt < tries; attempt++) {
      const read = await store.read();
      const { file, verdicts } = edited(places, store, read.file, changes, starts);
      if (file === read.file || (await store.write(read, file))) return verdicts;
    }
  } catch (error) {
    return same({ result: 'failed', problem: toProblem(error, 'flagd-failed') });
  }
  return same({ result: 'conflict', problem: overtaken(store.name) });
}

function edited(
  places: Places,
  store: FlagStore,
  file: FlagFile,
  changes: readonly Change[],
  starts: (change: Change) => boolean,
) {
  const edit = new FlagEdit(file, store.name, places.mark, places.groups, places.adopted(store));
  const verdicts = new Map<Change, Verdict>();
  for (const change of changes) verdicts.set(change, starts(change) ? edit.apply(change) : { result: 'late' });
  return { file: edit.result(), verdicts };
}

function storesOf(places: Places, change: Change): Set<FlagStore> {
  const environments = change.kind === 'placement' ? [change.environment] : change.environments;
  return new Set(environments.map(name => places.store(name)).filter(store => store !== undefined));
}

const order: readonly Verdict['result'][] = ['done', 'late', 'conflict', 'failed', 'refused'];

/** A change is as good as its worst file; a create that found something in one of them says so. */
function worse(one: Verdict | undefined, other: Verdict | undefined): Verdict {
  if (one === undefined || other === undefined) return one ?? other ?? { result: 'late' };
  if (one.result === 'done' && other.result === 'done') return one.existed === true ? one : other;
  return order.indexOf(other.result) > order.indexOf(one.result) ? other : one;
}

function outcomeOf(change: Change, verdict: Verdict | undefined): Outcome {
  if (verdict === undefined || verdict.result === 'late') return { change: change.id, result: 'late' };
  if (verdict.result === 'failed') return { change: change.id, ...verdict, scope: 'change' };
  return { change: change.id, ...verdict };
}

function nowhere(change: Change): Problem {
  return {
    code: 'flagd-no-environment',
    message: `flag ${change.key}: the target ${change.target} has no file for what is to be changed.`,
    hint: 'List the environment under environments of the target.',
  };
}

function overtaken(name: string): Problem {
  return {
    code: 'flagd-overtaken',
    message: `The flag file ${name} was changed by somebody else while it was being written.`,
    hint: 'It is tried again. If that goes on, look for a second program that writes the file.',
  };
}
