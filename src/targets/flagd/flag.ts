import type { Json, JsonObject } from '../../domain/json.ts';
import { type Members, noMembers } from '../../domain/members.ts';
import type { WayIn } from '../../domain/listing.ts';
import { membersAt } from '../../lib/json-text.ts';
import { type Groups, hasOnly } from './groups.ts';

/** Keys of `metadata` that carry what flagd itself has no place for. A toggle's own metadata cannot use them. */
export const ownMetadata = ['managedBy', 'state', 'users', 'removed'] as const;

/** What a flag's text says, as far as it concerns who is let in. */
export interface FlagView {
  /** `managedBy`; undefined: no mark. */
  readonly mark: string | undefined;
  readonly metadata: JsonObject;
  readonly removed: boolean;
  readonly on: boolean;
  readonly who: Members;
  readonly waysIn: readonly WayIn[];
  /** Its variants are not all true or false. */
  readonly notBoolean: boolean;
}

/** A flag of ours, as it is to be written. `group`: the evaluator of `who`, undefined where the list stands in the flag. */
export interface OwnFlag {
  readonly mark: string;
  readonly metadata: JsonObject;
  readonly on: boolean;
  readonly removed: boolean;
  readonly who: { readonly group: string } | { readonly rule: string } | undefined;
}

/** The text of a flag of ours: always ENABLED and off by default, so that no application falls back to its own default. */
export function flagText(flag: OwnFlag): string {
  const { who } = flag;
  const lines = ['"state": "ENABLED"', '"variants": { "on": true, "off": false }', '"defaultVariant": "off"'];
  if (flag.on && who !== undefined) {
    const rule = 'group' in who ? `{"$ref":${JSON.stringify(who.group)}}` : who.rule;
    lines.push(`"targeting": {"if":[${rule},"on","off"]}`);
  }
  const kept = !flag.on && who !== undefined && 'group' in who ? who.group : undefined;
  lines.push(`"metadata": ${metadataText(flag, kept)}`);
  return `{\n${lines.map(line => `      ${line}`).join(',\n')}\n    }`;
}

function metadataText(flag: Pick<OwnFlag, 'mark' | 'metadata' | 'on' | 'removed'>, users: string | undefined): string {
  const all: Record<string, Json> = {
    managedBy: flag.mark,
    state: flag.on ? 'on' : 'off',
    ...(users !== undefined && { users }),
    ...(flag.removed && { removed: true }),
    ...flag.metadata,
  };
  const lines = Object.entries(all).map(([key, value]) => `        ${JSON.stringify(key)}: ${JSON.stringify(value)}`);
  return `{\n${lines.join(',\n')}\n      }`;
}

/** The same flag with other metadata; who is let in stays as it stands there, by whatever hand. */
export function withMetadata(text: string, metadata: JsonObject, mark: string): string {
  const members = membersAt(text, 0);
  const old = members.find(({ key }) => key === 'metadata');
  if (old === undefined) return text;
  const { state, users, removed } = JSON.parse(text.slice(old.from, old.to)) as Readonly<Record<string, unknown>>;
  const kept = typeof users === 'string' ? users : undefined;
  const fresh = metadataText({ mark, metadata, on: state !== 'off', removed: removed === true }, kept);
  return text.slice(0, old.from) + fresh + text.slice(old.to);
}

const openDefault = (what: string): WayIn => ({ kind: 'default', what, open: true });

/** Reads a flag, ours or not. `evaluators` are those of its file. */
export function viewFlag(text: string, evaluators: ReadonlyMap<string, string>, groups: Groups): FlagView {
  const flag = asObject(JSON.parse(text));
  const metadata = asObject(flag['metadata']);
  const { managedBy, state, users, removed, ...rest } = metadata;
  const variants = asObject(flag['variants']);
  const serves = (variant: unknown) => servedBy(variants, variant);
  const fallback = flag['defaultVariant'];
  const waysIn: WayIn[] = [];
  if (flag['state'] !== 'ENABLED') waysIn.push(openDefault('it is DISABLED: applications serve their own default'));
  if (serves(fallback) !== false) waysIn.push(openDefault('the default variant is not off'));
  const target = readTargeting(flag['targeting'], serves, evaluators, groups);
  waysIn.push(...target.waysIn);
  const kept = !target.some && typeof users === 'string' && state === 'off' ? evaluators.get(users) : undefined;
  return {
    mark: typeof managedBy === 'string' ? managedBy : undefined,
    metadata: rest as JsonObject,
    removed: removed === true,
    on: flag['state'] === 'ENABLED' && (target.some || state !== 'off'),
    who: kept === undefined ? target.who : (groups.keptIn(kept) ?? noMembers),
    waysIn,
    notBoolean: Object.values(variants).some(value => typeof value !== 'boolean'),
  };
}

/** What a variant serves: true, false, or undefined where the application's own default is served. */
function servedBy(variants: Readonly<Record<string, unknown>>, variant: unknown): unknown {
  const name = typeof variant === 'boolean' ? String(variant) : variant;
  return typeof name === 'string' && Object.hasOwn(variants, name) ? variants[name] : undefined;
}

interface Targeting {
  /** There is a rule at all. */
  readonly some: boolean;
  readonly who: Members;
  readonly waysIn: readonly WayIn[];
}

/** Exactly `{"if":[LIST,"on","off"]}` is ours; every other rule beside or around the list is a way in. */
function readTargeting(
  targeting: unknown,
  serves: (variant: unknown) => unknown,
  evaluators: ReadonlyMap<string, string>,
  groups: Groups,
): Targeting {
  if (targeting === undefined || isEmptyObject(targeting)) return { some: false, who: noMembers, waysIn: [] };
  const steps =
    hasOnly(targeting, 'if') && Array.isArray(targeting.if) ? (targeting.if as readonly unknown[]) : undefined;
  if (steps === undefined) return { some: true, who: noMembers, waysIn: [rule(1, true)] };
  const waysIn: WayIn[] = [];
  let who: Members | undefined;
  let at = 0;
  for (; at + 1 < steps.length; at += 2) {
    const isOpen = serves(steps[at + 1]) !== false;
    const listed = isOpen && who === undefined ? membersOfRule(steps[at], evaluators, groups) : undefined;
    if (listed === undefined) waysIn.push(rule(at / 2 + 1, isOpen));
    else who = listed;
  }
  // Without an else the default variant is served, and that is judged for itself.
  if (at < steps.length && serves(steps[at]) !== false) {
    waysIn.push({ kind: 'fallthrough', what: 'the rules end with a variant that is not off', open: true });
  }
  if (steps.length !== 3 && waysIn.length === 0) waysIn.push(rule(1, false));
  return { some: true, who: who ?? noMembers, waysIn };
}

function membersOfRule(rule: unknown, evaluators: ReadonlyMap<string, string>, groups: Groups): Members | undefined {
  if (!hasOnly(rule, '$ref')) return groups.listed(rule);
  const text = typeof rule.$ref === 'string' ? evaluators.get(rule.$ref) : undefined;
  return text === undefined ? undefined : groups.inEvaluator(text);
}

function rule(number: number, open: boolean): WayIn {
  return { kind: 'rule', what: open ? `rule ${number} lets others in` : `rule ${number} was added by hand`, open };
}

function isEmptyObject(value: unknown): boolean {
  return value !== null && typeof value === 'object' && !Array.isArray(value) && Object.keys(value).length === 0;
}

function asObject(value: unknown): Readonly<Record<string, unknown>> {
  return value !== null && typeof value === 'object' && !Array.isArray(value)
    ? (value as Readonly<Record<string, unknown>>)
    : {};
}
