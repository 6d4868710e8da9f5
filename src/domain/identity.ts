import { createHash } from 'node:crypto';
import type { AudienceId } from './audience.ts';
import { canonicalJson } from './json.ts';
import type { PlacementId } from './listing.ts';
import type { PlacementRef } from './plan.ts';
import type { UsersPolicy } from './toggle.ts';

function hashOf(parts: readonly (string | null)[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 32);
}

/** One policy with one input is one audience, whoever uses it. 32 hex digits. */
export function audienceIdOf(policy: UsersPolicy, contextKind: string): AudienceId {
  const input = policy.input === undefined ? null : canonicalJson(policy.input);
  return hashOf(['audience', policy.source, JSON.stringify(policy.package), policy.rule, input, contextKind]);
}

/** `address` is `Target.address`, `environment` the target's own name of it, `key` the key in the target. 32 hex digits. */
export function placementIdOf(address: string, environment: string, key: string): PlacementId {
  return hashOf(['placement', address, environment, key]);
}

/** A key for maps and sets: equal for two references to one placement. */
export function refKey({ target, toggle, environment }: PlacementRef): string {
  return `${target}\n${toggle}\n${environment}`;
}

/** For maps and sets: equal for one group in one environment. */
export function groupKey(environment: string, name: string): string {
  return `${environment}\n${name}`;
}

const plainSegment = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** `app.rbac.us_users`, with segments that are no plain names in brackets as Rego writes them: `app["my-pkg"].v1`. */
export function ruleName(policy: UsersPolicy): string {
  return [...policy.package, policy.rule].reduce((name, segment) => {
    if (plainSegment.test(segment)) return name === '' ? segment : `${name}.${segment}`;
    return `${name}[${JSON.stringify(segment)}]`;
  }, '');
}

/** `optoggles:<instance>`: what every flag of ours carries. */
export function markOf(instance: string): string {
  return `optoggles:${instance}`;
}
