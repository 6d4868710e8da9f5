import { afterEach, describe, expect, it } from 'vitest';
import { createFakeClock } from '../fake-clock.ts';
import { loadDescription } from './description.ts';
import { call } from './fake-caller.ts';
import { OPTIMISTIC_LOCK } from './faults.ts';
import { createFakeLaunchDarkly, type FakeLaunchDarkly, type FakeLaunchDarklyOptions } from './server.ts';

const FLAG = '/api/v2/flags/default/beta';
const TURN_ON = { environmentKey: 'production', instructions: [{ kind: 'turnFlagOn' }] };

let fake: FakeLaunchDarkly;

async function open(options: FakeLaunchDarklyOptions = {}): Promise<void> {
  fake = await createFakeLaunchDarkly(options);
  fake.hand.addFlag('default', { key: 'beta' });
}

afterEach(async () => {
  await fake.close();
});

describe('pages of flags', () => {
  it('are 20 long unless told, tell the right total, and mislead about the next one', async () => {
    await open();
    for (let index = 0; index < 44; index++)
      fake.hand.addFlag('default', { key: `f${index}`, tags: [`t${index % 2}`] });
    const pages = await Promise.all(
      [0, 20, 40].map(offset => call(fake, 'GET', `/api/v2/flags/default?offset=${offset}`)),
    );
    expect(pages.map(({ body }) => (body['items'] as unknown[]).length)).toEqual([20, 20, 5]);
    expect(pages.map(({ body }) => body['totalCount'])).toEqual([45, 45, 45]);
    expect(pages.map(({ body }) => 'next' in (body['_links'] as object))).toEqual([false, false, true]);
    const keys = pages.flatMap(({ body }) => (body['items'] as { key: string }[]).map(({ key }) => key));
    expect(new Set(keys).size).toBe(45);
  });

  it('are filtered by tags and state, with the environments asked for', async () => {
    await open();
    fake.hand.addFlag('default', { key: 'a', tags: ['mine', 'x'] });
    fake.hand.addFlag('default', { key: 'b', tags: ['mine'] });
    fake.hand.addFlag('default', { key: 'c', tags: ['mine'] });
    fake.hand.archive('default', 'c');
    const keys = async (query: string) => {
      const { body } = await call(fake, 'GET', `/api/v2/flags/default?sort=key&${query}`);
      return (body['items'] as { key: string }[]).map(({ key }) => key);
    };
    expect(await keys('limit=100')).toEqual(['a', 'b', 'beta']);
    expect(await keys('filter=tags:mine,state:live')).toEqual(['a', 'b']);
    expect(await keys('filter=tags:mine%2Bx')).toEqual(['a']);
    expect(await keys('filter=state:archived')).toEqual(['c']);
    expect(await keys('tag=x')).toEqual(['a']);
    const { body } = await call(fake, 'GET', '/api/v2/flags/default?summary=0&env=production&env=test&tag=x');
    const [item] = body['items'] as { environments: Record<string, object> }[];
    expect(Object.keys(item?.environments ?? {})).toEqual(['production', 'test']);
    expect(item?.environments['test']).toMatchObject({ targets: [], rules: [], prerequisites: [] });
  });
});

describe('rate limits', () => {
  it('count per window of the clock that is given', async () => {
    const clock = createFakeClock();
    await open({ now: () => clock.now(), rateLimits: { global: 3, route: 2 } });
    const first = await call(fake, 'GET', FLAG);
    expect(first.headers.get('x-ratelimit-global-remaining')).toBe('2');
    expect(first.headers.get('x-ratelimit-route-remaining')).toBe('1');
    expect(first.headers.get('x-ratelimit-reset')).toBe(String(clock.now() + 10_000));
    expect((await call(fake, 'GET', FLAG)).status).toBe(200);
    const over = await call(fake, 'GET', FLAG);
    expect([over.status, over.body['code'], over.headers.get('retry-after')]).toEqual([429, 'rate_limited', null]);
    expect((await call(fake, 'GET', '/api/v2/caller-identity')).status).toBe(429);
    await clock.advance(10_000);
    expect((await call(fake, 'GET', FLAG)).status).toBe(200);
    expect(fake.rateLimited).toBe(2);
  });

  it('say Retry-After over the limit of an address, and may tell a reset that is past', async () => {
    const clock = createFakeClock();
    await open({ now: () => clock.now(), rateLimits: { ip: 1, token: 9, staleReset: true } });
    const first = await call(fake, 'GET', FLAG);
    expect(Number(first.headers.get('x-ratelimit-reset'))).toBeLessThan(clock.now());
    expect(first.headers.get('x-ratelimit-auth-token-remaining')).toBe('8');
    await clock.advance(4_500);
    expect((await call(fake, 'GET', FLAG)).headers.get('retry-after')).toBe('6');
  });
});

