import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import type { TSchema } from 'typebox';
import type { Place, Problem } from '../domain/problem.ts';
import { placed, schemaFinding } from './schema-errors.ts';
import { mostProblems, type Path } from './yaml-reader.ts';

/** Where things stand in the document that is checked. */
export type Placer = (path: Path, part: 'key' | 'value') => Place;

export interface CheckOptions {
  /** Where the checked value stands in the document. */
  readonly base?: Path;
  /** Text at these paths stands for something else: only its being text is checked. */
  readonly standIns?: (path: Path) => boolean;
}

// `strict` would refuse annotations that kinds may add for editors and documentation.
const ajv = new Ajv2020({ allErrors: true, verbose: true, useDefaults: true, strict: false });
addFormats.default(ajv);
const compiled = new WeakMap<TSchema, ValidateFunction>();

function validatorOf(schema: TSchema): ValidateFunction {
  let validate = compiled.get(schema);
  if (validate === undefined) {
    validate = ajv.compile(schema);
    compiled.set(schema, validate);
  }
  return validate;
}

/**
 * Checks a value against a schema and fills in the schema's defaults. A schema is compiled once per object, so hand in
 * the same one each time. Problems have a place, a next step and no values in them.
 */
export function check(schema: TSchema, value: unknown, place: Placer, options: CheckOptions = {}): Problem[] {
  const validate = validatorOf(schema);
  if (validate(value)) return [];
  const base = options.base ?? [];
  const problems: Problem[] = [];
  const told = new Set<string>();
  for (const error of joinAlternatives(validate.errors ?? [])) {
    const path = [...base, ...pathOf(error.instancePath, value)];
    if (error.keyword !== 'type' && typeof error.data === 'string' && options.standIns?.(path)) continue;
    const finding = schemaFinding(error, path, schema);
    const problem = placed(finding, place(finding.path, finding.part));
    const line = JSON.stringify(problem);
    if (told.has(line)) continue;
    told.add(line);
    problems.push(problem);
    if (problems.length === mostProblems) break;
  }
  return problems;
}

/** A JSON pointer into `value` as keys and indexes. */
function pathOf(pointer: string, value: unknown): (string | number)[] {
  let here: unknown = value;
  return pointer
    .split('/')
    .slice(1)
    .map(part => {
      const key = part.replaceAll('~1', '/').replaceAll('~0', '~');
      const step = Array.isArray(here) ? Number(key) : key;
      here = typeof here === 'object' && here !== null ? (here as Record<string, unknown>)[key] : undefined;
      return step;
    });
}

/**
 * With alternatives the validator tells what is wrong by each of them. Only the alternative that was meant is of use:
 * the one whose type fits what is there. Where none fits, one error says which types would.
 */
function joinAlternatives(errors: readonly ErrorObject[]): ErrorObject[] {
  let rest = errors.filter(({ keyword }) => keyword !== 'if' && keyword !== 'propertyNames');
  // The innermost alternatives come first in the list.
  for (const error of rest.filter(({ keyword }) => keyword === 'anyOf' || keyword === 'oneOf')) {
    const prefix = `${error.schemaPath}/`;
    const mine = rest.filter(other => other.schemaPath.startsWith(prefix) && isBelow(other, error));
    if (mine.length === 0) continue;
    const branches = Map.groupBy(mine, ({ schemaPath }) => schemaPath.slice(prefix.length).split('/')[0]);
    const fitting = [...branches.values()]
      .filter(branch => !branch.some(other => other.keyword === 'type' && other.instancePath === error.instancePath))
      .sort((a, b) => a.length - b.length);
    const best = fitting[0];
    const types = mine
      .filter(other => other.keyword === 'type' && other.instancePath === error.instancePath)
      .map(other => (other.params as { type: string }).type);
    const instead = best ?? [{ ...error, params: { types } }];
    rest = rest.flatMap(other => (other === error ? instead : mine.includes(other) ? [] : [other]));
  }
  return rest;
}

function isBelow(error: ErrorObject, outer: ErrorObject): boolean {
  return error.instancePath === outer.instancePath || error.instancePath.startsWith(`${outer.instancePath}/`);
}
