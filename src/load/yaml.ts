import { LineCounter, parseDocument } from 'yaml';
import type { Place, Problem } from '../domain/problem.ts';
import { syntaxProblem } from './yaml-errors.ts';
import { mostProblems, type Path, type ReadOptions, YamlReader } from './yaml-reader.ts';

export interface YamlDocument {
  readonly file: string;
  /** Plain JSON values. Undefined where the problems leave nothing to check. */
  readonly value: unknown;
  /** The keys of the outermost mapping, whatever else is wrong. */
  readonly keys: readonly string[];
  readonly problems: readonly Problem[];
  /** Where a value stands, or its key; the nearest one around it where there is none. */
  place(path: Path, part?: 'key' | 'value'): Place;
  /** Where the first alias stands, if there is one. */
  readonly firstAlias: Place | undefined;
}

/**
 * Parses one YAML 1.2 document without doing what YAML does beyond data: custom tags, duplicate keys, aliases beyond
 * the limit, deep nesting, directives and numbers that JSON cannot hold are problems with a place. Never throws.
 */
export function parseYaml(text: string, file: string, options: ReadOptions): YamlDocument {
  const lines = new LineCounter();
  // The library's own search for duplicate keys takes quadratic time; reading finds them in linear.
  const document = parseDocument(text, {
    lineCounter: lines,
    uniqueKeys: false,
    prettyErrors: false,
    resolveKnownTags: false,
    logLevel: 'error',
  });
  const placeOf = (offset: number): Place => {
    const { line, col } = lines.linePos(offset);
    return { file, line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  const problems: Problem[] = [];
  for (const error of [...document.errors, ...document.warnings]) {
    if (problems.length === mostProblems) break;
    problems.push({ ...syntaxProblem(error.code, error.message, text, error.pos[0]), at: placeOf(error.pos[0]) });
    // What follows the first error in a mapping of brackets, or too deep a nesting, is noise.
    if (error.code === 'RESOURCE_EXHAUSTION' || error.code === 'UNEXPECTED_TOKEN') break;
  }
  if (document.directives?.yaml.version !== '1.2') {
    problems.push({
      code: 'yaml-directive',
      message: 'The file asks for another version of YAML than 1.2.',
      hint: 'Remove the %YAML line.',
      at: placeOf(0),
    });
  }
  const reader = new YamlReader(document.contents, options, placeOf);
  if (problems.length === 0) reader.start();
  const all = [...problems, ...reader.problems];
  return {
    file,
    value: problems.length > 0 || reader.stopped ? undefined : reader.value,
    keys: reader.keys,
    problems: all.slice(0, mostProblems),
    place: (path, part = 'value') => reader.place(path, part),
    firstAlias: reader.firstAlias,
  };
}
