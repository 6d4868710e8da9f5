import { ruleName } from '../domain/identity.ts';
import { canonicalJson } from '../domain/json.ts';
import { compareCodePoints } from '../domain/code-points.ts';
import type { DefinitionChange, FieldChange } from '../domain/review.ts';
import type { Toggle, UsersPolicy } from '../domain/toggle.ts';
import { quoted } from '../load/problems.ts';

/** The toggles that differ, by key, field by field. */
export function definitionChanges(base: readonly Toggle[], head: readonly Toggle[]): readonly DefinitionChange[] {
  const before = new Map(base.map(toggle => [toggle.key, toggle]));
  const after = new Map(head.map(toggle => [toggle.key, toggle]));
  const keys = [...new Set([...before.keys(), ...after.keys()])].sort(compareCodePoints);
  return keys.flatMap(key => {
    const [old, is] = [before.get(key), after.get(key)];
    const fields = fieldChanges(old, is);
    if (fields.length === 0) return [];
    const kind = old === undefined ? 'created' : is === undefined ? 'removed' : 'changed';
    return [{ toggle: key, kind, fields }];
  });
}

/** What of a toggle's own protection got less: sentences, by key. */
export function weakerToggles(base: readonly Toggle[], head: readonly Toggle[]): readonly string[] {
  const before = new Map(base.map(toggle => [toggle.key, toggle]));
  return head.flatMap(toggle => {
    const old = before.get(toggle.key);
    const said: string[] = [];
    const name = quoted(toggle.key);
    if (toggle.guard.allowEmpty && !old?.guard.allowEmpty) said.push(`${name} may become empty ("guard.allowEmpty").`);
    if (toggle.adopt && !old?.adopt) said.push(`${name} may take over a flag that somebody made by hand ("adopt").`);
    for (const [key, limit] of Object.entries(old?.guard ?? {})) {
      if (typeof limit !== 'number') continue;
      const now = toggle.guard[key as 'maxUsers'];
      if (now === undefined) said.push(`${name} has no "guard.${key}" of its own any more; it was ${limit}.`);
      else if (now > limit) said.push(`"guard.${key}" of ${name} is looser: ${now} instead of ${limit}.`);
    }
    return said;
  });
}

function fieldChanges(old: Toggle | undefined, now: Toggle | undefined): FieldChange[] {
  const [before, after] = [fieldsOf(old), fieldsOf(now)];
  const names = new Set([...before.keys(), ...after.keys()]);
  return [...names]
    .map(field => ({ field, before: before.get(field), after: after.get(field) }))
    .filter(change => change.before !== change.after);
}

/** Everything that a file says, flat, in the order in which people read it. */
function fieldsOf(toggle: Toggle | undefined): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  if (toggle === undefined) return fields;
  const put = (name: string, value: string | undefined) => {
    if (value !== undefined) fields.set(name, value);
  };
  put('name', toggle.name);
  put('description', toggle.description);
  put('owner', toggle.owner);
  put('type', toggle.type);
  put('created', toggle.created);
  put('expires', toggle.expires);
  put('state', toggle.state);
  put('contextKind', toggle.contextKind);
  if (toggle.adopt) put('adopt', 'true');
  put('usersPolicy', policyText(toggle.usersPolicy));
  for (const [name, environment] of Object.entries(toggle.environments ?? {})) {
    const { usersPolicy, state } = environment;
    const said = [
      ...(state === undefined ? [] : [`state ${state}`]),
      ...(usersPolicy ? [policyText(usersPolicy)] : []),
    ];
    put(`environments.${name}`, said.join(', ') || 'as the toggle');
  }
  for (const [name, { key, spec }] of Object.entries(toggle.targets ?? {})) {
    put(`targets.${name}`, canonicalJson({ ...(key === undefined ? {} : { key }), ...spec }));
  }
  for (const [name, limit] of Object.entries(toggle.guard)) put(`guard.${name}`, String(limit));
  return fields;
}

function policyText(policy: UsersPolicy): string {
  const input = policy.input === undefined ? '' : ` with ${canonicalJson(policy.input)}`;
  return `${ruleName(policy)} of ${policy.source}${input}`;
}
