import { createHash } from 'node:crypto';
import { type Clock, steadyNow } from '../../lib/clock.ts';
import type { HttpResponse } from '../../lib/http-response.ts';
import { retryAfterMs } from '../../lib/retry-after.ts';

/** What one token may still do. Every request takes a turn and says afterwards what it was told. */
export interface Limiter {
  /** Resolves when a request on this route may go; rejects with the signal's reason. Call `done` in the end. */
  turn(route: string, signal: AbortSignal): Promise<Turn>;
}

export interface Turn {
  /**
   * Gives the place to the next. Without an answer (nothing was sent, or nothing came) nothing is learned. A 429 gives
   * how long to wait (ms), and whether the platform named this route alone.
   */
  done(response?: HttpResponse): Held | undefined;
}

export interface Held {
  readonly ms: number;
  readonly routeOnly: boolean;
}

export interface LimiterOptions {
  readonly clock: Pick<Clock, 'now' | 'steady' | 'sleep'>;
  /** 0 ≤ x < 1 */
  readonly random: () => number;
  /** Requests at once. */
  readonly concurrency: number;
}

/** A budget in a window: so many requests until then (ms of the steady clock, as all times here). */
interface Budget {
  remaining: number;
  reset: number;
}

/** Until when nothing may go at all. */
interface Gate {
  until: number;
  budget: Budget | undefined;
  /** The largest budget that was ever told: about what a window holds. */
  most: number;
  /** When the next of those that share a scarce budget may go. */
  next: number;
}

const scopes = [
  ['x-ratelimit-global-remaining', 'all'],
  ['x-ratelimit-auth-token-remaining', 'token'],
  ['x-ratelimit-route-remaining', 'route'],
] as const;

/** LaunchDarkly's windows are of 10 s (https://launchdarkly.com/docs/api#rate-limiting): no reset is further away. */
const longestWindow = 10_000;
/** A 429 that does not say how long. */
const shortestHold = 1000;
/** So that many instances do not come back in step. */
const jitter = 500;

/** One limiter for one token; use `limiterFor` where several targets may have the same. */
export function createLimiter(options: LimiterOptions): Limiter {
  const { clock, random, concurrency } = options;
  const gates = new Map<string, Gate>();
  const queue: (() => void)[] = [];
  let running = 0;

  function gate(name: string): Gate {
    const known = gates.get(name);
    if (known !== undefined) return known;
    const fresh: Gate = { until: 0, budget: undefined, most: 0, next: 0 };
    gates.set(name, fresh);
    return fresh;
  }

  async function place(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (running < concurrency) {
      running++;
      return;
    }
    await new Promise<void>((resolve, reject) => {
      const go = () => {
        signal.removeEventListener('abort', stop);
        resolve();
      };
      const stop = () => {
        const at = queue.indexOf(go);
        if (at >= 0) queue.splice(at, 1);
        reject(signal.reason as Error);
      };
      queue.push(go);
      signal.addEventListener('abort', stop, { once: true });
    });
  }

  function leave(): void {
    const next = queue.shift();
    if (next === undefined) running--;
    else next();
  }

  /** How long this request has to wait now; 0: it may go, and is counted. */
  function waitFor(names: readonly string[]): number {
    const now = steadyNow(clock);
    let wait = 0;
    const passed: Gate[] = [];
    for (const name of names) {
      const one = gate(name);
      if (one.until > now) wait = Math.max(wait, one.until - now + random() * jitter);
      if (one.budget !== undefined && one.budget.reset <= now) one.budget = undefined;
      if (one.budget === undefined) continue;
      passed.push(one);
      if (one.budget.remaining <= 0) wait = Math.max(wait, one.budget.reset - now + random() * jitter);
      else if (isScarce(one, one.budget, now)) wait = Math.max(wait, one.next - now);
    }
    if (wait > 0) return wait;
    for (const one of passed) {
      const budget = one.budget as Budget;
      one.next = now + ((budget.reset - now) / budget.remaining) * (0.75 + random() / 2);
      budget.remaining--;
    }
    return 0;
  }

  /**
   * A burst is let through. Once half of what the rest of the window should have is gone, or more wait than there is
   * left, what is left is spread over the window.
   */
  function isScarce({ most }: Gate, { remaining, reset }: Budget, now: number): boolean {
    const share = Math.min(1, (reset - now) / longestWindow);
    return remaining < Math.max(running + queue.length, (most / 2) * share);
  }

  function learn(route: string, response: HttpResponse): Held | undefined {
    const now = steadyNow(clock);
    const told = Number(response.header('x-ratelimit-reset'));
    // It may lie in the past, and then the window is over.
    const reset = now + Math.min(Number.isFinite(told) ? told - clock.now() : 0, longestWindow);
    const spent: string[] = [];
    for (const [header, scope] of scopes) {
      const text = response.header(header);
      if (text === undefined || !/^\d+$/.test(text)) continue;
      const name = scope === 'route' ? route : scope;
      const one = gate(name);
      const remaining = Number(text);
      one.most = Math.max(one.most, remaining);
      if (remaining === 0) spent.push(name);
      // Answers may overtake each other: within a window the smallest number counts.
      const known = one.budget !== undefined && one.budget.reset > now ? one.budget : undefined;
      const isSame = known !== undefined && Math.abs(known.reset - reset) < 1000;
      one.budget =
        reset <= now ? undefined : { reset, remaining: isSame ? Math.min(known.remaining, remaining) : remaining };
    }
    if (response.status !== 429) return undefined;
    const asked = retryAfterMs(response.header('retry-after'), clock.now());
    const ms = asked ?? Math.max(shortestHold, reset - now);
    const routeOnly = asked === undefined && spent.length > 0 && spent.every(name => name === route);
    for (const name of routeOnly ? [route] : ['all']) gate(name).until = Math.max(gate(name).until, now + ms);
    return { ms, routeOnly };
  }

  return {
    async turn(route, signal) {
      await place(signal);
      try {
        for (;;) {
          signal.throwIfAborted();
          const wait = waitFor(['all', 'token', route]);
          if (wait <= 0) break;
          await clock.sleep(Math.ceil(wait), signal);
        }
      } catch (error) {
        leave();
        throw error;
      }
      let isDone = false;
      return {
        done(response) {
          if (isDone) return undefined;
          isDone = true;
          const held = response === undefined ? undefined : learn(route, response);
          leave();
          return held;
        },
      };
    },
  };
}

const shared = new Map<string, WeakRef<Limiter>>();

/** The limiter of a token: targets with the same token at the same place share it. The first one's options hold. */
export function limiterFor(token: string, place: string, options: LimiterOptions): Limiter {
  const name = createHash('sha256').update(`${place}\n${token}`).digest('hex');
  const known = shared.get(name)?.deref();
  if (known !== undefined) return known;
  const fresh = createLimiter(options);
  shared.set(name, new WeakRef(fresh));
  return fresh;
}
