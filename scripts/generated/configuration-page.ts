import { configSchema, sourceBase, targetBase } from '../../src/load/config-schema.ts';
import { sourceEntrySchema, specEntrySchema, targetEntrySchema } from '../../src/load/entries.ts';
import { flagSchema } from '../../src/load/flag-schema.ts';
import type { KindSchemas } from '../../src/load/kinds.ts';
import { durationPattern } from '../../src/lib/duration.ts';
import { intro, flagIntro, outro } from './configuration-text.ts';

interface Schema {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly pattern?: string;
  readonly format?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly patternProperties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
}

/** `docs/configuration.md`: the reference of everything that can be written in the two kinds of file. */
export function configurationPage(kinds: KindSchemas): string {
  const parts = [intro, table(configSchema)];
  parts.push('## Sources', 'Every entry of `sources` has:', table({ properties: sourceBase }, ['id']));
  for (const [type, kind] of sorted(kinds.sources)) {
    parts.push(
      `### Source \`${type}\``,
      ...about(kind.settings),
      table(sourceEntrySchema(kind.settings), [], Object.keys(sourceBase)),
    );
  }
  parts.push('## Targets', 'Every entry of `targets` has:', table({ properties: targetBase }, ['name', 'type']));
  for (const [type, kind] of sorted(kinds.targets)) {
    parts.push(
      `### Target \`${type}\``,
      ...about(kind.settings),
      table(targetEntrySchema(kind), [], Object.keys(targetBase)),
    );
  }
  parts.push(flagIntro, table(flagSchema));
  for (const [type, kind] of sorted(kinds.targets)) {
    parts.push(
      `### What a flag says to a target of type \`${type}\``,
      ...about(kind.spec),
      table(specEntrySchema(kind.spec)),
    );
  }
  return `${[...parts, outro].join('\n\n')}\n`;
}

function about({ description }: Schema): string[] {
  return description === undefined ? [] : [description];
}

function sorted<Kind>(kinds: Readonly<Record<string, Kind>>): [string, Kind][] {
  return Object.entries(kinds).sort(([a], [b]) => (a < b ? -1 : 1));
}

/** One row per key, nested keys under the path that leads to them. */
function table(schema: object, required: readonly string[] = [], without: readonly string[] = []): string {
  const rows = rowsOf(schema as Schema, '', required).filter(({ path }) => !without.includes(path));
  if (rows.length === 0) return 'Nothing of its own.';
  const lines = rows.map(({ path, type, value, what }) => `| \`${path}\` | ${type} | ${value} | ${what} |`);
  return ['| key | type | default | meaning |', '| --- | --- | --- | --- |', ...lines].join('\n');
}

interface Row {
  readonly path: string;
  readonly type: string;
  readonly value: string;
  readonly what: string;
}

function rowsOf(schema: Schema, prefix: string, needed: readonly string[] = []): Row[] {
  const required = [...(schema.required ?? []), ...needed];
  return Object.entries(schema.properties ?? {}).flatMap(([key, member]) => {
    const path = prefix + key;
    const value = defaultOf(member) ?? (required.includes(key) ? '**required**' : '');
    const row = { path, type: cell(typeOf(member)), value: cell(value), what: cell(member.description ?? '') };
    return [row, ...below(member, path)];
  });
}

function below(schema: Schema, path: string): Row[] {
  const [record] = Object.values(schema.patternProperties ?? {});
  return [
    ...rowsOf(schema, `${path}.`),
    ...(schema.anyOf ?? []).flatMap(one => rowsOf(one, `${path}.`)),
    ...(record === undefined ? [] : rowsOf(record, `${path}.<name>.`)),
    ...(schema.items === undefined ? [] : rowsOf(schema.items, `${path}[].`)),
  ];
}

function defaultOf(schema: Schema): string | undefined {
  const { default: value } = schema;
  if (value === undefined || (typeof value === 'object' && value !== null && Object.keys(value).length === 0)) {
    return value === undefined ? undefined : '';
  }
  return value === '' ? '' : `\`${JSON.stringify(value).replaceAll('"', '')}\``;
}

function typeOf(schema: Schema): string {
  if (schema.anyOf !== undefined) return [...new Set(schema.anyOf.map(typeOf))].join(' or ');
  if (schema.const !== undefined) return `\`${JSON.stringify(schema.const)}\``;
  if (schema.enum !== undefined) return schema.enum.map(value => `\`${String(value)}\``).join(', ');
  if (schema.pattern === durationPattern) return 'duration';
  if (schema.format === 'date') return 'date';
  switch (schema.type) {
    case 'string':
      return 'text';
    case 'integer':
      return 'whole number';
    case 'boolean':
      return '`true`, `false`';
    case 'array':
      return schema.items?.type === undefined ? 'list' : `list of ${plural(typeOf(schema.items))}`;
    case 'object':
      return 'mapping';
    case 'null':
      return '`null`';
    case 'number':
      return 'number';
    case undefined:
    default:
      return 'anything';
  }
}

function plural(type: string): string {
  return type === 'text' ? 'texts' : `${type}s`;
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ');
}