describe('faults', () => {
  const isOn = () => fake.config('default', 'beta', 'production')?.on;

  it('strike the requests that fit, so many times, after so many', async () => {
    await open();
    const meanwhile = () => fake.hand.patchFlag('default', 'beta', [{ kind: 'updateName', value: 'by hand' }]);
    fake.fault(OPTIMISTIC_LOCK, { method: 'PATCH', path: '/beta', body: 'turnFlagOn', times: 1, after: 1, meanwhile });
    expect((await call(fake, 'PATCH', FLAG, TURN_ON)).status).toBe(200);
    const struck = await call(fake, 'PATCH', FLAG, TURN_ON);
    expect([struck.status, struck.body['code']]).toEqual([409, 'optimistic_locking_error']);
    expect(fake.flag('default', 'beta')?.name).toBe('by hand');
    expect((await call(fake, 'PATCH', FLAG, TURN_ON)).status).toBe(200);
  });

  it.each(['reset', 'half-answer'] as const)('%s: done or not done, but not answered', async kind => {
    await open();
    const lift = fake.fault({ kind });
    await expect(call(fake, 'PATCH', FLAG, TURN_ON)).rejects.toThrow();
    expect(isOn()).toBe(false);
    lift();
    fake.fault({ kind, applied: true });
    await expect(call(fake, 'PATCH', FLAG, TURN_ON)).rejects.toThrow();
    expect(isOn()).toBe(true);
    expect(fake.requests.map(({ applied, status }) => [applied, status])).toEqual([
      [false, 0],
      [true, 0],
    ]);
  });

  it('hold an answer until the test lets it go, with the write before or after', async () => {
    await open();
    const { promise, resolve } = Promise.withResolvers<void>();
    fake.fault({ kind: 'hold', until: promise, when: 'after' }, { times: 1 });
    const answer = call(fake, 'PATCH', FLAG, TURN_ON);
    await fake.waitFor(() => isOn() === true);
    expect(fake.requests[0]?.status).toBe(0);
    resolve();
    expect((await answer).status).toBe(200);
  });
});

describe('the log', () => {
  it('keeps what was asked, without the token', async () => {
    await open();
    await call(fake, 'PATCH', FLAG, TURN_ON);
    expect(fake.writes).toMatchObject([{ method: 'PATCH', path: FLAG, body: TURN_ON, status: 200, applied: true }]);
    expect(JSON.stringify(fake.requests)).not.toContain(fake.token);
  });
});

describe('what is not as LaunchDarkly describes it', () => {
  it('is found: no version, no such route', async () => {
    await open();
    await call(fake, 'GET', FLAG, undefined, { 'ld-api-version': '20220603' });
    await call(fake, 'GET', '/api/v2/flagz');
    expect(fake.takeViolations()).toEqual([
      `GET ${FLAG}: LD-API-Version must be 20240415`,
      'GET /api/v2/flagz: no such route',
    ]);
  });

  it('makes closing fail', async () => {
    await open();
    await call(fake, 'GET', FLAG, undefined, { 'ld-api-version': '' });
    await expect(fake.close()).rejects.toThrow('LD-API-Version');
    fake.takeViolations();
  });

  it.skipIf(loadDescription() === undefined)('is found in queries and bodies', async () => {
    await open();
    await call(fake, 'GET', '/api/v2/flags/default?limits=100');
    await call(fake, 'POST', '/api/v2/flags/default', { key: 'k', name: 'K', tag: [] });
    await call(fake, 'PATCH', FLAG, { environmentKey: 'production', instruction: [] });
    expect(fake.takeViolations()).toEqual([
      expect.stringContaining('"limits" is not described'),
      expect.stringContaining('must NOT have additional properties {"additionalProperty":"tag"}'),
      expect.stringContaining("must have required property 'instructions'"),
    ]);
  });
});
