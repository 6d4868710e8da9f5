import { readFileSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Problem } from '../domain/problem.ts';
import { pathText, quoted } from './problems.ts';
import { decodeText } from './text-file.ts';
import type { Placer } from './check.ts';
import type { Path } from './yaml-reader.ts';

export interface ReferenceOptions {
  /** `check` looks at the form only: the text stays as it is. */
  readonly mode: 'substitute' | 'check';
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Files are relative to it. */
  readonly folder: string;
  readonly place: Placer;
  /** Whether nobody will use what stands there: it may be missing. */
  readonly unneeded?: ((path: Path) => boolean) | undefined;
}

export interface Substituted {
  readonly value: unknown;
  readonly problems: readonly Problem[];
  /** Where text stands for another that is not known: paths as `pathKey` gives them. */
  readonly unknown: ReadonlySet<string>;
  /** Every value that came in. */
  readonly values: readonly string[];
  /** Absolute: the files that values came from. */
  readonly files: readonly string[];
}

type Say = (code: string, message: string, hint: string) => void;

const secretFileLimit = 1024 * 1024;
const name = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** One path as one string. */
export function pathKey(path: Path): string {
  return JSON.stringify(path);
}

/** Replaces `${NAME}`, `${NAME:-default}` and `${file:path}` in every text of a parsed value; keys stay as they are. */
export function substitute(value: unknown, options: ReferenceOptions): Substituted {
  const problems: Problem[] = [];
  const unknown = new Set<string>();
  const values: string[] = [];
  const files = new Set<string>();

  function walk(here: unknown, path: Path): unknown {
    if (typeof here === 'string') return here.includes('${') ? text(here, path) : here;
    if (Array.isArray(here)) return here.map((item, index) => walk(item, [...path, index]));
    if (typeof here !== 'object' || here === null) return here;
    return Object.fromEntries(Object.entries(here).map(([key, item]) => [key, walk(item, [...path, key])]));
  }

  function text(whole: string, path: Path): string {
    const say = (code: string, message: string, hint: string) => {
      unknown.add(pathKey(path));
      if (isMissing(code) && options.unneeded?.(path)) return;
      problems.push({ code, message, hint, at: options.place(path, 'value') });
    };
    if (mustBeLiteral(path)) {
      say(
        'reference-not-here',
        `${quoted(pathText(path))} cannot be a reference.`,
        'Write it out: flag files are checked against it without any environment.',
      );
      return whole;
    }
    let result = '';
    let rest = whole;
    for (let start = rest.indexOf('${'); start >= 0; start = rest.indexOf('${')) {
      const end = rest.indexOf('}', start);
      const inside = end < 0 ? undefined : parseReference(rest.slice(start + 2, end));
      if (inside === undefined) {
        say(
          'reference-form',
          `${quoted(pathText(path))} holds a "\${" that is no reference.`,
          'Write ${NAME}, ${NAME:-default} or ${file:path}; text that holds "${" comes in through one of them.',
        );
        return whole;
      }
      result += rest.slice(0, start);
      rest = rest.slice(end + 1);
      if (options.mode === 'check') {
        unknown.add(pathKey(path));
        continue;
      }
      const found = 'file' in inside ? readSecret(inside.file, say) : variable(inside, say);
      if (found !== '') values.push(found);
      result += found;
    }
    return options.mode === 'check' ? whole : result + rest;
  }

  function variable(reference: Variable, say: Say): string {
    const found = Object.hasOwn(options.env, reference.name) ? options.env[reference.name] : undefined;
    if (found !== undefined && found !== '') return found;
    if (reference.otherwise !== undefined) return reference.otherwise;
    say(
      'variable-missing',
      `The environment variable ${reference.name} is ${found === '' ? 'empty' : 'not set'}.`,
      `Set it, or write \${${reference.name}:-} where it may be empty.`,
    );
    return '';
  }

  function readSecret(file: string, sayCode: Say): string {
    const say = (message: string, hint: string) => sayCode('secret-file', message, hint);
    try {
      const full = resolve(options.folder, file);
      files.add(full);
      const found = statSync(full);
      if (!found.isFile() || found.size > secretFileLimit) {
        say(
          `${quoted(file)} is no regular file of at most ${secretFileLimit} bytes.`,
          'Name the file with the secret.',
        );
        return '';
      }
      const content = decodeText(readFileSync(full), file).replace(/\r?\n$/, '');
      if (content === '') say(`The file ${quoted(file)} is empty.`, 'Write the secret into it.');
      return content;
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      if (code === 'ENOENT') say(`The file ${quoted(file)} does not exist.`, 'Create it or correct the path.');
      else if (code === undefined) say(`The file ${quoted(file)} is not text.`, 'Save it as UTF-8.');
      else say(`The file ${quoted(file)} cannot be read (${code}).`, 'Let this process read it.');
      return '';
    }
  }

  const substituted = walk(value, []);
  return { value: substituted, problems, unknown, values, files: [...files] };
}

function isMissing(code: string): boolean {
  return code === 'variable-missing' || code === 'secret-file';
}

interface Variable {
  readonly name: string;
  readonly otherwise: string | undefined;
}

/** What stands between the braces; undefined where it is none of the three forms. */
function parseReference(inside: string): Variable | { readonly file: string } | undefined {
  if (inside.includes('${')) return undefined;
  if (inside.startsWith('file:')) return inside.length > 5 ? { file: inside.slice(5) } : undefined;
  const at = inside.indexOf(':-');
  const variable = at < 0 ? inside : inside.slice(0, at);
  if (!name.test(variable)) return undefined;
  return { name: variable, otherwise: at < 0 ? undefined : inside.slice(at + 2) };
}

/** Keys of entries of `sources` and `targets` that no reference may stand for. */
export const literalEntryKeys: ReadonlySet<string> = new Set([
  'id',
  'type',
  'name',
  'environment',
  'environments',
  'packages',
  'policy',
]);

/** What flag files are checked against has to be known without the environment. */
function mustBeLiteral(path: Path): boolean {
  const [first, second, third] = path;
  if (first === 'flags') return second !== 'token' && second !== 'webhookSecret';
  if (first === 'version' || first === 'guard') return true;
  return (first === 'sources' || first === 'targets') && literalEntryKeys.has(String(third));
}
