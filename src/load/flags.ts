import { createHash } from 'node:crypto';
import type { Config } from '../domain/config.ts';
import { type Place, type Problem, ProblemError } from '../domain/problem.ts';
import type { GoodDefinition } from '../domain/state.ts';
import type { Toggle } from '../domain/toggle.ts';
import { createBreather } from './breathe.ts';
import { noteExpiry } from './expired.ts';
import { type ReadFlag, readFlag } from './flag-file.ts';
import type { KindSchemas } from './kinds.ts';
import { compare, quoted, sortProblems } from './problems.ts';
import { type FoundFile, type Scan, scanFlags } from './scan.ts';
import { flagFileLimit, readKnownFile } from './text-file.ts';

/** What a look at the flag files found. */
export interface LoadedFlags {
  /** Sorted by key; a file that does not validate stands with its last good definition, if there is one. */
  readonly toggles: readonly Toggle[];
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
  /** Keys by file name, valid or not: what is not here was removed. */
  readonly present: ReadonlySet<string>;
  /** Keys whose file does not validate. */
  readonly broken: ReadonlySet<string>;
  /** The tree cannot be trusted, so nothing changes: the toggles are the last good ones. */
  readonly unreadable?: Problem;
  /** To be kept for the next time. */
  readonly good: readonly GoodDefinition[];
  /** The same for the same files, whatever is in force. */
  readonly fingerprint: string;
  /** How many flag files there are, valid or not. */
  readonly files: number;
  /** Of the flags repository, in force; undefined for a plain folder. */
  readonly commit?: string;
}

export interface FlagLoader {
  /** Looks at all flag files; only what changed is read again. Never throws for what is in them. */
  load(lastGood: readonly GoodDefinition[]): Promise<LoadedFlags>;
}

interface Cached {
  readonly stamp: string;
  /** The file was old enough when it was read: a change after that shows in its stamp. */
  readonly settled: boolean;
  readonly text: string | undefined;
  readonly hash: string;
  readonly read: ReadFlag;
}

/** A change within the resolution of the file system's clock shows in no stamp (ms). */
const youngest = 50;
const youngestWhereCoarse = 2_000;
const scansAtMost = 3;

/** A loader for the flags of a configuration; with OPToggles' old form, the toggles in it. */
export function createFlagLoader(config: Config, kinds: KindSchemas): FlagLoader {
  const { flags, legacy } = config;
  if (flags === undefined) {
    const loaded = fromConfig(legacy?.toggles ?? []);
    return { load: () => Promise.resolve(loaded) };
  }
  const loader = new Loader(config, kinds, flags.folder);
  let last: Promise<unknown> = Promise.resolve();
  return {
    load(lastGood) {
      const next = last.then(() => loader.load(lastGood));
      last = next.catch(() => undefined);
      return next;
    },
  };
}

function fromConfig(toggles: readonly Toggle[]): LoadedFlags {
  return {
    toggles,
    problems: [],
    warnings: [],
    present: new Set(toggles.map(({ key }) => key)),
    broken: new Set(),
    good: [],
    fingerprint: hashOf(JSON.stringify(toggles)),
    files: 0,
  };
}

class Loader {
  readonly #config: Config;
  readonly #kinds: KindSchemas;
  readonly #folder: string;
  #cache = new Map<string, Cached>();
  readonly #lastGood = new Map<string, { text: string; toggle: Toggle | undefined }>();

  constructor(config: Config, kinds: KindSchemas, folder: string) {
    this.#config = config;
    this.#kinds = kinds;
    this.#folder = folder;
  }

  async load(lastGood: readonly GoodDefinition[]): Promise<LoadedFlags> {
    const { scan, reads } = await this.#look();
    const problems: Problem[] = [...scan.problems];
    const warnings: Problem[] = [];
    const valid = new Map<string, GoodDefinition & { toggle: Toggle }>();
    const present = new Set<string>();
    const broken = new Set<string>();
    const doubles = duplicates(scan.files, reads);
    problems.push(...doubles.problems);
    for (const found of scan.files) {
      const { key, file } = found;
      present.add(key);
      const cached = reads.get(file);
      if (found.problem !== undefined) problems.push(found.problem);
      if (cached === undefined) continue;
      const { read, text } = cached;
      problems.push(...read.problems);
      warnings.push(...read.warnings);
      // A file that was renamed but still gives its old key stands for both: neither counts as removed.
      if (read.declared !== undefined && read.declared !== key) {
        present.add(read.declared);
        broken.add(read.declared);
      }
      if (read.toggle === undefined || text === undefined || doubles.keys.has(key)) broken.add(key);
      else valid.set(key, { key, file, text, toggle: read.toggle });
    }
    for (const found of scan.files) if (!valid.has(found.key)) broken.add(found.key);
    for (const key of valid.keys()) broken.delete(key);

    const unreadable = scan.unreadable ?? noneLeft(scan, lastGood);
    if (unreadable !== undefined) {
      valid.clear();
      for (const { key } of lastGood) present.add(key);
    }
    const good = [...valid.values()].map(({ key, file, text }) => ({ key, file, text }));
    const toggles = [...valid.values()].map(({ toggle }) => toggle);
    for (const last of lastGood) {
      if (valid.has(last.key) || (unreadable === undefined && !broken.has(last.key))) continue;
      good.push(last);
      const toggle = this.#fromLastGood(last);
      if (toggle !== undefined) toggles.push(toggle);
      else warnings.push(lastGoodUseless(last));
    }
    return {
      toggles: toggles.sort((a, b) => compare(a.key, b.key)),
      problems: sortProblems(problems),
      warnings: sortProblems(warnings),
      present,
      broken,
      ...(unreadable !== undefined && { unreadable }),
      good: good.sort((a, b) => compare(a.key, b.key)),
      fingerprint: fingerprintOf(scan, reads),
      files: scan.files.length,
    };
  }

