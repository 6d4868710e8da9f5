import { hasJsonBytes } from '../domain/members-json.ts';
import { type Members, replacedAt } from '../domain/members.ts';
import { isPrintableJson, mostMemberBytes, mostMembers } from './answer.ts';

/** A long list and the bytes that it was read from: `["alice","bob"]`, sorted, nothing but printable ASCII. */
export interface ListText {
  readonly bytes: Buffer;
  readonly members: Members;
}

/** Members. Shorter lists are parsed whole in less time than it takes to look. */
const longEnough = 20_000;
const quote = 0x22;
const comma = 0x2c;
const opening = '"result":';
/** A `decision_id` and what else stands around a list is far shorter. */
const longestFrame = 4096;
const blockSize = 65_536;

/** The bytes of the list in an answer of `/v1/data`; undefined where they are not to be seen at a glance. */
export function listIn(body: Buffer): Buffer | undefined {
  const marker = body.subarray(0, longestFrame).indexOf(opening);
  const from = marker + opening.length;
  const to = body.lastIndexOf(']') + 1;
  if (marker < 0 || to <= from || body.length - to > longestFrame) return undefined;
  const bytes = body.subarray(from, to);
  if (bytes[0] !== 0x5b || bytes[1] !== quote || bytes[bytes.length - 2] !== quote) return undefined;
  return isFrame(body.toString('utf8', 0, from), body.toString('utf8', to)) ? bytes : undefined;
}

/** What stands around the list is an object, and the list its `result`. */
function isFrame(head: string, tail: string): boolean {
  try {
    const frame: unknown = JSON.parse(`${head}null${tail}`);
    return frame !== null && typeof frame === 'object' && (frame as { result?: unknown }).result === null;
  } catch {
    return false;
  }
}

/** Keeps a list with its bytes, where it is worth it and the bytes leave no doubt where a member ends. */
export function keepList(body: Buffer, members: Members, least = longEnough): ListText | undefined {
  if (members.size < least) return undefined;
  const bytes = listIn(body);
  if (bytes === undefined || !isPrintableJson(bytes) || hasLoneComma(bytes)) return undefined;
  // What was not sorted, or held doubles, does not stand in the bytes as it stands in the set.
  const values = members.values();
  if (!Array.isArray(values) || !says(bytes, values as readonly string[])) return undefined;
  hasJsonBytes(members, bytes);
  return { bytes, members };
}

/**
 * The list that a body holds, made from the one before: only the members between the first and the last byte that differ
 * are parsed, all others stay the strings they are. For a million members of which a few changed that is the difference
 * between 5 and 150 ms, and a copy of all names less. Undefined where it cannot be told from the bytes alone; then the
 * body has to be parsed as a whole.
 */
export function nextList(before: ListText, body: Buffer): ListText | undefined {
  const bytes = listIn(body);
  if (bytes === undefined) return undefined;
  const old = before.bytes;
  const head = equalAtStart(old, bytes);
  const tail = equalAtEnd(old, bytes, Math.min(old.length, bytes.length) - head);
  // The first member that is not wholly among the equal bytes at the start: up to there both texts say the same.
  const from = head < 3 ? 1 : Math.max(1, old.lastIndexOf('","', head - 3) + 2);
  const boundary = old.indexOf('","', old.length - tail);
  const to = boundary < 0 ? old.length - 1 : boundary + 1;
  const newTo = bytes.length - (old.length - to);
  if (from >= newTo || newTo - from > bytes.length / 4) return undefined;
  const fresh = membersIn(bytes, from, newTo);
  if (fresh === undefined) return undefined;
  const start = positionOf(before.members, old, from);
  const end = to === old.length - 1 ? before.members.size : positionOf(before.members, old, to + 1);
  if (start === undefined || end === undefined || start > end) return undefined;
  const members = replacedAt(before.members, start, end, fresh);
  if (members === undefined || members.size > mostMembers) return undefined;
  hasJsonBytes(members, bytes);
  return { bytes, members };
}

/** A member that is a comma would look like the end of one and the beginning of the next. */
function hasLoneComma(bytes: Buffer): boolean {
  return bytes.includes(',","') || bytes.toString('latin1', 0, 4) === '[","';
}

/** The bytes are these members, in this order, and nothing else: no space, no double, no other order. */
function says(bytes: Buffer, values: readonly string[]): boolean {
  const text = JSON.stringify(values);
  return text.length === bytes.length && bytes.equals(Buffer.from(text));
}

function membersIn(bytes: Buffer, from: number, to: number): readonly string[] | undefined {
  // With the bytes around it: the comma of a boundary may be the old list's and a quote the new one's.
  const around = bytes.subarray(from - 1, Math.min(bytes.length, to + 3));
  if (!isPrintableJson(around) || hasLoneComma(around) || around.toString('latin1', 1, 4) === '","') return undefined;
  try {
    const values: unknown = JSON.parse(`[${bytes.toString('latin1', from, to)}]`);
    if (!Array.isArray(values) || !values.every(isMember)) return undefined;
    return values.reduce((length, value) => length + value.length + 3, -1) === to - from ? values : undefined;
  } catch {
    return undefined;
  }
}

function isMember(value: unknown): value is string {
  return typeof value === 'string' && value.length > 0 && value.length <= mostMemberBytes;
}

/** Where the member that begins at `offset` (its quote) stands in the set. */
function positionOf(members: Members, bytes: Buffer, offset: number): number | undefined {
  const end = bytes.indexOf(quote, offset + 1);
  if (bytes[offset] !== quote || bytes[offset - 1] !== (offset === 1 ? 0x5b : comma) || end < 0) return undefined;
  const member = bytes.toString('latin1', offset + 1, end);
  const values = members.values() as readonly string[];
  let low = 0;
  let high = values.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    // ASCII: the engine's own order is that of code points.
    if ((values[middle] as string) < member) low = middle + 1;
    else high = middle;
  }
  return values[low] === member ? low : undefined;
}

function equalAtStart(one: Buffer, other: Buffer): number {
  const most = Math.min(one.length, other.length);
  let equal = 0;
  for (let size = blockSize; size >= 1; size = Math.floor(size / 16)) {
    while (equal + size <= most && one.compare(other, equal, equal + size, equal, equal + size) === 0) equal += size;
  }
  return equal;
}

function equalAtEnd(one: Buffer, other: Buffer, most: number): number {
  const [a, b] = [one.length, other.length];
  let equal = 0;
  for (let size = blockSize; size >= 1; size = Math.floor(size / 16)) {
    while (equal + size <= most && one.compare(other, b - equal - size, b - equal, a - equal - size, a - equal) === 0) {
      equal += size;
    }
  }
  return equal;
}
