import { lstatSync, type Stats } from 'node:fs';
import { readdir, realpath, stat } from 'node:fs/promises';
import { basename, join, relative, sep } from 'node:path';
import type { Problem } from '../domain/problem.ts';
import { createBreather } from './breathe.ts';
import { compare, quoted } from './problems.ts';
import { flagFileLimit, tooLarge } from './text-file.ts';

/** behaviour.md §8 */
export const mostFiles = 50_000;
const mostFolders = 10_000;

/** One flag file that was found; `problem` where it cannot even be opened. */
export interface FoundFile {
  /** Relative to the configuration's folder, with `/`. */
  readonly file: string;
  /** Its name without `.yaml` (or `.yml`). */
  readonly key: string;
  /** Where it really is. */
  readonly path: string;
  /** Changes whenever the file does, as far as the file system tells. */
  readonly stamp: string;
  /** ms since the epoch: the newest of the file system's times. */
  readonly changedAt: number;
  readonly problem?: Problem;
}

export interface Scan {
  /** Sorted by name. */
  readonly files: readonly FoundFile[];
  /** About the tree, not about one file. */
  readonly problems: readonly Problem[];
  /** Part of the tree could not be seen: nobody knows which files are there. */
  readonly unreadable?: Problem;
}

/**
 * Finds the flag files under a folder: names ending in `.yaml`, in sub-folders too, names that start with `.` skipped.
 * A symbolic link is followed while its real path stays under the folder's (Kubernetes ConfigMaps are such links); of
 * any other nothing is shown. `base` is the folder that names are relative to.
 */
export async function scanFlags(folder: string, base: string): Promise<Scan> {
  const scanner = new Scanner(base);
  await scanner.start(folder);
  const { unreadable } = scanner;
  const files = scanner.files.sort((a, b) => compare(a.file, b.file));
  return { files, problems: scanner.problems, ...(unreadable !== undefined && { unreadable }) };
}

class Scanner {
  readonly files: FoundFile[] = [];
  readonly problems: Problem[] = [];
  unreadable: Problem | undefined;
  readonly #base: string;
  readonly #breathe = createBreather();
  readonly #seen = new Set<string>();
  #linked: { path: string; real: string }[] = [];
  #root = '';

  constructor(base: string) {
    this.#base = base;
  }

  async start(folder: string): Promise<void> {
    try {
      this.#root = await realpath(folder);
    } catch (error) {
      const name = this.#name(folder) || '.';
      const missing = codeOf(error) === 'ENOENT';
      this.#unreadable(
        missing
          ? `The flags folder ${name} does not exist.`
          : `The flags folder ${name} cannot be read (${codeOf(error)}).`,
        missing ? 'Create it, or correct "flags" in the configuration.' : 'Let this process read it.',
      );
      return;
    }
    await this.#folder(folder, this.#root);
    // Links to folders come last, so that a folder is read under its own name.
    while (this.#linked.length > 0) {
      const linked = this.#linked.sort((a, b) => compare(a.path, b.path));
      this.#linked = [];
      for (const { path, real } of linked) {
        if (!this.#seen.has(real)) await this.#folder(path, real);
        else {
          const file = this.#name(path);
          const message = `${file} is a link to a folder that is read anyway.`;
          this.problems.push({ code: 'link-twice', message, hint: 'Remove the link.', at: start(file) });
        }
      }
    }
  }

