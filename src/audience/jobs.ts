import type { Ask } from '../domain/audience.ts';
import { canonicalJson, type Json } from '../domain/json.ts';
import type { CostBook } from './costs.ts';

/** One request for one rule: asks that differ in nothing OPA would see. */
export interface RuleJob {
  readonly kind: 'rule';
  readonly asks: readonly [Ask, ...Ask[]];
  readonly input: Json | undefined;
  /** Of what it is a part, where that is measured. */
  readonly group: RuleGroup | undefined;
}

/** The rules of one package, asked one by one: how long did they take together? */
export interface RuleGroup {
  readonly name: string;
  readonly size: number;
  left: number;
  /** ms; undefined until the first request starts. */
  startedAt: number | undefined;
}

/** One request for a whole package. */
export interface PackageJob {
  readonly kind: 'package';
  readonly name: string;
  readonly segments: readonly string[];
  readonly rules: readonly RuleJob[];
  /** ms for the answer, where rule by rule is known to be good. */
  readonly patience: number | undefined;
}

/** Makes requests of asks: equal ones are joined, and a package is asked as a whole where that is cheaper. */
export function jobsFor(asks: readonly Ask[], costs: CostBook): readonly (RuleJob | PackageJob)[] {
  const packages: PackageJob[] = [];
  const rules: RuleJob[] = [];
  for (const [name, requests] of byPackage(asks)) {
    const plain = requests.filter(request => request.input === undefined);
    const way = costs.choose(name, plain.length);
    const group = { name, size: plain.length, left: plain.length, startedAt: undefined };
    const jobs = plain.map(
      request => ({ kind: 'rule', ...request, group: way === 'rules' ? group : undefined }) as const,
    );
    const segments = requests[0]?.asks[0].policy.package ?? [];
    if (way === 'package')
      packages.push({ kind: 'package', name, segments, rules: jobs, patience: costs.patience(name, jobs.length) });
    else rules.push(...jobs);
    for (const request of requests)
      if (request.input !== undefined) rules.push({ kind: 'rule', ...request, group: undefined });
  }
  // The larger ones first: small ones fit in beside them.
  return [...packages, ...rules];
}

type Request = Pick<RuleJob, 'asks' | 'input'>;

function byPackage(asks: readonly Ask[]): Map<string, Request[]> {
  const byKey = new Map<string, { asks: [Ask, ...Ask[]]; input: Json | undefined }>();
  const byName = new Map<string, Request[]>();
  for (const ask of asks) {
    const { input, package: segments, rule } = ask.policy;
    const name = JSON.stringify(segments);
    const key = `${name} ${JSON.stringify(rule)} ${input === undefined ? '' : canonicalJson(input)}`;
    const known = byKey.get(key);
    if (known) {
      known.asks.push(ask);
      continue;
    }
    const request = { asks: [ask] as [Ask, ...Ask[]], input };
    byKey.set(key, request);
    const requests = byName.get(name);
    if (requests) requests.push(request);
    else byName.set(name, [request]);
  }
  return byName;
}
