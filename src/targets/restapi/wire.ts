import type { JsonObject } from '../../domain/json.ts';
import { membersJsonBytes } from '../../domain/members-json.ts';
import type { Members } from '../../domain/members.ts';
import type { Problem } from '../../domain/problem.ts';
import type { ListingDraft } from '../../domain/target.ts';
import type { HttpRequest } from '../../lib/http.ts';

/** Fields of the wire that no spec may set. */
const ours = ['key', 'users'];

const json = { 'content-type': 'application/json' };

/** Reads a toggle. */
export function readRequest(key: string): HttpRequest {
  return { method: 'GET', path: `/${encodeURIComponent(key)}`, headers: { accept: 'application/json' } };
}

/** Creates a toggle that nobody has. */
export function createRequest(key: string, metadata: JsonObject): HttpRequest {
  return { method: 'POST', headers: json, body: JSON.stringify({ key, ...metadata }) };
}

/** Turns a set into the bytes of a JSON array. */
export type UsersBytes = (members: Members) => Uint8Array;

/** One set is turned into bytes once, however many toggles of a batch share it; forgotten with the batch. */
export function usersBytesOnce(): UsersBytes {
  const known = new Map<Members, Uint8Array>();
  return members => {
    let bytes = known.get(members);
    if (bytes === undefined) {
      bytes = membersJsonBytes(members);
      known.set(members, bytes);
    }
    return bytes;
  };
}

/** Says who has a toggle, and the rest of it. `users` is the text of a JSON array. */
export function updateRequest(key: string, metadata: JsonObject, users: Uint8Array): HttpRequest {
  const fields = JSON.stringify(metadata);
  const head = `${fields.slice(0, -1)}${fields === '{}' ? '' : ','}"users":`;
  const pieces = [Buffer.from(head), users, Buffer.from('}')];
  const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
  const body = length < worthPieces ? Buffer.concat(pieces, length) : { pieces, length };
  return { method: 'PATCH', path: `/${encodeURIComponent(key)}`, headers: json, body };
}

/** Bytes; a shorter body is joined, and sent at once. */
const worthPieces = 262_144;

/**
 * What is sent of a toggle besides `key` and `users`: its own fields, then the spec's. A toggle of OPToggles' old
 * configuration has no fields of its own, and there `key` and `users` in a spec are left out without a word, since that
 * file has to run as it is.
 */
export function metadataOf(draft: ListingDraft): JsonObject {
  const own = Object.fromEntries(
    Object.entries({
      name: draft.name,
      description: draft.description,
      owner: draft.owner,
      type: draft.type,
    }).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
  const spec = Object.fromEntries(Object.entries(draft.spec).filter(([field]) => !ours.includes(field)));
  return { ...own, ...spec };
}

/** Why this toggle cannot be written over this wire; undefined when it can. */
export function objection(draft: ListingDraft): Problem | undefined {
  const reserved = ours.filter(field => Object.hasOwn(draft.spec, field));
  if (reserved.length > 0 && draft.name !== undefined) {
    return {
      code: 'reserved-field',
      message: `${draft.toggle}: targets.${draft.target} sets ${reserved.join(' and ')}, which OPToggles writes itself.`,
      hint: 'Take it out of the flag file: the users come from usersPolicy.',
    };
  }
  // `.` and `..` mean folders in a URL, encoded or not; a lone surrogate cannot be encoded at all.
  if (draft.key === '' || draft.key === '.' || draft.key === '..' || !draft.key.isWellFormed()) {
    return {
      code: 'unaddressable-key',
      message: `${draft.toggle}: its key in ${draft.target} cannot be part of a web address.`,
      hint: `Give it another one: targets.${draft.target}.key.`,
    };
  }
  if (draft.contextKind !== 'user') {
    return {
      code: 'context-kind',
      message: `${draft.toggle}: ${draft.target} knows users only, not ${draft.contextKind}.`,
      hint: `Leave ${draft.target} out of the toggle's targets, or use contextKind: user.`,
    };
  }
  return undefined;
}
