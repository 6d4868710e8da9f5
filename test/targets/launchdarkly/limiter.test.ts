import { describe, expect, it } from 'vitest';
import { HttpResponse } from '../../../src/lib/http-response.ts';
import { createLimiter, type Held, limiterFor } from '../../../src/targets/launchdarkly/limiter.ts';
import { createFakeClock, createSettableClock } from '../../support/fake-clock.ts';

const never = new AbortController().signal;

function setup(concurrency = 4, random = () => 0.5) {
  const clock = createFakeClock();
  const limiter = createLimiter({ clock, random, concurrency });
  const sent: string[] = [];
  const start = clock.now();

  /** One request; notes when it went (ms), and answers at once. */
  async function send(route: string, status: number, headers: Record<string, string> = {}): Promise<Held | undefined> {
    const turn = await limiter.turn(route, never);
    sent.push(`${route} ${clock.now() - start}`);
    return turn.done(new HttpResponse(status, headers, []));
  }

  const told = (name: string, remaining: number, reset: number) => ({
    [`x-ratelimit-${name}-remaining`]: String(remaining),
    'x-ratelimit-reset': String(start + reset),
  });
  return { clock, limiter, sent, send, told };
}

describe('the limiter of a token', () => {
  it('lets through what no limit is told of', async () => {
    const { sent, send } = setup();
    for (let at = 0; at < 20; at++) await send('a', 200);
    expect(sent).toHaveLength(20);
  });

  it('runs so many at once, and serves the others in their order', async () => {
    const { limiter } = setup(2);
    const order: string[] = [];
    const first = await limiter.turn('a', never);
    const second = await limiter.turn('a', never);
    const rest = ['c', 'd'].map(name => limiter.turn('a', never).then(turn => (order.push(name), turn)));
    await Promise.resolve();
    expect(order).toEqual([]);
    first.done();
    (await rest[0])?.done();
    expect(order).toEqual(['c']);
    second.done();
    await Promise.all(rest);
    expect(order).toEqual(['c', 'd']);
  });

  it('waits no longer when the clock is set back', async () => {
    const clock = createSettableClock();
    const limiter = createLimiter({ clock, random: () => 0, concurrency: 4 });
    const answered = async (status: number, headers: Record<string, string>) => {
      (await limiter.turn('a', never)).done(new HttpResponse(status, headers, []));
    };
    await answered(429, { 'retry-after': '8' });
    clock.set(-3_600_000);
    let went = false;
    const waiting = answered(200, {
      'x-ratelimit-global-remaining': '0',
      'x-ratelimit-reset': String(clock.now() + 8_000 + 5_000),
    }).then(() => (went = true));
    await clock.advance(7_999);
    expect(went).toBe(false);
    await clock.advance(1);
    await waiting;
    clock.set(-3_600_000);
    const last = answered(200, {});
    await clock.advance(5_000);
    await last;
  });

  it('waits for the reset of a global budget that is spent, on every route', async () => {
    const { clock, sent, send, told } = setup();
    await send('a', 200, told('global', 0, 6000));
    const waiting = send('b', 200);
    await clock.advance(5999);
    expect(sent).toEqual(['a 0']);
    // A quarter of a second of jitter: half of the most.
    await clock.advance(251);
    await waiting;
    expect(sent).toEqual(['a 0', 'b 6250']);
  });

  it('a spent route holds up that route only', async () => {
    const { clock, sent, send, told } = setup();
    await send('a', 200, told('route', 0, 6000));
    const waiting = send('a', 200);
    await send('b', 200);
    expect(sent).toEqual(['a 0', 'b 0']);
    await clock.advance(6250);
    await waiting;
  });

  it('a 429 says how long, and whether it is the route', async () => {
    const { send, told } = setup();
    expect(await send('a', 429, { 'retry-after': '7' })).toEqual({ ms: 7000, routeOnly: false });
    const other = setup();
    expect(await other.send('a', 429, told('route', 0, 4000))).toEqual({ ms: 4000, routeOnly: true });
    const token = setup();
    expect(await token.send('a', 429, { ...told('route', 3, 4000), ...told('auth-token', 0, 4000) })).toEqual({
      ms: 4000,
      routeOnly: false,
    });
  });

  it('a 429 with a reset in the past, or without any, holds for a second', async () => {
    for (const headers of [setup().told('global', 0, -5000), {}]) {
      const { clock, sent, send } = setup();
      expect(await send('a', 429, headers)).toEqual({ ms: 1000, routeOnly: false });
      const waiting = send('b', 200);
      await clock.advance(1000);
      expect(sent).toEqual(['a 0']);
      await clock.advance(250);
      await waiting;
    }
  });

  it('spreads what is left over the window where more wait than that', async () => {
    const { clock, sent, send, told } = setup(10);
    await send('a', 200, told('auth-token', 5, 10_000));
    const all = Array.from({ length: 8 }, () => send('a', 200));
    await clock.advance(12_000);
    await Promise.all(all);
    const times = sent.slice(1).map(line => Number(line.split(' ')[1]));
    expect(times.filter(time => time < 10_000)).toHaveLength(5);
    for (const [at, time] of times.slice(0, 5).entries())
      if (at > 0) expect(time - (times[at - 1] ?? 0)).toBeGreaterThan(1000);
  });

  it('lets a burst through, and spreads the second half of a budget', async () => {
    const { clock, sent, send, told } = setup(1);
    for (let left = 100; left >= 50; left--) await send('a', 200, told('global', left, 10_000));
    expect(sent.at(-1)).toBe('a 0');
    const slow = (async () => {
      for (let left = 49; left > 39; left--) await send('a', 200, told('global', left, 10_000));
    })();
    await clock.advance(3000);
    await slow;
    expect(Number(sent.at(-1)?.split(' ')[1])).toBeGreaterThan(1500);
  });

  it('slows nobody down while there is enough for all', async () => {
    const { sent, send, told } = setup();
    for (let left = 100; left > 60; left--) await send('a', 200, told('global', left, 10_000));
    expect(sent.at(-1)).toBe('a 0');
  });

  it('comes back at another time each', async () => {
    const times: number[] = [];
    for (const random of [0, 0.4, 0.9]) {
      const { clock, sent, send } = setup(4, () => random);
      await send('a', 429, { 'retry-after': '2' });
      const waiting = send('a', 200);
      await clock.advance(3000);
      await waiting;
      times.push(Number(sent[1]?.split(' ')[1]));
    }
    expect(new Set(times).size).toBe(3);
    expect(Math.min(...times)).toBeGreaterThanOrEqual(2000);
  });

  it('whoever stops waiting gives the place back', async () => {
    const { clock, limiter, send } = setup(1);
    await send('a', 429, { 'retry-after': '5' });
    const stop = new AbortController();
    const waiting = limiter.turn('a', stop.signal);
    const queued = limiter.turn('a', stop.signal);
    stop.abort(new Error('stopping'));
    await expect(waiting).rejects.toThrow('stopping');
    await expect(queued).rejects.toThrow('stopping');
    await clock.advance(6000);
    (await limiter.turn('a', never)).done();
  });

  it('is one for all targets with the same token', () => {
    const options = { clock: createFakeClock(), random: () => 0, concurrency: 1 };
    const one = limiterFor('api-same', 'https://a', options);
    expect(limiterFor('api-same', 'https://a', options)).toBe(one);
    expect(limiterFor('api-other', 'https://a', options)).not.toBe(one);
    expect(limiterFor('api-same', 'https://b', options)).not.toBe(one);
  });
});
