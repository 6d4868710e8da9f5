import { canonicalJson, type Json, type JsonObject } from '../../domain/json.ts';

/** What is wanted of each toggle besides its users, beside what the target shows of it. */
export interface ShownMetadata {
  /** From now on this is wanted. */
  want(key: string, metadata: JsonObject): void;
  /** It was written. */
  written(key: string): void;
  /**
   * The wanted fields with the values that the target shows. A field that it does not show counts as it is wanted, and
   * a field that nobody wanted does not count: targets add ids and dates of their own. Undefined: nothing is wanted.
   */
  compare(key: string, shown: JsonObject): JsonObject | undefined;
}

interface Entry {
  readonly wanted: JsonObject;
  /** The difference that was reported last, and whether it was written over since. */
  differed?: string;
  written: boolean;
  /** A difference that came back after it was written over: the target keeps that field its own way. */
  settled?: string;
}

/**
 * Remembers, too, which differences are the target's own doing (a name cut short, tags in another order): those are
 * written over once, and never again until something else is wanted.
 */
export function shownMetadata(): ShownMetadata {
  const entries = new Map<string, Entry>();

  return {
    want(key, metadata) {
      const known = entries.get(key);
      if (known !== undefined && canonicalJson(known.wanted) === canonicalJson(metadata)) return;
      entries.set(key, { wanted: metadata, written: false });
    },
    written(key) {
      const entry = entries.get(key);
      if (entry !== undefined) entry.written = true;
    },
    compare(key, shown) {
      const entry = entries.get(key);
      if (entry === undefined) return undefined;
      const { wanted } = entry;
      const found = projected(wanted, shown);
      const text = canonicalJson(found);
      if (text === canonicalJson(wanted) || text === entry.settled) return wanted;
      if (entry.written && text === entry.differed) {
        entry.settled = text;
        return wanted;
      }
      entry.differed = text;
      entry.written = false;
      return found;
    },
  };
}

function projected(wanted: JsonObject, shown: JsonObject): JsonObject {
  const result: Record<string, Json> = {};
  for (const [field, value] of Object.entries(wanted)) {
    result[field] = (Object.hasOwn(shown, field) ? shown[field] : undefined) ?? value;
  }
  return result;
}
