import type { TObject } from 'typebox';
import { configSchema, sourceBase, targetBase } from '../../src/load/config-schema.ts';
import { sourceEntrySchema, specEntrySchema, targetEntrySchema } from '../../src/load/entries.ts';
import { flagSchema } from '../../src/load/flag-schema.ts';
import type { KindSchemas } from '../../src/load/kinds.ts';
import { literalEntryKeys } from '../../src/load/references.ts';

type Schema = { [key: string]: unknown };

const draft = 'https://json-schema.org/draft/2020-12/schema';

/** `schemas/flag.schema.json`: what a target is told is checked by whichever kind fits, since names tell no kind. */
export function flagEditorSchema(kinds: KindSchemas): Schema {
  const schema = optionalWhereDefault(plain(flagSchema));
  const specs = Object.values(kinds.targets).map(({ spec }) => optionalWhereDefault(plain(specEntrySchema(spec))));
  const { targets } = schema.properties as { targets: { patternProperties: Schema } };
  const [pattern] = Object.keys(targets.patternProperties);
  if (pattern !== undefined && specs.length > 0) targets.patternProperties[pattern] = { anyOf: specs };
  return { $schema: draft, ...schema };
}

/** `schemas/config.schema.json`: each entry of `sources` and `targets` by its `type`; text may be a reference. */
export function configEditorSchema(kinds: KindSchemas): Schema {
  const schema = withReferences(optionalWhereDefault(plain(configSchema)), '');
  const { sources, targets } = schema.properties as { sources: Schema; targets: Schema };
  sources.items = entries(kinds.sources, plain(sourceBase), kind => sourceEntrySchema(kind.settings), 'opal');
  targets.items = entries(kinds.targets, plain(targetBase), targetEntrySchema, undefined);
  return { $schema: draft, ...schema };
}

function entries<Kind>(
  kinds: Readonly<Record<string, Kind>>,
  base: Schema,
  schemaOf: (kind: Kind) => TObject,
  byDefault: string | undefined,
): Schema {
  const types = Object.keys(kinds);
  const type = { ...(base.type as Schema), enum: types };
  return {
    type: 'object',
    required: byDefault === undefined ? ['type'] : [],
    properties: { type },
    allOf: types.map(name => ({
      if: { properties: { type: { const: name } }, ...(name !== byDefault && { required: ['type'] }) },
      // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
      // oxlint-disable-next-line unicorn/no-thenable
      then: entry(plain(schemaOf(kinds[name] as Kind)), type),
    })),
  };
}

function entry(schema: Schema, type: Schema): Schema {
  const relaxed = optionalWhereDefault(schema);
  const properties = Object.entries(relaxed.properties as Record<string, Schema>).map(([key, own]) => {
    return [key, literalEntryKeys.has(key) ? own : withReferences(own, key)];
  });
  return { ...relaxed, properties: { ...Object.fromEntries(properties), type } };
}

/** Without what only the library sees. */
function plain(schema: unknown): Schema {
  return JSON.parse(JSON.stringify(schema)) as Schema;
}

/** A key with a default need not be written. */
function optionalWhereDefault(schema: Schema): Schema {
  const below = mapSchemas(schema, optionalWhereDefault);
  const { required, properties } = below as { required?: string[]; properties?: Record<string, Schema> };
  if (required === undefined || properties === undefined) return below;
  return { ...below, required: required.filter(key => properties[key]?.default === undefined) };
}

/** Text with a rule may as well be a reference, whose value is judged when the program runs. */
function withReferences(schema: Schema, key: string): Schema {
  if (key === 'version' || key === 'guard' || key === 'flags') return schema;
  const { type, enum: allowed, pattern, format, minLength, description, default: fallback, ...rest } = schema;
  const ruled = [allowed, pattern, format, minLength].some(rule => rule !== undefined);
  if (ruled && (type === 'string' || allowed !== undefined)) {
    const own = Object.fromEntries(
      Object.entries({ type, enum: allowed, pattern, format, minLength, ...rest }).filter(
        ([, value]) => value !== undefined,
      ),
    );
    return {
      ...(description !== undefined && { description }),
      ...(fallback !== undefined && { default: fallback }),
      anyOf: [own, { type: 'string', pattern: '\\$\\{.+\\}' }],
    };
  }
  return mapSchemas(schema, withReferences);
}

/** The same schema with every schema in it turned. */
function mapSchemas(schema: Schema, turn: (schema: Schema, key: string) => Schema): Schema {
  const result: Schema = { ...schema };
  for (const group of ['properties', 'patternProperties']) {
    const members = schema[group] as Record<string, Schema> | undefined;
    if (members === undefined) continue;
    result[group] = Object.fromEntries(Object.entries(members).map(([key, member]) => [key, turn(member, key)]));
  }
  if (isSchema(schema.items)) result.items = turn(schema.items, '');
  for (const group of ['anyOf', 'oneOf', 'allOf']) {
    if (Array.isArray(schema[group])) result[group] = (schema[group] as Schema[]).map(member => turn(member, ''));
  }
  return result;
}

function isSchema(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