  /** Scans and reads; once more when a file went between the two, as when a ConfigMap is swapped. */
  async #look(): Promise<{ scan: Scan; reads: ReadonlyMap<string, Cached> }> {
    const breathe = createBreather();
    for (let attempt = 1; ; attempt++) {
      const scan = await scanFlags(this.#folder, this.#config.folder);
      const reads = new Map<string, Cached>();
      let vanished = false;
      for (const found of scan.files) {
        if (found.problem !== undefined) continue;
        const cached = this.#read(found, attempt === scansAtMost);
        if (cached === undefined) vanished = true;
        else reads.set(found.file, cached);
        await breathe();
      }
      this.#cache = reads;
      if (!vanished || attempt === scansAtMost) return { scan, reads };
    }
  }

  #read(found: FoundFile, last: boolean): Cached | undefined {
    const known = this.#cache.get(found.file);
    if (known?.settled === true && known.stamp === found.stamp) return known;
    const { stamp, file, key } = found;
    const settled = isSettled(found, Date.now());
    try {
      const text = readKnownFile(found.path, file, flagFileLimit);
      if (known?.text === text) return { ...known, stamp, settled };
      const read = readFlag({ text, file, key }, this.#config, this.#kinds);
      noteExpiry(read);
      return { stamp, settled, text, hash: hashOf(text), read };
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      if (code === 'ENOENT' && !last) return undefined;
      const problem = error instanceof ProblemError ? error.problem : unreadableFile(file, code);
      const at = { file, line: 1, column: 1 };
      const read = {
        toggle: undefined,
        problems: [problem],
        warnings: [],
        declared: undefined,
        keyAt: at,
        expiresAt: at,
      };
      return { stamp, settled: error instanceof ProblemError && settled, text: undefined, hash: problem.code, read };
    }
  }

  #fromLastGood(last: GoodDefinition): Toggle | undefined {
    const known = this.#lastGood.get(last.key);
    if (known?.text === last.text) return known.toggle;
    const read = readFlag(last, this.#config, this.#kinds);
    noteExpiry(read);
    const { toggle } = read;
    this.#lastGood.set(last.key, { text: last.text, toggle });
    return toggle;
  }
}

/** File systems stamp with a clock of their own, so this compares with the real time, not with an injected one. */
function isSettled({ changedAt }: FoundFile, now: number): boolean {
  const coarse = changedAt % 1000 === 0;
  return now - changedAt > (coarse ? youngestWhereCoarse : youngest);
}

function duplicates(
  files: readonly FoundFile[],
  reads: ReadonlyMap<string, Cached>,
): { readonly problems: readonly Problem[]; readonly keys: ReadonlySet<string> } {
  const problems: Problem[] = [];
  const keys = new Set<string>();
  const placeOf = ({ file }: FoundFile): Place => reads.get(file)?.read.keyAt ?? { file, line: 1, column: 1 };
  const named = files.filter(({ problem }) => problem?.code !== 'rename-to-yaml');
  for (const group of Map.groupBy(named, ({ key }) => key.toLowerCase()).values()) {
    const first = group[0];
    if (first === undefined || group.length === 1) continue;
    const { file, line, column } = placeOf(first);
    for (const found of group) keys.add(found.key);
    for (const found of group.slice(1)) {
      problems.push({
        code: 'duplicate-toggle',
        message: `The key ${quoted(found.key)} is already taken at ${file}:${line}:${column}.`,
        hint: 'Rename one of the files: keys are unique in the whole folder, ignoring case.',
        at: placeOf(found),
      });
    }
  }
  return { problems, keys };
}

function noneLeft(scan: Scan, lastGood: readonly GoodDefinition[]): Problem | undefined {
  if (scan.files.length > 0 || lastGood.length === 0) return undefined;
  return {
    code: 'no-flag-files',
    message: `There is no flag file any more, where there were ${lastGood.length}: nothing is changed.`,
    hint: 'Bring the files back. To close every toggle set "state: off" in its file first.',
  };
}

function unreadableFile(file: string, code: string | undefined): Problem {
  const message = `The file cannot be read (${code ?? 'unknown'}).`;
  return { code: 'file-unreadable', message, hint: 'Let this process read it.', at: { file, line: 1, column: 1 } };
}

function lastGoodUseless({ key, file }: GoodDefinition): Problem {
  return {
    code: 'last-good-useless',
    message: `The last good definition of ${quoted(key)} does not fit the configuration any more.`,
    hint: 'The toggle is left as the targets have it until its file is right.',
    at: { file, line: 1, column: 1 },
  };
}

function fingerprintOf(scan: Scan, reads: ReadonlyMap<string, Cached>): string {
  const lines = scan.files.map(({ file, problem }) => `${file}\0${reads.get(file)?.hash ?? problem?.code ?? ''}\n`);
  return hashOf(`${scan.unreadable?.message ?? ''}\n${lines.join('')}`);
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
