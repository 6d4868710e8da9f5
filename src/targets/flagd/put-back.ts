import { type Problem, ProblemError } from '../../domain/problem.ts';
import type { Former } from '../../domain/target.ts';
import type { FlagFile } from './flag-file.ts';
import type { FlagStore } from './store.ts';

/** What `read` keeps of a flag before it is taken over: see `definitionOf` there. */
interface Kept {
  readonly flag: object;
  readonly $evaluators: Readonly<Record<string, unknown>>;
}

// Whoever fights over the file is told apart by hand.
const tries = 3;

/** Puts flags of these files (by environment) back as they were found, with the evaluators that they need. */
export function formerIn(stores: ReadonlyMap<string, FlagStore>): Former {
  function kept(key: string, definition: unknown): readonly { store: FlagStore; name: string; kept: Kept }[] {
    if (!isObject(definition)) throw new ProblemError(unreadable(key));
    return Object.entries(definition).map(([name, one]) => {
      const store = stores.get(name);
      if (store === undefined || !isKept(one)) throw new ProblemError(unreadable(key));
      return { store, name, kept: one };
    });
  }

  return {
    async compare(key, definition) {
      const found: string[] = [];
      for (const { store, name, kept: one } of kept(key, definition)) {
        const { file } = await store.read();
        if (withKept(file, key, one) !== file) {
          found.push(
            `${name}: flag ${key} in ${store.name} becomes what it was, with its own rules and without our mark`,
          );
        }
      }
      return found;
    },
    async putBack(key, definition) {
      for (const { store, kept: one } of kept(key, definition)) await putOne(store, key, one);
    },
  };
}

async function putOne(store: FlagStore, key: string, kept: Kept): Promise<void> {
  for (let attempt = 0; attempt < tries; attempt++) {
    const read = await store.read();
    const file = withKept(read.file, key, kept);
    if (file === read.file || (await store.write(read, file))) return;
  }
  throw new ProblemError({
    code: 'flagd-overtaken',
    message: `The flag file ${store.name} was changed by somebody else while it was being written.`,
    hint: 'Try again; if that goes on, look for a second program that writes the file.',
  });
}

/** Evaluators that are there already may serve others by now: only missing ones come back. */
function withKept(file: FlagFile, key: string, kept: Kept): FlagFile {
  const text = JSON.stringify(kept.flag);
  const evaluators = new Map(file.evaluators);
  for (const [name, rule] of Object.entries(kept.$evaluators)) {
    if (!evaluators.has(name)) evaluators.set(name, JSON.stringify(rule));
  }
  const now = file.flags.get(key);
  const isSame = now !== undefined && JSON.stringify(JSON.parse(now)) === text;
  if (isSame && evaluators.size === file.evaluators.size) return file;
  return { top: file.top, flags: new Map(file.flags).set(key, text), evaluators };
}

function isKept(value: unknown): value is Kept {
  return isObject(value) && isObject(value.flag) && isObject(value.$evaluators);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function unreadable(key: string): Problem {
  return {
    code: 'backup-unusable',
    message: `What was kept of flag ${key} does not fit this target any more.`,
    hint: 'Put the environments of the target back as they were when it was taken over.',
  };
}
