import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Ask, Audience } from '../domain/audience.ts';
import { audienceIdOf } from '../domain/identity.ts';
import type { Json } from '../domain/json.ts';
import { ProblemError } from '../domain/problem.ts';
import type { Planned, Verdict } from '../domain/review.ts';
import type { Toggle } from '../domain/toggle.ts';
import { sourceKinds } from '../kinds.ts';
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import { quoted } from '../load/problems.ts';
import { planJson } from '../report/json.ts';
import { type Checkout, mustBeInside } from './checkout.ts';
import { buildBundle, type OpaOptions, regoFiles } from './opa-build.ts';

export interface RulesOptions extends OpaOptions {
  /** From the root: a bundle, or a folder of Rego files where there is `opa`. */
  readonly rules: string;
  readonly clock: Clock;
  readonly log: Log;
  /** ms, for each rule. */
  readonly timeout: number;
}

/** Both are sets of messages: `data.optoggles.deny`, `data.optoggles.warn`. */
const packageName = 'optoggles';
/** MiB */
const memory = 1024;

/**
 * What rules are asked about: the plan's JSON, what the files say of each toggle, whether the plan has `names`, and whether
 * it is `complete`: every audience is known. A rule about names can see nobody where they are not there.
 */
export function rulesInput(
  { plan }: Planned,
  toggles: readonly Toggle[],
  { names, complete }: { readonly names: boolean; readonly complete: boolean },
): Json {
  const said = toggles.map(toggle => [
    toggle.key,
    {
      name: toggle.name ?? null,
      owner: toggle.owner ?? null,
      type: toggle.type ?? null,
      created: toggle.created ?? null,
      expires: toggle.expires ?? null,
      state: toggle.state,
      contextKind: toggle.contextKind,
      environments: Object.keys(toggle.environments ?? {}),
    },
  ]);
  const input = { ...planJson(plan, { showUsers: names }), names, complete, toggles: Object.fromEntries(said) };
  return JSON.parse(JSON.stringify(input)) as Json;
}

/**
 * Asks the rules of a checkout, which should be that of the base branch, about a plan. They are evaluated in a thread of
 * their own, with limits. Throws a ProblemError where they cannot be asked or give no answer: then nothing is allowed.
 */
export async function judge(checkout: Checkout, input: Json, options: RulesOptions): Promise<Verdict> {
  const { rules, clock, log, timeout, signal } = options;
  const at = join(checkout.root, rules);
  await mustBeInside(checkout, at, `The rules ${quoted(rules)}`);
  const work = await mkdtemp(join(tmpdir(), 'optoggles-rules-'));
  try {
    const path = (await builtRules(at, work, options)) ?? at;
    const settings = { path, limits: { time: `${Math.max(1, Math.ceil(timeout / 1000))}s`, memory } };
    const context = {
      id: 'rules',
      instance: '',
      folder: dirname(path),
      clock,
      random: Math.random,
      log,
      callback: undefined,
    };
    const source = sourceKinds.bundle?.create(settings, context);
    if (source === undefined) throw new Error('there is no kind of source for bundles');
    try {
      const asks = ['deny', 'warn'].map(rule => askFor(rule, input));
      const answers = new Map<string, Audience>();
      for await (const answer of source.resolve(asks, signal)) {
        if ('state' in answer) answers.set(answer.id, answer);
      }
      const [deny, warn] = asks.map(({ id }) => answers.get(id));
      if (deny?.state !== 'defined' && warn?.state !== 'defined') throw new ProblemError(unanswered(rules, deny));
      return { rules, denied: messagesOf(deny, rules), warned: messagesOf(warn, rules) };
    } finally {
      await source.close(signal);
    }
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

function askFor(rule: string, input: Json): Ask {
  const policy = { source: 'rules', package: [packageName], rule, input };
  return { id: audienceIdOf(policy, 'user'), policy, contextKind: 'user' };
}

/** A folder with a compiled policy, or a packed one, is taken as it is: undefined. */
async function builtRules(at: string, work: string, options: OpaOptions & { readonly rules: string }) {
  const found = await stat(at).catch(() => undefined);
  if (!found?.isDirectory()) return undefined;
  const files = await regoFiles(at);
  if (files.length === 0) return undefined;
  const out = join(work, 'rules.tar.gz');
  const data = (await stat(join(at, 'data.json')).catch(() => undefined)) === undefined ? [] : ['data.json'];
  try {
    if (await buildBundle(at, [...files, ...data], [packageName], out, options)) return out;
  } catch (error) {
    throw new ProblemError(
      {
        code: 'rules-not-built',
        message: `OPA cannot build the rules ${quoted(options.rules)}.`,
        hint: `Run "opa build -t wasm -e ${packageName}" on them and correct what it says; the package has to be ${packageName}.`,
      },
      { cause: error },
    );
  }
  throw new ProblemError({
    code: 'opa-missing',
    message: `The rules ${quoted(options.rules)} are Rego, and there is no "opa" to compile them.`,
    hint: `Put opa on the path in a step before this one, or compile them with "opa build -t wasm -e ${packageName}" and name the bundle.`,
  });
}

function messagesOf(answer: Audience | undefined, rules: string): readonly string[] {
  if (answer?.state === 'failed') throw new ProblemError(answer.error);
  if (answer?.state !== 'defined') return [];
  if (answer.who.kind !== 'members') throw new ProblemError(unanswered(rules, answer));
  return [...answer.who.members.values()];
}

function unanswered(rules: string, answer: Audience | undefined) {
  if (answer?.state === 'failed') return answer.error;
  return {
    code: 'rules-unanswered',
    message: `The rules ${quoted(rules)} hold neither "deny" nor "warn" of the package ${packageName}.`,
    hint: `Write them as sets of messages, "deny contains message if { … }", and build with "-e ${packageName}".`,
  };
}
