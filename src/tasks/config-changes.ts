import type { Config } from '../domain/config.ts';
import type { Place, Problem } from '../domain/problem.ts';
import type { KindSchemas } from '../load/kinds.ts';
import { pathText, quoted } from '../load/problems.ts';
import { parseYaml, type YamlDocument } from '../load/yaml.ts';
import { configLimit } from '../load/text-file.ts';
import { type Checkout, fromRoot, loadCheckout, readInside } from './checkout.ts';

export interface ConfigChanges {
  /** The configuration's text is another one. */
  readonly changed: boolean;
  /** What of it a pull request may not change. */
  readonly refused: readonly Problem[];
  /** Sentences: what protects less than before, or reaches further. */
  readonly weaker: readonly string[];
}

interface LoadOptions {
  readonly kinds: KindSchemas;
  readonly env: Readonly<Record<string, string | undefined>>;
}

type Path = readonly (string | number)[];

const nothing: ConfigChanges = { changed: false, refused: [], weaker: [] };

/**
 * What a change does to the configuration, without secrets and network. A configuration that cannot be read has no
 * changes here: it is an error elsewhere.
 */
export async function configChanges(base: Checkout, head: Checkout, options: LoadOptions): Promise<ConfigChanges> {
  const [before, after] = await Promise.all([textOf(base), textOf(head)]);
  if (before === undefined || after === undefined || before === after) return nothing;
  const [old, now] = [before, after].map(text => parseYaml(text, 'config', { aliases: 100, mergeKeys: true }));
  const addresses = addressChanges(old as YamlDocument, now as YamlDocument, fromRoot(head, baseName(head)));
  const configs = await Promise.all([base, head].map(checkout => configOf(checkout, options)));
  const [was, is] = configs;
  const weaker = was === undefined || is === undefined ? [] : weakened(was, is);
  return { changed: true, refused: addresses.refused, weaker: [...weaker, ...addresses.added] };
}

function baseName({ config }: Checkout): string {
  return config.split(/[\\/]/).at(-1) ?? config;
}

async function textOf(checkout: Checkout): Promise<string | undefined> {
  return (await readInside(checkout, checkout.config, configLimit))?.toString('utf8');
}

async function configOf(checkout: Checkout, options: LoadOptions): Promise<Config | undefined> {
  const how = { ...options, secrets: 'check', purpose: 'look' } as const;
  return loadCheckout(checkout, how).then(
    ({ config }) => config,
    () => undefined,
  );
}

interface Address {
  readonly path: Path;
  /** Where it leads to: scheme and host, or the text as it stands where a variable makes part of it. */
  readonly host: string;
}

function addressChanges(
  old: YamlDocument,
  now: YamlDocument,
  file: string,
): { readonly refused: Problem[]; readonly added: string[] } {
  const before = addressesIn(old.value);
  const after = addressesIn(now.value);
  const entries = new Set([...before.keys()].map(entryOf));
  const oldEntries = new Set([...entryNames(old.value), ...entries]);
  const refused: Problem[] = [];
  const added: string[] = [];
  for (const [name, { path, host }] of after) {
    const was = before.get(name)?.host;
    if (was === host) continue;
    if (!oldEntries.has(entryOf(name))) {
      added.push(
        `A new address, at ${quoted(pathText(path))}, is written to or asked with what the configuration gives it.`,
      );
      continue;
    }
    const at: Place = { ...now.place(path, 'value'), file };
    refused.push({ ...hostChanged(path), at });
  }
  for (const [name, { path }] of before) {
    const entry = entryNames(now.value).indexOf(entryOf(name));
    if (after.has(name) || entry < 0) continue;
    const at: Place = { ...now.place(path.slice(0, 1), 'key'), file };
    refused.push({ ...hostChanged(path), at });
  }
  const secrets = [...referencesIn(now.value)].filter(name => !referencesIn(old.value).has(name)).sort();
  for (const name of secrets) added.push(`Another secret is used: ${quoted(name)}.`);
  return { refused, added };
}

function hostChanged(path: Path): Problem {
  return {
    code: 'host-changed',
    message: `${quoted(pathText(path))} leads to another host than on the base branch: tokens, users or news would be sent there.`,
    hint: 'No check passes a change of host. Somebody who may merge past it has to look at the address first.',
  };
}

/** `sources/opa`, of `sources/opa/opa/url`. */
function entryOf(name: string): string {
  return name.split('\n').slice(0, 2).join('\n');
}

/** Lists of what is asked, written to, or told. */
const lists = ['sources', 'targets', 'notify'];

function entryNames(value: unknown): string[] {
  const root = recordOf(value);
  return lists.flatMap(list => listOf(root[list]).map((entry, index) => `${list}\n${nameOf(entry, index)}`));
}

/** What an entry of a list is called; those of `notify` have no names and go by their places. */
function nameOf(entry: unknown, index: number): string {
  const { id, name } = recordOf(entry);
  const called = id ?? name;
  return typeof called === 'string' ? called : String(index);
}

