import type { TObject, TSchema } from 'typebox';
import type { Problem } from '../domain/problem.ts';
import type { Placer } from './check.ts';
import { nearest, quoted } from './problems.ts';
import { pathKey } from './references.ts';
import type { Path } from './yaml-reader.ts';

/**
 * OPToggles read its configuration through a library that takes keys in any case, turns numbers into text where text
 * is wanted, and ignores keys it does not know. This brings such a value into the one form of a schema.
 */
export class KeyFolder {
  readonly problems: Problem[] = [];
  readonly warnings: Problem[] = [];
  /** Keys of ours, by path, that are written otherwise in the file. */
  readonly #written = new Map<string, string>();
  readonly #place: Placer;

  /** `place` finds paths as they are written in the file. */
  constructor(place: Placer) {
    this.#place = place;
  }

  /** Finds paths in our form. */
  readonly place: Placer = (path, part) => {
    const written = path.map((step, index) => this.#written.get(pathKey(path.slice(0, index + 1))) ?? step);
    return this.#place(written, part);
  };

  /** Says that the key at `path` is called `key` in the file. */
  writtenAs(path: Path, key: string): void {
    this.#written.set(pathKey(path), key);
  }

  /** The value with the schema's own keys; what the schema leaves open stays as it is. */
  fold(schema: TSchema, value: unknown, path: Path): unknown {
    const { type, items } = schema as { type?: string; items?: TSchema };
    if (type === 'string') return scalarText(value);
    if (type === 'array' && items !== undefined && Array.isArray(value)) {
      return value.map((item, index) => this.fold(items, item, [...path, index]));
    }
    if (type === 'object' && typeof value === 'object' && value !== null && !Array.isArray(value)) {
      return this.#object(schema as TObject, value as Record<string, unknown>, path);
    }
    return value;
  }

  #object(schema: TObject, value: Record<string, unknown>, path: Path): Record<string, unknown> {
    const result: Record<string, unknown> = {};
    const written = new Map<string, string>();
    const known = Object.keys(schema.properties ?? {});
    if (known.length === 0) return value;
    for (const [key, item] of Object.entries(value)) {
      const name = known.find(candidate => candidate.toLowerCase() === key.toLowerCase());
      const at = this.place([...path, key], 'key');
      if (name === undefined) {
        const message = `${quoted(key)} is not known here and is ignored.`;
        this.warnings.push({ code: 'unknown-key', message, hint: nearest(key, known, 'Known keys here'), at });
        continue;
      }
      const before = written.get(name);
      if (before !== undefined) {
        const { line, column } = this.place([...path, before], 'key');
        const message = `${quoted(key)} is already given as ${quoted(before)} at ${line}:${column}.`;
        this.problems.push({ code: 'yaml-duplicate-key', message, hint: 'Keep one.', at });
        continue;
      }
      written.set(name, key);
      if (name !== key) this.writtenAs([...path, name], key);
      result[name] = this.fold(schema.properties[name] as TSchema, item, [...path, name]);
    }
    return result;
  }
}

function scalarText(value: unknown): unknown {
  if (value === null) return '';
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : value;
}
