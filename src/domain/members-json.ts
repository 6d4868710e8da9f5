import { type Members, sortedOf } from './members.ts';

const jsonTexts = new WeakMap<Members, string>();

/** The set as the text of a JSON array, made once per set, however many toggles share it. */
export function membersJson(members: Members): string {
  let text = jsonTexts.get(members);
  if (text === undefined) {
    text = JSON.stringify(sortedOf(members));
    jsonTexts.set(members, text);
  }
  return text;
}

/** Whoever has them holds them: of a million members they are 27 MB, needed for one write. */
const jsonBytes = new WeakMap<Members, WeakRef<Uint8Array>>();

/** Somebody has the bytes of the set's JSON array already, as `membersJsonBytes` would make them. */
export function hasJsonBytes(members: Members, bytes: Uint8Array): void {
  jsonBytes.set(members, new WeakRef(bytes));
}

/** The set as the bytes of a JSON array, kept for nobody: share them among the toggles of one write. */
export function membersJsonBytes(members: Members): Uint8Array {
  return jsonBytes.get(members)?.deref() ?? Buffer.from(JSON.stringify(sortedOf(members)));
}
