import { randomBytes } from 'node:crypto';
import type { Readiness, Source } from '../domain/audience.ts';
import type { Check } from '../domain/checkup.ts';
import type { Config } from '../domain/config.ts';
import { markOf, ruleName } from '../domain/identity.ts';
import { formatProblem, type Problem, toProblem } from '../domain/problem.ts';
import type { StateStore } from '../domain/state.ts';
import type { Target } from '../domain/target.ts';
import { sourceKinds, targetKinds } from '../kinds.ts';
import type { Clock } from '../lib/clock.ts';
import { networkWithDates } from '../lib/http-dates.ts';
import type { Log } from '../lib/log.ts';
import { memoryState } from '../state/store.ts';
import { callbackBearer } from '../sync/bearers.ts';
import { type Desired, desiredFor } from '../sync/desired.ts';
import { checkCallbacks } from './doctor-callbacks.ts';
import { openFlags } from './flags.ts';
import { stateToLookAt } from './history.ts';

export interface DoctorOptions {
  readonly config: Config;
  readonly clock: Clock;
  /** 0 ≤ x < 1. */
  readonly random: () => number;
  readonly log: Log;
  readonly signal: AbortSignal;
  /** OPAL may be asked to load everything again, so that it calls back. */
  readonly trigger: boolean;
}

/** A check with what it is about: `source example-opal`, `target ld`, `flags`, `state`. */
export interface Finding extends Check {
  readonly about: string;
}

/** Clocks may differ by so much (ms) before approvals, expiries and rate limits go wrong. */
const mostSkew = 30_000;
/** Each over connections of its own: what balances load between several OPAs shows itself. */
const looksAtSource = 4;

/** Looks at everything that a running instance needs, and writes nothing anywhere. Findings come as they are made. */
export async function* doctor(options: DoctorOptions): AsyncGenerator<Finding> {
  const { config, clock } = options;
  const dates = new Map<string, number[]>();
  const dated = (about: string) =>
    networkWithDates(date => dates.set(about, [...(dates.get(about) ?? []), date - clock.now()]));
  const state = openState(options);
  yield { about: 'state', ...state.check };
  const { store } = state;
  const targets = new Map<string, Target>();
  const desired: Desired[] = [];
  try {
    for (const entry of config.targets) {
      const kind = targetKinds[entry.type];
      if (!kind) throw new Error(`no target kind ${entry.type}`);
      const about = `target ${entry.name}`;
      const { instance, folder } = config;
      const context = { ...options, name: entry.name, mark: markOf(instance), instance, folder, network: dated(about) };
      try {
        targets.set(about, kind.create(entry.settings, { ...context, environments: entry.environments }));
      } catch (error) {
        yield failed(about, 'settings', toProblem(error));
      }
    }
    yield* checkFlags(options, store, [...targets.values()], desired);
    for (const entry of config.sources) {
      const about = `source ${entry.id}`;
      const make = () => openSource(entry, options, store, dated(about));
      yield* checkSource(about, make, desired, store, options);
    }
    for (const [about, target] of targets) yield* checkTarget(about, target, desired, options);
    for (const [about, skews] of dates) yield { about, ...checkClock(skews) };
  } finally {
    await Promise.allSettled([...targets.values()].map(target => target.close()));
    store.close();
  }
}

function openState(options: DoctorOptions): { readonly store: StateStore; readonly check: Check } {
  const { config, clock, log } = options;
  try {
    const store = stateToLookAt(config, clock, log);
    return { store, check: { what: 'folder', state: 'ok', message: `${config.stateDir} can be read.` } };
  } catch (error) {
    const problem = toProblem(error);
    const store = memoryState({ instance: config.instance, clock });
    if (problem.code !== 'state-missing') return { store, check: failedCheck('folder', problem) };
    const message = 'There is none yet: the first "run" or "apply" makes it.';
    return { store, check: { what: 'folder', state: 'ok', message } };
  }
}

/** Loads the flags, and notes in `desired` what they want of each target. */
async function* checkFlags(
  options: DoctorOptions,
  store: StateStore,
  targets: readonly Target[],
  desired: Desired[],
): AsyncGenerator<Finding> {
  const { config } = options;
  const flags = openFlags({ ...options, mode: 'borrow' });
  try {
    const { toggles, problems, unreadable, present, commit } = await flags.load(store.definitions());
    const [first] = unreadable ? [unreadable] : problems;
    const from = commit === undefined ? '' : ` at commit ${commit.slice(0, 12)}`;
    if (first)
      yield {
        about: 'flags',
        what: 'files',
        state: 'fail',
        message: formatProblem(first),
        hint: 'optoggles validate lists everything that is wrong.',
      };
    else yield { about: 'flags', what: 'files', state: 'ok', message: `${toggles.length} toggles${from}.` };
    for (const target of targets) desired.push(desiredFor(target, toggles, present, config.legacy !== undefined));
  } catch (error) {
    yield failed('flags', 'files', toProblem(error));
  } finally {
    await flags.close();
  }
}

function openSource(
  entry: Config['sources'][number],
  options: DoctorOptions,
  store: StateStore,
  network: ReturnType<typeof networkWithDates>,
): Source {
  const kind = sourceKinds[entry.type];
  if (!kind) throw new Error(`no source kind ${entry.type}`);
  const { config } = options;
  const secret = config.callbackSecret ?? knownSecret(store);
  const callback = { bearer: callbackBearer(secret, config.instance, entry.id), port: config.bind.port };
  const { instance, folder } = config;
  return kind.create(entry.settings, { ...options, id: entry.id, instance, folder, callback, network });
}

