import { isUtf8 } from 'node:buffer';
import { readFile, stat } from 'node:fs/promises';
import { type Problem, ProblemError } from '../../domain/problem.ts';
import { realPathInside, realPathNow } from '../../lib/inside.ts';
import { replaceFile } from '../../lib/replace-file.ts';
import { emptyFile, type FlagFile, flagFileText, parseFlagFile } from './flag-file.ts';

/** A flag file as read: its text (undefined: there is none yet) and what it means. */
export interface Read {
  readonly text: string | undefined;
  readonly file: FlagFile;
}

/** V8's longest string is a little above; a file of this size holds some ten million members. */
const mostBytes = 400 * 1024 * 1024;

/** The flag file of one environment. `name` is its path as configured, for messages. */
export class FlagStore {
  readonly name: string;
  readonly #folder: string;
  readonly #path: string;
  #last: Read | undefined;

  constructor(folder: string, path: string, name: string) {
    this.#folder = folder;
    this.#path = path;
    this.name = name;
  }

  /** The file as last read or written; undefined before. */
  get last(): FlagFile | undefined {
    return this.#last?.file;
  }

  /** Which file it is, whatever leads there. */
  get place(): string {
    return realPathNow(this.#path);
  }

  /** Throws a ProblemError, with its place for what is no flag file. A file that is not there is empty. */
  async read(): Promise<Read> {
    const text = await this.#text().catch((error: unknown) => {
      throw error instanceof ProblemError
        ? error
        : new ProblemError(unusable(this.name, 'read', error), { cause: error });
    });
    if (this.#last === undefined || this.#last.text !== text) {
      this.#last = { text, file: text === undefined ? emptyFile : parseFlagFile(text, this.name) };
    }
    return this.#last;
  }

  /** Replaces what was read. False: somebody else wrote in between, and nothing was written. Throws a ProblemError. */
  async write(read: Read, file: FlagFile): Promise<boolean> {
    const text = flagFileText(file);
    try {
      if (!(await replaceFile(await this.#real(), text, read.text))) return false;
    } catch (error) {
      throw error instanceof ProblemError
        ? error
        : new ProblemError(unusable(this.name, 'written', error), { cause: error });
    }
    this.#last = { text, file };
    return true;
  }

  async #text(): Promise<string | undefined> {
    const path = await this.#real();
    const found = await stat(path).catch((error: unknown) => {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
      throw error;
    });
    if (found === undefined) return undefined;
    if (!found.isFile()) throw new ProblemError(notAFile(this.name));
    if (found.size > mostBytes) throw new ProblemError(tooLarge(this.name, found.size));
    const bytes = await readFile(path);
    if (!isUtf8(bytes)) throw new ProblemError(notText(this.name));
    return bytes.toString('utf8');
  }

  /** A link is followed, and the file it points to is what is replaced: the link stays. */
  async #real(): Promise<string> {
    const real = await realPathInside(this.#folder, this.#path);
    if (real === undefined) throw new ProblemError(outside(this.name));
    return real;
  }
}

/** The problem of a path that leads out of the configuration's folder. */
export function outside(name: string): Problem {
  return {
    code: 'path-outside',
    message: `The flag file ${name} leads out of the configuration's folder.`,
    hint: 'Put it below the folder of the configuration.',
  };
}

function unusable(name: string, what: 'read' | 'written', error: unknown): Problem {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
  return {
    code: what === 'read' ? 'flagd-file-unreadable' : 'flagd-file-unwritable',
    message: `The flag file ${name} cannot be ${what}: ${code}.`,
    hint: 'Check its path, its permissions and the space on the disk; it is tried again.',
  };
}

function notAFile(name: string): Problem {
  return { code: 'not-a-file', message: `${name} is no regular file.`, hint: 'Take away what is in its place.' };
}

function notText(name: string): Problem {
  return {
    code: 'flagd-file-broken',
    message: 'The file is not UTF-8 text.',
    hint: 'Correct the flag file or take it away; until then nothing is written to it.',
    at: { file: name, line: 1, column: 1 },
  };
}

function tooLarge(name: string, size: number): Problem {
  return {
    code: 'flagd-file-too-large',
    message: `The flag file ${name} has ${size} bytes, more than the ${mostBytes} that are read.`,
    hint: 'Spread the toggles over several targets with a file each.',
  };
}
