import { type TObject, type TSchema, Type } from 'typebox';
import type { Problem } from '../domain/problem.ts';
import { type Placer, check } from './check.ts';
import { environmentsSchema, sourceBase, targetBase } from './config-schema.ts';
import type { Finding } from '../domain/settings-check.ts';
import type { KindSchemas, TargetSchemas } from './kinds.ts';
import { Line } from './pieces.ts';
import { nearest, pathText, quoted } from './problems.ts';
import type { Path } from './yaml-reader.ts';

const composed = new WeakMap<TObject, TObject>();

/** A kind's own schema with what every entry has besides; unknown keys are refused unless the kind takes any. */
function withBase(own: TObject, base: Readonly<Record<string, TSchema>>): TObject {
  const known = composed.get(own);
  if (known !== undefined) return known;
  const fixed = Type.Object(base);
  const { properties, required, ...rest } = own as TObject & { required?: readonly string[] };
  const whole = {
    additionalProperties: false,
    ...rest,
    properties: { ...fixed.properties, ...properties },
    required: [...new Set([...(fixed.required ?? []), ...(required ?? [])])],
  } as unknown as TObject;
  composed.set(own, whole);
  return whole;
}

/** The schema of an entry of `sources` of that kind. The same object each time. */
export function sourceEntrySchema(own: TObject): TObject {
  return withBase(own, sourceBase);
}

/** The schema of an entry of `targets` of that kind. */
export function targetEntrySchema(kind: TargetSchemas): TObject {
  const environments = takesEnvironments(kind) && { environments: Type.Optional(environmentsSchema) };
  return withBase(kind.settings, { ...targetBase, ...environments });
}

/** A kind that finds the names in a list takes one; others name their environment otherwise, or none. */
function takesEnvironments(kind: TargetSchemas): boolean {
  return kind.environments({ environments: ['probe'] })?.includes('probe') ?? false;
}

/** The schema of what a flag file says to a target of that kind: its spec and `key`. */
export function specEntrySchema(own: TObject): TObject {
  const key = Type.Optional(Line({ maxLength: 1024, description: 'The key in this target, where it is another.' }));
  return withBase(own, { key });
}

/** One entry of `sources` or `targets`, by its kind. */
export interface CheckedEntry<Kind> {
  readonly kind: Kind | undefined;
  readonly problems: readonly Problem[];
}

interface EntryOptions {
  readonly base: Path;
  readonly place: Placer;
  readonly standIns?: (path: Path) => boolean;
}

const looseSource = Type.Object(sourceBase);
const looseTarget = Type.Object(targetBase);

/** Checks an entry of `sources` by its kind's schema (`opal` when it names none) and fills in defaults. */
export function checkSource(
  entry: Record<string, unknown>,
  kinds: KindSchemas,
  options: EntryOptions,
): CheckedEntry<KindSchemas['sources'][string]> {
  entry.type ??= 'opal';
  return checkEntry(entry, kinds.sources, kind => sourceEntrySchema(kind.settings), looseSource, 'source', options);
}

/** Checks an entry of `targets` by its kind's schema and fills in defaults. */
export function checkTarget(
  entry: Record<string, unknown>,
  kinds: KindSchemas,
  options: EntryOptions,
): CheckedEntry<KindSchemas['targets'][string]> {
  return checkEntry(entry, kinds.targets, targetEntrySchema, looseTarget, 'target', options);
}

function checkEntry<Kind>(
  entry: Record<string, unknown>,
  kinds: Readonly<Record<string, Kind>>,
  schemaOf: (kind: Kind) => TObject,
  loose: TObject,
  what: string,
  options: EntryOptions,
): CheckedEntry<Kind> {
  const { type } = entry;
  // The type decides the schema: while it is wrong, nothing but the common keys can be judged.
  if (typeof type !== 'string') return { kind: undefined, problems: check(loose, entry, options.place, options) };
  const kind = Object.hasOwn(kinds, type) ? kinds[type] : undefined;
  if (kind !== undefined) return { kind, problems: check(schemaOf(kind), entry, options.place, options) };
  const unknown: Problem = {
    code: `unknown-${what}-type`,
    message: `${quoted(pathText([...options.base, 'type']))}: there is no kind of ${what} called ${quoted(type)}.`,
    hint: nearest(type, Object.keys(kinds), `Kinds of ${what}s`),
    at: options.place([...options.base, 'type'], 'value'),
  };
  return { kind: undefined, problems: [unknown, ...check(loose, entry, options.place, options)] };
}

/** Gives findings their place. What stands in for a value that is not known yet cannot be judged. */
export function placeFindings(
  findings: readonly Finding[],
  { base, place, standIns }: EntryOptions,
): { readonly problems: readonly Problem[]; readonly warnings: readonly Problem[] } {
  const known = findings.filter(({ path }) => !standIns?.([...base, ...path]));
  const placed = (warning: boolean) =>
    known
      .filter(one => (one.warning ?? false) === warning)
      .map(({ path, problem }) => ({ ...problem, at: place([...base, ...path], 'value') }));
  return { problems: placed(false), warnings: placed(true) };
}