  async #folder(path: string, real: string): Promise<void> {
    if (this.unreadable !== undefined || this.#seen.has(real)) return;
    this.#seen.add(real);
    if (this.#seen.size > mostFolders) this.#unreadable(`More than ${mostFolders} folders.`, 'Use fewer.');
    const names = await readdir(real).catch((error: unknown) => this.#failed(path, error));
    const folders: { path: string; real: string }[] = [];
    for (const name of names.sort(compare)) {
      if (name.startsWith('.')) continue;
      const below = { path: join(path, name), real: join(real, name) };
      const entry = lstatOf(below.real);
      if (entry instanceof Error) this.#unseen(below.path, entry);
      else if (entry?.isSymbolicLink()) await this.#link(below.path, below.real);
      else if (entry?.isDirectory()) folders.push(below);
      else if (entry !== undefined) this.#file(below.path, below.real, entry);
      await this.#breathe();
    }
    if (this.files.length > mostFiles) {
      this.#unreadable(`More than ${mostFiles} flag files.`, 'Split them over several installations.');
    }
    for (const below of folders) await this.#folder(below.path, below.real);
  }

  #failed(path: string, error: unknown): string[] {
    // Gone since its parent was listed: the next scan will not meet it.
    if (codeOf(error) === 'ENOENT' && this.#seen.size > 1) return [];
    this.#unreadable(`The folder ${this.#name(path)} cannot be read (${codeOf(error)}).`, 'Let this process read it.');
    return [];
  }

  #unseen(path: string, error: Error): void {
    this.#say(path, 'file-unreadable', `cannot be looked at (${codeOf(error)})`, 'Let this process read it.');
  }

  async #link(path: string, link: string): Promise<void> {
    let real: string;
    try {
      real = await realpath(link);
    } catch {
      this.#say(path, 'link-broken', 'is a link that leads nowhere', 'Correct or remove it.');
      return;
    }
    const found = await stat(real).catch(() => undefined);
    if (found === undefined) return;
    const way = relative(this.#root, real);
    if (way === '..' || way.startsWith(`..${sep}`)) {
      const hint = 'Put the file itself there.';
      if (!found.isDirectory()) this.#say(path, 'link-outside', 'is a link that leads out of the flags folder', hint);
      else
        this.#unreadable(
          `${this.#name(path)} is a link that leads out of the flags folder.`,
          'Put the folder itself there.',
        );
    } else if (found.isDirectory()) this.#linked.push({ path, real });
    else this.#file(path, real, found);
  }

  #file(path: string, real: string, found: Stats): void {
    const key = keyOf(path);
    if (key === undefined) return;
    if (!found.isFile()) {
      this.#say(path, 'not-a-file', 'is not a regular file', 'Put a plain YAML file there.');
    } else if (!path.endsWith('.yaml')) {
      this.#say(path, 'rename-to-yaml', 'does not end in .yaml', `Rename it to ${key}.yaml.`);
    } else if (found.size > flagFileLimit) {
      this.#broken(path, tooLarge(this.#name(path), found.size, flagFileLimit));
    } else {
      const { mtimeMs, ctimeMs, size, ino, dev } = found;
      const stamp = [real, mtimeMs, ctimeMs, size, ino, dev].join(' ');
      this.files.push({ file: this.#name(path), key, path: real, stamp, changedAt: Math.max(mtimeMs, ctimeMs) });
    }
  }

  #say(path: string, code: string, what: string, hint: string): void {
    this.#broken(path, { code, message: `${quoted(basename(path))} ${what}.`, hint, at: start(this.#name(path)) });
  }

  #broken(path: string, problem: Problem): void {
    const key = keyOf(path);
    if (key === undefined) return;
    this.files.push({ file: this.#name(path), key, path, stamp: problem.code, changedAt: 0, problem });
  }

  #unreadable(message: string, hint: string): void {
    this.unreadable ??= { code: 'flags-unreadable', message, hint };
  }

  #name(path: string): string {
    return relative(this.#base, path).split(sep).join('/');
  }
}

/** Undefined: gone since its folder was listed. An Error: it cannot be seen. Synchronous as reading is. */
function lstatOf(path: string): Stats | Error | undefined {
  try {
    return lstatSync(path, { throwIfNoEntry: false });
  } catch (error) {
    return error as Error;
  }
}

/** The key that a file's name stands for; undefined for names that are no flag files. */
function keyOf(path: string): string | undefined {
  return /^(.+)\.ya?ml$/i.exec(basename(path))?.[1];
}

function start(file: string): { file: string; line: number; column: number } {
  return { file, line: 1, column: 1 };
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? 'unknown';
}
