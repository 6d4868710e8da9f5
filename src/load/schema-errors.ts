import type { ErrorObject } from 'ajv';
import type { Problem } from '../domain/problem.ts';
import { nearest, pathText, quoted } from './problems.ts';
import type { Path } from './yaml-reader.ts';

/** A problem that does not know its place yet. */
export interface Finding {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
  readonly path: Path;
  readonly part: 'key' | 'value';
}

interface Described {
  readonly description?: unknown;
  readonly patternErrorMessage?: unknown;
  readonly properties?: Readonly<Record<string, Described>>;
  readonly type?: unknown;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
}

/** What stands at a path, by JSON type. */
export function kindOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  return typeof value;
}

const words: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  integer: 'a whole number',
  boolean: 'true or false',
  object: 'a mapping',
  array: 'a list',
  null: 'null',
};
const found: Readonly<Record<string, string>> = { ...words, null: 'empty' };

/**
 * One error of the schema validator in words. `path` is where, from the root of the document; `known` describes the
 * root schema for keys that only a condition asks for. Values are never shown: they may be secrets.
 */
export function schemaFinding(error: ErrorObject, path: Path, known: Described): Finding {
  const schema = (error.parentSchema ?? {}) as Described;
  const params = error.params as Readonly<Record<string, unknown>>;
  const name = path.length === 0 ? 'The file' : quoted(pathText(path));
  const value = (code: string, message: string, hint: string): Finding => ({
    code,
    message,
    hint,
    path,
    part: 'value',
  });
  const limit = String(params.limit);
  if (error.propertyName !== undefined) {
    const rule = typeof schema.patternErrorMessage === 'string' ? schema.patternErrorMessage : 'a shorter name';
    return {
      code: 'bad-key',
      message: `The key ${quoted(error.propertyName)} is not allowed.`,
      hint: `Use ${rule}.`,
      path: [...path, error.propertyName],
      part: 'key',
    };
  }
  switch (error.keyword) {
    case 'additionalProperties':
    case 'unevaluatedProperties': {
      const key = String(params.additionalProperty ?? params.unevaluatedProperty);
      return {
        code: 'unknown-key',
        message: `Unknown key ${quoted(key)}.`,
        hint: nearest(key, Object.keys(schema.properties ?? {}), 'Known keys here'),
        path: [...path, key],
        part: 'key',
      };
    }
    case 'required': {
      const key = String(params.missingProperty);
      const about = schema.properties?.[key] ?? known.properties?.[key];
      return value('missing-key', `${quoted(pathText([...path, key]))} is missing.`, addHint(key, about));
    }
    case 'type':
      return value(
        'wrong-type',
        `${name} must be ${typeWords(params.type)}, not ${found[kindOf(error.data)]}.`,
        typeHint(schema, error.data),
      );
    case 'enum': {
      const allowed = (schema.enum ?? []).map(String);
      const near = typeof error.data === 'string' ? nearest(error.data, allowed, 'Allowed') : '';
      const hint = near.startsWith('Did') ? near : describe(schema, 'Use one of them.');
      return value('not-allowed', `${name} must be one of ${allowed.join(', ')}.`, hint);
    }
    case 'const':
      return value('not-allowed', `${name} must be ${JSON.stringify(schema.const)}.`, describe(schema, 'Use that.'));
    case 'pattern':
      return typeof schema.patternErrorMessage === 'string'
        ? value('bad-form', `${name} has the wrong form.`, `Use ${schema.patternErrorMessage}.`)
        : value(
            'bad-form',
            `${name} has the wrong form.`,
            describe(schema, `It has to match ${String(params.pattern)}.`),
          );
    case 'format':
      return params.format === 'date'
        ? value('bad-date', `${name} is not a day of the calendar.`, 'Write it as year-month-day, such as 2026-11-01.')
        : value('bad-form', `${name} is not a valid ${String(params.format)}.`, describe(schema, 'Correct it.'));
    case 'minimum':
      return value('out-of-range', `${name} must be at least ${limit}.`, describe(schema, 'Use a greater number.'));
    case 'maximum':
      return value('out-of-range', `${name} must be at most ${limit}.`, describe(schema, 'Use a smaller number.'));
    case 'exclusiveMinimum':
      return value('out-of-range', `${name} must be more than ${limit}.`, describe(schema, 'Use a greater number.'));
    case 'exclusiveMaximum':
      return value('out-of-range', `${name} must be less than ${limit}.`, describe(schema, 'Use a smaller number.'));
    case 'minLength':
      return limit === '1'
        ? value('out-of-range', `${name} must not be empty.`, describe(schema, 'Write something.'))
        : value('out-of-range', `${name} must have at least ${limit} characters.`, describe(schema, 'Make it longer.'));
    case 'maxLength':
      return value('out-of-range', `${name} must have at most ${limit} characters.`, 'Make it shorter.');
    case 'minItems':
    case 'minProperties':
      return limit === '1'
        ? value(
            'out-of-range',
            `${name} must not be empty.`,
            'Name at least one, or leave the key out if it is optional.',
          )
        : value('out-of-range', `${name} must have at least ${limit} entries.`, 'Add some.');
    case 'maxItems':
    case 'maxProperties':
      return value('out-of-range', `${name} must have at most ${limit} entries.`, 'Remove some.');
    case 'uniqueItems':
      return value('duplicate-entry', `${name} names something twice.`, 'Keep one of them.');
    case 'anyOf':
    case 'oneOf':
      return value(
        'wrong-type',
        `${name} must be ${typeWords(params.types)}, not ${found[kindOf(error.data)]}.`,
        typeHint(schema, error.data),
      );
    default:
      return value(
        'bad-form',
        `${name} ${error.message ?? 'is not allowed'}.`,
        describe(schema, 'See the configuration reference.'),
      );
  }
}

function typeWords(types: unknown): string {
  const list = (Array.isArray(types) ? types : [types]).map(type => words[String(type)] ?? String(type));
  return [...new Set(list)].join(' or ');
}

function typeHint(schema: Described, data: unknown): string {
  const type = schema.type;
  if (data === null && type === 'object') return 'Write {} where nothing is to be said.';
  if (type === 'string' && (typeof data === 'number' || typeof data === 'boolean')) {
    return typeof schema.patternErrorMessage === 'string' ? `Use ${schema.patternErrorMessage}.` : 'Put it in quotes.';
  }
  if (type === 'array') return 'Write it as a list: [a, b].';
  if ((type === 'number' || type === 'integer' || type === 'boolean') && typeof data === 'string') {
    return 'Write it without quotes.';
  }
  return describe(schema, 'Correct it.');
}

function addHint(key: string, about: Described | undefined): string {
  const text = typeof about?.description === 'string' ? firstSentence(about.description) : undefined;
  return text === undefined ? `Add "${key}".` : `Add "${key}": ${text.charAt(0).toLowerCase()}${text.slice(1)}`;
}

function describe(schema: Described, otherwise: string): string {
  return typeof schema.description === 'string' ? schema.description : otherwise;
}

function firstSentence(text: string): string {
  const end = text.search(/\.(\s|$)/);
  return end < 0 ? `${text}.` : text.slice(0, end + 1);
}

/** A finding with its place. */
export function placed(finding: Finding, at: Problem['at']): Problem {
  const { code, message, hint } = finding;
  return at === undefined ? { code, message, hint } : { code, message, hint, at };
}
