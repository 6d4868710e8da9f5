import { type Document, isMap, isScalar, LineCounter, parseDocument } from 'yaml';
import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { type Problem, ProblemError } from '../../domain/problem.ts';
import { realPathInside } from '../../lib/inside.ts';
import { blank, JsonTextError, membersAt, parseJsonText } from '../../lib/json-text.ts';
import { parseRef } from '../ref.ts';

/** What a file says: the value of each rule, by the JSON of its segments. */
export interface Lists {
  readonly rules: ReadonlyMap<string, unknown>;
  /** SHA-256 of the file's bytes, 12 hex digits. */
  readonly revision: string;
}

/** A list of a million members as YAML takes a minute to read; larger ones belong to OPA. */
const mostBytes = 64_000_000;

/**
 * Reads the file, unless its bytes are those of `before`, which is then given back. Throws a ProblemError with the
 * place of what is wrong.
 */
export async function readLists(
  folder: string,
  file: { readonly path: string; readonly name: string },
  before: Lists | undefined,
): Promise<Lists> {
  const bytes = await readInside(folder, file);
  const revision = createHash('sha256').update(bytes).digest('hex').slice(0, 12);
  if (before?.revision === revision) return before;
  const text = bytes.toString('utf8');
  return { revision, rules: file.name.endsWith('.json') ? fromJson(text, file.name) : fromYaml(text, file.name) };
}

async function readInside(folder: string, file: { readonly path: string; readonly name: string }): Promise<Buffer> {
  let real: string | undefined;
  try {
    real = await realPathInside(folder, file.path);
    if (real !== undefined && (await stat(real)).size > mostBytes) {
      throw new ProblemError(
        problem('too-large', `${file.name} is larger than ${mostBytes} bytes.`, 'Use OPA for such lists.'),
      );
    }
    if (real !== undefined) return await readFile(real);
  } catch (error) {
    if (error instanceof ProblemError) throw error;
    const code = error instanceof Error && 'code' in error ? ` (${String(error.code)})` : '';
    throw new ProblemError(problem('file-unreadable', `${file.name} cannot be read${code}.`, 'Put the file there.'));
  }
  throw new ProblemError(
    problem('path-outside', `${file.name} leads out of the configuration's folder.`, 'Put the file itself there.'),
  );
}

function fromJson(text: string, name: string): Map<string, unknown> {
  try {
    const value = parseJsonText(text);
    if (value === null || typeof value !== 'object' || Array.isArray(value)) throw noObject(name);
    // JSON.parse takes the last of two equal keys: whose list would that be?
    membersAt(text, blank(text, 0));
    return byRule(Object.entries(value), name, undefined);
  } catch (error) {
    if (!(error instanceof JsonTextError)) throw error;
    const at = { file: name, line: error.line, column: error.column };
    throw new ProblemError({ ...problem('bad-json', `${name}: ${error.message}.`, 'Correct it there.'), at });
  }
}

function fromYaml(text: string, name: string): Map<string, unknown> {
  const lines = new LineCounter();
  const document: Document = parseDocument(text, { lineCounter: lines, uniqueKeys: true, version: '1.2' });
  const [fault] = [...document.errors, ...document.warnings];
  if (fault !== undefined) {
    const { line, col } = lines.linePos(fault.pos[0]);
    // The parser's own sentence quotes the line, and with it members.
    const hint = 'Correct it there; members with special characters go in quotes.';
    throw new ProblemError({
      ...problem('bad-yaml', `${name} is no valid YAML (${fault.code}).`, hint),
      at: { file: name, line, column: col },
    });
  }
  const { contents } = document;
  if (contents === null) return new Map();
  if (!isMap(contents)) throw noObject(name);
  const places = new Map<string, number>();
  for (const { key } of contents.items) {
    if (isScalar(key) && typeof key.value === 'string' && key.range) places.set(key.value, key.range[0]);
  }
  let value: Record<string, unknown>;
  try {
    value = document.toJS({ maxAliasCount: 0 }) as Record<string, unknown>;
  } catch {
    throw new ProblemError(problem('bad-yaml', `${name} uses aliases.`, 'Write each list out.'));
  }
  return byRule(Object.entries(value), name, key => {
    const { line, col } = lines.linePos(places.get(key) ?? 0);
    return { file: name, line, column: col };
  });
}

function byRule(
  entries: readonly (readonly [string, unknown])[],
  name: string,
  placeOf: ((key: string) => NonNullable<Problem['at']>) | undefined,
): Map<string, unknown> {
  const rules = new Map<string, unknown>();
  for (const [key, value] of entries) {
    const segments = parseRef(key);
    const id = JSON.stringify(segments);
    if (segments === undefined || rules.has(id)) {
      const what = segments === undefined ? 'is no name of a rule' : 'is there twice';
      const found = problem(
        'bad-rule-name',
        `${name}: ${JSON.stringify(key)} ${what}.`,
        'Write package and rule as in Rego: app.rbac.us_users.',
      );
      throw new ProblemError(placeOf === undefined ? found : { ...found, at: placeOf(key) });
    }
    rules.set(id, value);
  }
  return rules;
}

function noObject(name: string): ProblemError {
  const hint = 'Write a line for each rule: `app.rbac.us_users: [alice, bob]`.';
  return new ProblemError(problem('bad-lists', `${name} holds no lists by the names of rules.`, hint));
}

function problem(code: string, message: string, hint: string): Problem {
  return { code, message, hint };
}
