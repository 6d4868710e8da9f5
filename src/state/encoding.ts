import { createHash } from 'node:crypto';
import { compareCodePoints, firstNotBefore } from '../domain/code-points.ts';
import { type Members, membersOf, sortedOf } from '../domain/members.ts';

/** How a set lies in the state. `delta` is against another set. */
export type Form = 'lines' | 'json' | 'delta';

export interface Encoded {
  readonly form: Form;
  readonly body: Uint8Array;
}

const lineFeed = 10;
const atOnce = 8192;

/**
 * A whole set as bytes: its members, each ended by a line feed, which are the bytes that `Members.hash` is of. Members
 * that would not come back like that (a line feed or half a character in them: nobody's audience, but a target's live
 * list may hold anything) go as JSON. Not compressed: 27 MB take longer to deflate than to write.
 */
export function encodeFull(members: Members): Encoded {
  const sorted = sortedOf(members);
  let body = Buffer.allocUnsafe(Math.max(64, sorted.length * 40));
  let length = 0;
  for (let start = 0; start < sorted.length; start += atOnce) {
    const text = `${sorted.slice(start, start + atOnce).join('\n')}\n`;
    if (!text.isWellFormed()) return encodeJson(sorted);
    if (body.length - length < text.length * 3) body = grown(body, length, text.length * 3);
    length += body.write(text, length);
  }
  const lines = body.subarray(0, length);
  return countLines(lines) === sorted.length ? { form: 'lines', body: lines } : encodeJson(sorted);
}

/** What has to be added to and removed from another set. */
export function encodeDelta(added: Members, removed: Members): Encoded {
  return { form: 'delta', body: Buffer.from(JSON.stringify([sortedOf(added), sortedOf(removed)])) };
}

/** The members of a whole set, sorted; undefined when the bytes are not those that were written. */
export function decodeFull({ form, body }: Encoded, hash: string): readonly string[] | undefined {
  if (form === 'json') {
    const sorted = parseLists(body, 0);
    return sorted !== undefined && membersOf(sorted).hash === hash ? sorted : undefined;
  }
  if (createHash('sha256').update(body).digest('hex') !== hash) return undefined;
  if (body.length === 0) return [];
  const sorted = textOf(body).split('\n');
  sorted.pop();
  return sorted;
}

/** The two lists of a delta; undefined when they cannot be read. */
export function decodeDelta(body: Uint8Array): { added: Members; removed: Members } | undefined {
  const added = parseLists(body, 1);
  const removed = parseLists(body, 2);
  return added && removed && { added: membersOf(added), removed: membersOf(removed) };
}

/** A sorted list with a delta applied: pieces of the old list around the few changes, so that no merge is needed. */
export function applyDelta(base: readonly string[], added: Members, removed: Members): readonly string[] {
  const result: string[] = [];
  const gone = sortedOf(removed);
  const fresh = sortedOf(added);
  let from = 0;
  let g = 0;
  let f = 0;
  function copyTo(end: number): void {
    for (; from < end; from++) result.push(base[from] as string);
  }
  while (g < gone.length || f < fresh.length) {
    const removes =
      g < gone.length && (f >= fresh.length || compareCodePoints(gone[g] as string, fresh[f] as string) < 0);
    const member = (removes ? gone[g++] : fresh[f++]) as string;
    const at = firstNotBefore(base, member, from);
    copyTo(at);
    if (!removes) result.push(member);
    else if (base[at] === member) from = at + 1;
  }
  copyTo(base.length);
  return result;
}

function encodeJson(sorted: readonly string[]): Encoded {
  return { form: 'json', body: Buffer.from(JSON.stringify(sorted)) };
}

/** The whole value (0), or the first or second list in it; undefined for anything that is no list of strings. */
function parseLists(body: Uint8Array, part: 0 | 1 | 2): string[] | undefined {
  try {
    const value: unknown = JSON.parse(textOf(body));
    const list: unknown = part === 0 ? value : Array.isArray(value) ? value[part - 1] : undefined;
    return Array.isArray(list) && list.every(member => typeof member === 'string') ? list : undefined;
  } catch {
    return undefined;
  }
}

function textOf(body: Uint8Array): string {
  return Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8');
}

function grown(body: Buffer<ArrayBuffer>, length: number, room: number): Buffer<ArrayBuffer> {
  const larger = Buffer.allocUnsafe(Math.max(body.length * 2, length + room));
  body.copy(larger, 0, 0, length);
  return larger;
}

function countLines(body: Uint8Array): number {
  let lines = 0;
  for (let index = 0; index < body.length; index++) if (body[index] === lineFeed) lines++;
  return lines;
}
