import type { Json } from '../../../src/domain/json.ts';
import { invalid } from './refusal.ts';

/** An object of a request body; everything else is refused. */
export function objectOf(value: unknown, what: string): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalid(`${what} must be an object`);
  return value as Readonly<Record<string, unknown>>;
}

/** Refuses what the API does not know: LaunchDarkly is more patient, but a misspelt field must not pass a test. */
export function onlyFields(object: Readonly<Record<string, unknown>>, known: readonly string[], what: string): void {
  for (const key of Object.keys(object)) if (!known.includes(key)) throw invalid(`${what}: unknown field "${key}"`);
}

export function textOf(object: Readonly<Record<string, unknown>>, key: string): string {
  const value = object[key];
  if (typeof value !== 'string' || value === '') throw invalid(`${key} must be a non-empty string`);
  return value;
}

export function maybeText(object: Readonly<Record<string, unknown>>, key: string): string | undefined {
  const value = object[key];
  if (value === undefined) return undefined;
  if (typeof value !== 'string') throw invalid(`${key} must be a string`);
  return value;
}

export function maybeBoolean(object: Readonly<Record<string, unknown>>, key: string): boolean | undefined {
  const value = object[key];
  if (value === undefined) return undefined;
  if (typeof value !== 'boolean') throw invalid(`${key} must be a boolean`);
  return value;
}

export function booleanOf(object: Readonly<Record<string, unknown>>, key: string): boolean {
  const value = maybeBoolean(object, key);
  if (value === undefined) throw invalid(`${key} must be a boolean`);
  return value;
}

/** A list of strings without empty ones. */
export function textsOf(object: Readonly<Record<string, unknown>>, key: string): readonly string[] {
  const value = object[key];
  if (!Array.isArray(value) || !value.every(one => typeof one === 'string' && one !== ''))
    throw invalid(`${key} must be a list of non-empty strings`);
  return value as string[];
}

export function listOf(object: Readonly<Record<string, unknown>>, key: string): readonly unknown[] {
  const value = object[key];
  if (!Array.isArray(value)) throw invalid(`${key} must be a list`);
  return value;
}

/** Bodies come from JSON, so that any value but undefined is Json. */
export function jsonOf(object: Readonly<Record<string, unknown>>, key: string): Json {
  const value = object[key];
  if (value === undefined) throw invalid(`${key} is missing`);
  return value as Json;
}

/** `user` unless told; the letters that a context kind may have. */
export function contextKindOf(object: Readonly<Record<string, unknown>>, key = 'contextKind'): string {
  const kind = maybeText(object, key) ?? 'user';
  if (!/^[A-Za-z0-9._-]+$/.test(kind) || kind === 'kind' || kind === 'multi')
    throw invalid(`Invalid context kind "${kind}"`);
  return kind;
}

/** Tags: letters, digits, `.`, `_`, `-`, at most 64. */
export function tagsOf(values: readonly string[]): readonly string[] {
  for (const tag of values) {
    if (!/^[A-Za-z0-9._-]{1,64}$/.test(tag))
      throw invalid(
        'Tags must consist of only letters, numbers, ".", "_" or "-" and must be between 1 and 64 characters long',
      );
  }
  return [...new Set(values)].sort();
}

/** The key of a flag or segment. */
export function keyOf(object: Readonly<Record<string, unknown>>): string {
  const key = textOf(object, 'key');
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(key) || key.length > 256)
    throw invalid(
      'The key must start with a letter or number and only contain letters, numbers, ".", "_" or "-", at most 256 characters',
    );
  return key;
}
