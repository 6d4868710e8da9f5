import { isAscii } from 'node:buffer';
import { type Members, membersOf, noMembers } from '../domain/members.ts';
import type { Problem } from '../domain/problem.ts';

/** What one rule answered. Undefined is not empty, failed is not empty. */
export type Answer =
  | { readonly state: 'defined'; readonly members: Members }
  | { readonly state: 'undefined' }
  /** `refused`: it may not be asked. */
  | { readonly state: 'failed'; readonly error: Problem; readonly refused?: boolean };

/** behaviour.md §8. */
export const mostMembers = 5_000_000;
export const mostMemberBytes = 1024;

const shapeHint = 'Let the rule yield a set or an array of strings, or an object whose values are true or false.';
const memberHint = 'Correct the data or the rule: who has the toggle stays as it is until every member is valid.';

/**
 * Reads the value of one rule as parsed JSON; `undefined` = there was no result. `name` is what messages call the
 * rule: `app.rbac.us_users of source example-opal`. An array is taken over by the answer. Messages tell type and
 * place, never a value: a member is somebody's name. `printable`: `isPrintableJson` was true of the text it came from.
 */
export function answerOf(value: unknown, name: string, printable = false): Answer {
  if (value === undefined) return { state: 'undefined' };
  if (Array.isArray(value)) return listAnswer(value, name, printable);
  if (value !== null && typeof value === 'object') return objectAnswer(value as Record<string, unknown>, name);
  return failed('answer-shape', `${name} answered ${typeName(value)}, not a list of members.`, shapeHint);
}

/**
 * Whether every string in this JSON text (UTF-8) is printable ASCII: no byte above 0x7e and no escape. Two scans of
 * the bytes take 2 ms where looking at each character of a million parsed members takes 35 ms.
 */
export function isPrintableJson(body: Uint8Array): boolean {
  return isAscii(body) && !body.includes(0x5c) && !body.includes(0x7f);
}

function listAnswer(values: readonly unknown[], name: string, printable: boolean): Answer {
  if (values.length > mostMembers) return tooMany(name, values.length);
  for (let index = 0; index < values.length; index++) {
    const value = values[index];
    if (typeof value !== 'string') {
      const message = `${name}: member ${index + 1} of ${values.length} is ${typeName(value)}, not a string.`;
      return failed('answer-member', message, shapeHint);
    }
    if (printable ? value.length === 0 || value.length > mostMemberBytes : !isPlain(value)) {
      const fault = memberFault(value);
      if (fault !== undefined) return badMember(name, 'member', index, values.length, fault);
    }
  }
  return { state: 'defined', members: membersOf(values as readonly string[], printable) };
}

function objectAnswer(object: Readonly<Record<string, unknown>>, name: string): Answer {
  const keys = Object.keys(object);
  if (keys.length > mostMembers) return tooMany(name, keys.length);
  const members: string[] = [];
  for (let index = 0; index < keys.length; index++) {
    const key = keys[index] as string;
    const value = object[key];
    if (typeof value !== 'boolean') {
      const message = `${name} answered an object whose value ${index + 1} of ${keys.length} is ${typeName(value)}, not true or false.`;
      return failed('answer-shape', message, shapeHint);
    }
    const fault = isPlain(key) ? undefined : memberFault(key);
    if (fault !== undefined) return badMember(name, 'key', index, keys.length, fault);
    if (value) members.push(key);
  }
  return { state: 'defined', members: members.length === 0 ? noMembers : membersOf(members) };
}

// Nearly every member of nearly every answer: short, no control characters, nothing beyond Latin-1's plain letters.
// A loop over code units is what a million members can afford; a regular expression or `isWellFormed` each is not.
function isPlain(member: string): boolean {
  const length = member.length;
  if (length === 0 || length > mostMemberBytes / 2) return false;
  for (let index = 0; index < length; index++) {
    const unit = member.charCodeAt(index);
    if (unit < 0x20 || (unit > 0x7e && unit < 0xa0) || unit > 0xff) return false;
  }
  return true;
}

// C0, DEL and C1: Unicode's category Cc.
const control = /\p{Cc}/u;

function memberFault(member: string): string | undefined {
  if (member === '') return 'is empty';
  if (member.length > mostMemberBytes || Buffer.byteLength(member) > mostMemberBytes) {
    return `is longer than ${mostMemberBytes} bytes`;
  }
  if (!member.isWellFormed()) return 'is not well-formed Unicode';
  if (control.test(member)) return 'holds a control character';
  return undefined;
}

function badMember(name: string, word: string, index: number, of: number, fault: string): Answer {
  return failed('answer-member', `${name}: ${word} ${index + 1} of ${of} ${fault}.`, memberHint);
}

function tooMany(name: string, count: number): Answer {
  const message = `${name} answered ${count} members; at most ${mostMembers} are taken.`;
  return failed('answer-too-many', message, 'Narrow the rule, or split it over several toggles.');
}

/** A failed answer, for what went wrong around the value too. */
export function failed(code: string, message: string, hint: string): Answer & { readonly state: 'failed' } {
  return { state: 'failed', error: { code, message, hint } };
}

function typeName(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}
