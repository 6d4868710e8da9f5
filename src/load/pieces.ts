import { Type } from 'typebox';

/** Names of toggles, sources, targets, environments, context kinds and instances. */
export const namePattern = '^[A-Za-z0-9][A-Za-z0-9._-]*$';
const nameRule = 'letters, digits, ".", "_" and "-", starting with a letter or a digit';

interface Described {
  readonly description: string;
  readonly default?: string;
  readonly maxLength?: number;
}

/** A name of ours. */
export function Name(options: Described) {
  return Type.String({ pattern: namePattern, patternErrorMessage: nameRule, maxLength: 200, ...options });
}

/** The same rule for the keys of a mapping (a fresh object, because schemas are annotated in place). */
export function nameKeys() {
  return { propertyNames: { pattern: namePattern, patternErrorMessage: nameRule, maxLength: 200 } };
}

/** One line of text for people. */
export function Line(options: Described) {
  return Type.String({
    minLength: 1,
    maxLength: 256,
    pattern: '^[^\\u0000-\\u001f\\u007f]*$',
    patternErrorMessage: 'one line without control characters',
    ...options,
  });
}

/**
 * One segment of a path below `/v1/data`. `.` and `..` are refused because they change the path of a URL even when
 * percent-encoded (WHATWG URL, "double-dot path segment").
 */
export function Segment(options: { readonly description: string }) {
  return Type.String({
    minLength: 1,
    maxLength: 256,
    pattern: '^(?!\\.{1,2}$)[^\\u0000-\\u001f\\u007f]+$',
    patternErrorMessage: 'a name other than "." and "..", without control characters',
    ...options,
  });
}

/** A day of the calendar. */
export function Day(options: { readonly description: string }) {
  return Type.String({ format: 'date', ...options });
}
