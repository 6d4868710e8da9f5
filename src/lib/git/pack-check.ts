import { createHash } from 'node:crypto';
import { inflateSync } from 'node:zlib';

/** Of one object unpacked, in bytes: a flag file has 256 kB, the rest is what a repository may hold beside them. */
const largestObject = 32 * 1024 * 1024;
/** Of all objects that are no deltas, unpacked. */
const largestPack = 1024 ** 3;
/**
 * Of what all deltas become, together: each is made whole to be named. A history of ten thousand versions of a large tree
 * is some gigabytes; a few kilobytes that stand for a terabyte are nobody's history.
 */
const mostOfDeltas = 16 * 1024 ** 3;
const mostObjects = 2_000_000;

/**
 * Takes the pack out of the answer of `git-upload-pack` (pkt-lines with side band, gitprotocol-pack). Undefined: there
 * is none. Throws a RangeError for an answer that is cut off or none, with what the server said on band 3.
 */
export function packOf(answer: Buffer): Buffer | undefined {
  const pieces: Buffer[] = [];
  let ended = false;
  for (let at = 0; at < answer.length; ) {
    const digits = answer.toString('latin1', at, at + 4);
    if (!/^[0-9a-f]{4}$/i.test(digits)) throw new RangeError(at === 0 ? 'no pkt-lines' : 'cut off');
    const length = Number.parseInt(digits, 16);
    if (length < 4) {
      ended = length === 0;
      at += 4;
      continue;
    }
    if (at + length > answer.length) throw new RangeError('cut off');
    const band = answer[at + 4];
    const rest = answer.subarray(at + 5, at + length);
    if (band === 1) pieces.push(rest);
    if (band === 3) throw new RangeError('the server gave up');
    ended = false;
    at += length;
  }
  if (pieces.length === 0) return undefined;
  if (!ended) throw new RangeError('cut off');
  return Buffer.concat(pieces);
}

/**
 * Checks a pack before anybody unpacks it into memory: its checksum, and that no object is or becomes larger than can be
 * held (gitformat-pack). `mostUnpacked` (bytes): of everything together, where less than the limits of a whole history
 * is enough. Throws a RangeError that says what is wrong, a PackTooLarge where it is the size.
 */
export function checkPack(pack: Buffer, mostUnpacked = Number.POSITIVE_INFINITY): void {
  if (pack.length < 32 || pack.toString('latin1', 0, 4) !== 'PACK') throw new RangeError('no pack');
  const end = pack.length - 20;
  if (!createHash('sha1').update(pack.subarray(0, end)).digest().equals(pack.subarray(end))) {
    throw new RangeError('a pack with a wrong checksum');
  }
  const count = pack.readUInt32BE(8);
  if (count > mostObjects) throw new PackTooLarge(`${count} objects`);
  let total = 0;
  let deltas = 0;
  let at = 12;
  for (let index = 0; index < count; index++) {
    const head = headerAt(pack, at);
    total += head.size;
    if (head.size > largestObject || total > largestPack) throw new PackTooLarge('an object is too large unpacked');
    const { buffer, used } = inflate(pack.subarray(head.data, end), head.size);
    const becomes = head.isDelta ? deltaResult(buffer) : 0;
    deltas += becomes;
    if (becomes > largestObject) throw new PackTooLarge('an object is too large unpacked');
    if (deltas > mostOfDeltas || total + deltas > mostUnpacked)
      throw new PackTooLarge('what is new in it is more than fits, unpacked');
    at = head.data + used;
  }
}

/** What a pack holds is more than can be held in memory. */
export class PackTooLarge extends RangeError {}

/** Type and size, then for deltas where their base is. */
function headerAt(pack: Buffer, start: number): { size: number; isDelta: boolean; data: number } {
  let at = start;
  let byte = byteAt(pack, at++);
  const type = (byte >> 4) & 7;
  let size = byte & 15;
  for (let factor = 16; byte >= 128; factor *= 128) {
    byte = byteAt(pack, at++);
    size += (byte & 127) * factor;
  }
  if (type === 6) while (byteAt(pack, at++) >= 128);
  if (type === 7) at += 20;
  return { size, isDelta: type === 6 || type === 7, data: at };
}

function inflate(bytes: Buffer, size: number): { buffer: Buffer; used: number } {
  try {
    const options = { info: true, maxOutputLength: Math.max(1, size) };
    const found = inflateSync(bytes, options) as unknown as { buffer: Buffer; engine: { bytesWritten: number } };
    if (found.buffer.length !== size) throw new RangeError('an object of a wrong size');
    return { buffer: found.buffer, used: found.engine.bytesWritten };
  } catch {
    throw new RangeError('an object that cannot be unpacked');
  }
}

/** A delta begins with the sizes of its base and of its result. */
function deltaResult(delta: Buffer): number {
  let at = 0;
  while (byteAt(delta, at++) >= 128);
  let size = 0;
  for (let factor = 1; ; factor *= 128) {
    const byte = byteAt(delta, at++);
    size += (byte & 127) * factor;
    if (byte < 128) return size;
  }
}

function byteAt(bytes: Buffer, at: number): number {
  const byte = bytes[at];
  if (byte === undefined) throw new RangeError('a pack that is cut off');
  return byte;
}