/** Where nothing ever ran there is none yet, and whoever only looks makes none: one of its own is as good for a trial. */
function knownSecret(store: StateStore): string {
  try {
    return store.secret('callback');
  } catch {
    return randomBytes(32).toString('base64url');
  }
}

async function* checkSource(
  about: string,
  make: () => Source,
  desired: readonly Desired[],
  store: StateStore,
  options: DoctorOptions,
): AsyncGenerator<Finding> {
  const { signal } = options;
  const opened: Source[] = [];
  try {
    const source = make();
    opened.push(source);
    const seen = store.source(source.id);
    const { readiness } = await source.readiness(seen, signal);
    const instances = new Set([readiness.instanceId]);
    // What has no instance is a file.
    while (readiness.instanceId !== null && opened.length < looksAtSource) {
      const another = make();
      opened.push(another);
      instances.add((await another.readiness(seen, signal)).readiness.instanceId);
    }
    if (instances.size > 1) {
      const message = `${instances.size} instances answer behind one address.`;
      const hint = 'Give each OPA, with its OPAL client, a source of its own, or send all requests to the same one.';
      yield { about, what: 'instance', state: 'fail', message, hint };
    }
    yield* checkReadiness(about, readiness);
    yield* checkPolicies(about, source, desired, signal);
    if (source.doctor) for await (const check of source.doctor(signal)) yield { about, ...check };
    if (options.trigger) for await (const check of checkCallbacks(source, options)) yield { about, ...check };
  } catch (error) {
    if (signal.aborted) throw error;
    yield failed(about, 'reached', toProblem(error));
  } finally {
    const soon = AbortSignal.timeout(5_000);
    // Registered is nothing, so nothing is taken back.
    await Promise.allSettled(opened.map(one => one.close(soon)));
  }
}

function* checkReadiness(about: string, { state, by, problems, revision }: Readiness): Generator<Finding> {
  const at = revision === undefined ? '' : `, revision ${revision.slice(0, 12)}`;
  const shown = by === 'sentinels' ? 'all sentinels hold' : by === 'nothing' ? 'it answers' : `ready by ${by}`;
  if (state === 'ready') yield { about, what: 'answers', state: 'ok', message: `It can be believed: ${shown}${at}.` };
  // Without a sentinel a short look has nothing to go by; a running instance has its history.
  const isSure = state === 'suspect' && by === 'sentinels';
  for (const problem of problems) yield { ...failed(about, 'answers', problem), state: isSure ? 'fail' : 'warn' };
}

async function* checkPolicies(
  about: string,
  source: Source,
  desired: readonly Desired[],
  signal: AbortSignal,
): AsyncGenerator<Finding> {
  const all = desired.flatMap(({ asks }) => [...asks.values()]).filter(ask => ask.policy.source === source.id);
  const asks = [...new Map(all.map(ask => [ask.id, ask])).values()];
  if (asks.length === 0) {
    const hint = 'Take it out of the configuration, or let a flag file name it.';
    yield { about, what: 'policies', state: 'warn', message: 'No flag file uses it.', hint };
    return;
  }
  const names = new Map(asks.map(ask => [ask.id, ruleName(ask.policy)]));
  let defined = 0;
  for await (const answer of source.resolve(asks, signal)) {
    if ('unchanged' in answer || answer.state === 'defined') defined++;
    else if (answer.state === 'failed') yield failed(about, 'policies', answer.error);
    else {
      const message = `${names.get(answer.id)} is undefined: its toggles keep their users.`;
      yield {
        about,
        what: 'policies',
        state: 'warn',
        message,
        hint: 'Look at package and rule in the flag file, and at whether its data is loaded.',
      };
    }
  }
  yield { about, what: 'policies', state: 'ok', message: `${defined} of ${asks.length} rules are defined.` };
}

async function* checkTarget(
  about: string,
  target: Target,
  desired: readonly Desired[],
  { signal }: DoctorOptions,
): AsyncGenerator<Finding> {
  try {
    const listings = desired.flatMap(one => one.listings).filter(one => one.target === target.name);
    if (target.read) {
      const wanted = listings.map(({ key, toggle, placements }) => ({
        key,
        toggle,
        environments: placements.map(({ environment }) => environment),
      }));
      const live = await target.read(wanted, signal);
      const ours = live.listings.filter(({ owner }) => owner === 'ours').length;
      const [unreadable] = live.unreadable;
      if (unreadable) yield failed(about, 'flags', unreadable.problem);
      else yield { about, what: 'flags', state: 'ok', message: `It can be read: ${ours} flags are ours.` };
    }
    if (target.doctor) for await (const check of target.doctor(signal)) yield { about, ...check };
  } catch (error) {
    if (signal.aborted) throw error;
    yield failed(about, 'reached', toProblem(error));
  }
}

/** How far the other side's clock is away, by the answers that came; each shows whole seconds, rounded down. */
export function checkClock(skews: readonly number[]): Check {
  const sorted = skews.toSorted((a, b) => a - b);
  const skew = (sorted[Math.floor(sorted.length / 2)] ?? 0) + 500;
  const seconds = Math.round(Math.abs(skew) / 1000);
  if (Math.abs(skew) <= mostSkew) {
    return { what: 'clock', state: 'ok', message: 'Its clock and ours agree.' };
  }
  return {
    what: 'clock',
    state: 'warn',
    message: `Its clock is ${seconds} s ${skew > 0 ? 'ahead of' : 'behind'} ours.`,
    hint: 'Let both follow a time server: tokens, approvals and rate limits go by the clock.',
  };
}

function failed(about: string, what: string, problem: Problem): Finding {
  return { about, ...failedCheck(what, problem) };
}

function failedCheck(what: string, { message, hint }: Problem): Check {
  return { what, state: 'fail', message, ...(hint !== undefined && { hint }) };
}
