import { ProblemError } from '../../../src/domain/problem.ts';
import type { Evaluator, Target } from '../../../src/domain/target.ts';
import type { Clock } from '../../../src/lib/clock.ts';
import { systemClock } from '../../../src/lib/clock.ts';
import { launchdarklyTarget } from '../../../src/targets/launchdarkly/index.ts';
import { createFakeLaunchDarkly, type FakeLaunchDarklyOptions } from '../../support/fake-launchdarkly/server.ts';
import { targetContext } from '../../support/target-context.ts';

/** Real time, but for waiting: that moves the time on instead. */
export function leapingClock(): Clock {
  let ahead = 0;
  return {
    now: () => systemClock.now() + ahead,
    async sleep(ms, signal) {
      signal?.throwIfAborted();
      ahead += ms;
      await new Promise(resolve => setImmediate(resolve));
    },
    after: (ms, call) => systemClock.after(ms, call),
  };
}

export interface LdOptions extends FakeLaunchDarklyOptions {
  readonly settings?: Readonly<Record<string, unknown>>;
  readonly clock?: Clock;
}

/** A fake LaunchDarkly, targets on it, and what the real SDK says of it. */
export async function openLd(options: LdOptions = {}) {
  const { settings, clock = leapingClock(), ...fakeOptions } = options;
  const fake = await createFakeLaunchDarkly({ now: () => clock.now(), ...fakeOptions });
  const evaluators = new Map<string, Promise<Evaluator>>();
  const targets: Target[] = [];

  function target(more: Readonly<Record<string, unknown>> = {}): Target {
    const entry = {
      token: fake.token,
      baseUrl: fake.url,
      projKey: 'default',
      timeout: '2s',
      environments: { production: 'production', test: 'test' },
      sdkUrl: fake.url,
      streamUrl: fake.streamUrl,
      ...settings,
      ...more,
    };
    const environments = launchdarklyTarget.environments(entry);
    const context = targetContext({ name: 'ld', clock, environments });
    const made = launchdarklyTarget.create(entry, context);
    targets.push(made);
    return made;
  }

  const heard = new Map<string, number>();
  let barriers = 0;

  /** What the real SDK says; `missing` where an application would be served its own default. */
  async function serves(key: string, environment: string, member: string, kind = 'user'): Promise<boolean | 'missing'> {
    const known = evaluators.get(environment) ?? opened(environment);
    evaluators.set(environment, known);
    const evaluator = await known;
    if (heard.get(environment) !== fake.account.writes) await hears(evaluator, environment);
    return evaluator.evaluate(key, kind, member).catch(isMissing);
  }

  async function opened(environment: string): Promise<Evaluator> {
    const evaluator = await (targets[0] ?? target()).evaluator?.(environment, AbortSignal.timeout(10_000));
    if (evaluator === undefined) throw new Error('no evaluator');
    return evaluator;
  }

  /** The stream keeps the order: once the SDK knows a flag made now, it knows everything before it. */
  async function hears(evaluator: Evaluator, environment: string): Promise<void> {
    const key = `barrier-${++barriers}`;
    fake.hand.addFlag('default', { key });
    while ((await evaluator.evaluate(key, 'user', 'anybody').catch(isMissing)) === 'missing') {
      await new Promise(resolve => setTimeout(resolve, 1));
    }
    fake.hand.deleteFlag('default', key);
    heard.set(environment, fake.account.writes);
  }

  return {
    fake,
    clock,
    target,
    serves,
    async close() {
      for (const one of evaluators.values()) await (await one).close();
      for (const one of targets) await one.close();
      await fake.close();
    },
  };
}

function isMissing(error: unknown): 'missing' {
  if (error instanceof ProblemError && error.problem.code === 'launchdarkly-not-served') return 'missing';
  throw error;
}

export type Ld = Awaited<ReturnType<typeof openLd>>;