/** Addresses by what they belong to: entries by their names, because their order means nothing. */
function addressesIn(value: unknown): Map<string, Address> {
  const found = new Map<string, Address>();
  const root = recordOf(value);
  for (const list of lists) {
    for (const [index, entry] of listOf(root[list]).entries()) {
      walk(entry, [list, index], [list, nameOf(entry, index)], found);
    }
  }
  walk(root.flags, ['flags'], ['flags', ''], found);
  // Of OPToggles' old configuration.
  walk(root.target, ['target'], ['target', ''], found);
  return found;
}

const addressKey = /(url|address|host|endpoint|uri|git)$/i;

function walk(value: unknown, path: Path, names: readonly string[], found: Map<string, Address>): void {
  if (typeof value === 'string') {
    const key = String(path.at(-1));
    if (value.includes('://') || addressKey.test(key)) found.set(names.join('\n'), { path, host: hostOf(value) });
    return;
  }
  if (typeof value !== 'object' || value === null) return;
  for (const [key, item] of Object.entries(value)) {
    walk(item, [...path, Array.isArray(value) ? Number(key) : key], [...names, key], found);
  }
}

function hostOf(text: string): string {
  const url = text.includes('${') ? null : URL.parse(text);
  return url === null || url.host === '' ? text : `${url.protocol}//${url.host}`;
}

function referencesIn(value: unknown): ReadonlySet<string> {
  const text = JSON.stringify(value) ?? '';
  return new Set([...text.matchAll(/\$\{(file:[^}]+|[A-Za-z_][A-Za-z0-9_]*)/g)].map(match => match[1] ?? ''));
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function recordOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
}

/** In the order in which an operator would ask. */
function weakened(was: Config, is: Config): string[] {
  const said: string[] = [];
  if (was.instance !== is.instance) {
    said.push(
      `The instance is called ${quoted(is.instance)}, not ${quoted(was.instance)}: what was written before belongs to nobody.`,
    );
  }
  if (was.onRemoved !== is.onRemoved) said.push(`"onRemoved" changes from ${was.onRemoved} to ${is.onRemoved}.`);
  said.push(...guardChanges(was, is));
  for (const source of was.sources) {
    const now = is.sources.find(({ id }) => id === source.id);
    if (now === undefined) {
      said.push(`The source ${quoted(source.id)} goes.`);
      continue;
    }
    for (const key of ['sentinels', 'packages'] as const)
      said.push(...lostEntries(source.id, key, source.settings, now.settings));
  }
  for (const target of was.targets) {
    const now = is.targets.find(({ name }) => name === target.name);
    if (now === undefined)
      said.push(`The target ${quoted(target.name)} goes: its flags are left as they are, open ones too.`);
    else if (now.policy !== target.policy) {
      said.push(`"policy" of the target ${quoted(target.name)} changes from ${target.policy} to ${now.policy}.`);
    }
  }
  if ((is.maxHold ?? Infinity) > (was.maxHold ?? Infinity)) {
    said.push('"maxHold" is longer, or gone: users stay for longer while policy has no answer.');
  }
  if ((is.notify?.length ?? 0) < (was.notify?.length ?? 0)) said.push('"notify": fewer are told of trouble.');
  if (!was.drift.reopen && is.drift.reopen) said.push('"drift.reopen": what was switched off by hand is opened again.');
  if (!was.publicStatus && is.publicStatus) said.push('"publicStatus": anybody may read the status.');
  return said;
}

function guardChanges(was: Config, is: Config): string[] {
  const said: string[] = [];
  for (const key of Object.keys(was.guard) as (keyof Config['guard'])[]) {
    const [old, now] = [was.guard[key] ?? Infinity, is.guard[key] ?? Infinity];
    // Over a shorter time less is counted.
    const isLooser = key === 'window' ? now < old : now > old;
    const shown = (value: number) => (value === Infinity ? 'no limit' : key === 'window' ? `${value / 1000} s` : value);
    if (isLooser) said.push(`"guard.${key}" is looser: ${shown(now)} instead of ${shown(old)}.`);
  }
  return said;
}

/** Fewer sentinels prove less; an allow-list that is longer, or gone, allows more. */
function lostEntries(
  id: string,
  key: 'sentinels' | 'packages',
  was: Readonly<Record<string, unknown>>,
  is: Readonly<Record<string, unknown>>,
): string[] {
  const [old, now] = [was[key], is[key]].map(list => listOf(list).map(item => JSON.stringify(item)));
  if (old === undefined || now === undefined) return [];
  const source = `of the source ${quoted(id)}`;
  if (key === 'sentinels') {
    const lost = old.filter(one => !now.includes(one));
    return lost.length === 0 ? [] : [`${lost.length} of ${old.length} "sentinels" ${source} go.`];
  }
  if (old.length === 0) return [];
  if (now.length === 0) return [`"packages" ${source} goes: it may be asked for every package.`];
  const more = now.filter(one => !old.includes(one));
  return more.length === 0 ? [] : [`"packages" ${source} allows ${more.length} more.`];
}
