import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Target } from '../../../src/domain/target.ts';
import { HttpError } from '../../../src/lib/http-error.ts';
import { silenceOf } from '../../../src/targets/restapi/answers.ts';
import { restapiTarget } from '../../../src/targets/restapi/index.ts';
import { applied, applyOne, listingChange, listingFor, placementChange } from '../../support/changes.ts';
import { type FakeRestApi, openFakeRestApi } from '../../support/fake-rest-api.ts';
import { type FaultProxy, openFaultProxy } from '../../support/fault-proxy.ts';
import { targetContext } from '../../support/target-context.ts';

const token = 'Bearer s3cr3t-t0ken';
let fake: FakeRestApi;
let proxy: FaultProxy;
const made: Target[] = [];

beforeEach(async () => {
  fake = await openFakeRestApi({ require: { authorization: token } });
  proxy = await openFaultProxy(fake.port);
  fake.toggles.set('us-feature', { users: ['alice'] });
});

afterEach(async () => {
  for (const target of made.splice(0)) await target.close();
  await proxy.close();
  await fake.close();
});

function open(settings: Readonly<Record<string, unknown>> = {}): Target {
  const target = restapiTarget.create(
    { endpointUrl: fake.url, extraHeaders: { Authorization: token }, timeout: '1s', ...settings },
    targetContext(),
  );
  made.push(target);
  return target;
}

function behindProxy(): Target {
  return open({ endpointUrl: `http://127.0.0.1:${proxy.port}/toggles` });
}

function revocation(target: Target, key = 'us-feature') {
  return placementChange(listingFor(target, { key }), { before: ['alice'], after: ['bob'] });
}

describe('what an answer means for a write', () => {
  it.each([
    [400, {}, { result: 'failed', scope: 'change' }],
    [401, {}, { result: 'failed', scope: 'target' }],
    [405, {}, { result: 'failed', scope: 'change' }],
    [408, {}, { result: 'failed', scope: 'change' }],
    [409, {}, { result: 'conflict' }],
    [412, {}, { result: 'conflict' }],
    [413, {}, { result: 'failed', scope: 'change' }],
    [415, {}, { result: 'failed', scope: 'change' }],
    [422, {}, { result: 'failed', scope: 'change' }],
    [429, {}, { result: 'failed', scope: 'target' }],
    [429, { 'retry-after': '7' }, { result: 'failed', scope: 'target', retryAfter: 7000 }],
    [500, {}, { result: 'unanswered' }],
    [500, { 'retry-after': '4' }, { result: 'unanswered', retryAfter: 4000 }],
    [501, {}, { result: 'failed', scope: 'change' }],
    [502, {}, { result: 'unanswered' }],
    [503, {}, { result: 'failed', scope: 'change' }],
    [503, { 'retry-after': '3' }, { result: 'failed', scope: 'target', retryAfter: 3000 }],
    [502, { 'retry-after': '5' }, { result: 'unanswered', retryAfter: 5000 }],
    [504, {}, { result: 'unanswered' }],
    [504, { 'retry-after': '6' }, { result: 'unanswered', retryAfter: 6000 }],
    [302, { location: 'http://127.0.0.1:9/' }, { result: 'failed', scope: 'target' }],
    [307, { location: 'http://127.0.0.1:9/' }, { result: 'failed', scope: 'target' }],
  ])('PATCH answered %d %o', async (status, headers, expected) => {
    fake.fault({ kind: 'status', status, headers, body: '{"said":"alice is not welcome"}' });
    const outcome = await applyOne(open(), revocation(open()));
    expect(outcome).toMatchObject(expected);
    if (!('problem' in outcome)) throw new Error('no problem');
    expect(outcome.problem.message).toContain(`PATCH 127.0.0.1:${fake.port}/toggles/us-feature`);
    expect(outcome.problem.message).toContain(String(status));
    expect(outcome.problem.hint).toBeTruthy();
    expect(JSON.stringify(outcome)).not.toMatch(/s3cr3t|t0ken|alice|bob/);
    expect(fake.writes.length).toBe(1);
  });

  it.each([200, 201, 202, 204, 206])('PATCH and POST answered %d are done', async status => {
    fake.fault({ kind: 'status', status, applied: true });
    const target = open();
    expect(await applyOne(target, revocation(target))).toMatchObject({ result: 'done' });
    const created = listingChange(listingFor(target, { key: 'new' }), 'create');
    expect(await applyOne(target, created)).toEqual({ change: created.id, result: 'done' });
  });

  it('a create that finds the toggle is done, and says that it existed', async () => {
    const target = open();
    const change = listingChange(listingFor(target), 'create');
    expect(await applyOne(target, change)).toEqual({ change: change.id, result: 'done', existed: true });
  });

  it('a bad token names extraHeaders, and ends the batch after the writes under way', async () => {
    const target = open({ extraHeaders: { Authorization: 'Bearer wrong-t0ken' }, concurrency: 2 });
    const keys = Array.from({ length: 30 }, (_, index) => `t${index}`);
    const outcomes = await applied(
      target,
      keys.map(key => revocation(target, key)),
    );
    expect(outcomes.size).toBe(30);
    for (const outcome of outcomes.values()) {
      expect(outcome).toMatchObject({ result: 'failed', scope: 'target' });
      expect(JSON.stringify(outcome)).toContain('extraHeaders');
      expect(JSON.stringify(outcome)).not.toContain('wrong-t0ken');
    }
    expect(fake.writes.length).toBeLessThanOrEqual(3);
  });

  it('a gateway that wants patience gets it for the rest of the batch, of which nothing was sent', async () => {
    const target = open({ concurrency: 1 });
    fake.fault({ kind: 'status', status: 502, headers: { 'retry-after': '5' } });
    const changes = ['a', 'b', 'c'].map(key => revocation(target, key));
    const outcomes = [...(await applied(target, changes)).values()];
    expect(outcomes).toMatchObject([
      { result: 'unanswered', retryAfter: 5000 },
      { result: 'failed', scope: 'target', retryAfter: 5000 },
      { result: 'failed', scope: 'target', retryAfter: 5000 },
    ]);
    expect(fake.writes.length).toBe(1);
  });

  it('one forbidden toggle does not stop the others', async () => {
    const target = open({ concurrency: 1 });
    for (const key of ['a', 'b', 'c']) fake.toggles.set(key, { users: ['alice'] });
    fake.fault({ kind: 'status', status: 403 }, { key: 'b' });
    const changes = ['a', 'b', 'c'].map(key => revocation(target, key));
    const outcomes = [...(await applied(target, changes)).values()];
    expect(outcomes).toMatchObject([{ result: 'done' }, { result: 'failed', scope: 'change' }, { result: 'done' }]);
  });

  it('a token that never worked and is forbidden everything is a matter of the target', async () => {
    const target = open();
    fake.fault({ kind: 'status', status: 403 });
    expect(await applyOne(target, revocation(target))).toMatchObject({ result: 'failed', scope: 'target' });
  });

  it('a toggle that its creation does not make findable is a conflict', async () => {
    const target = open();
    fake.fault({ kind: 'status', status: 404 }, { method: 'PATCH' });
    const outcome = await applyOne(target, revocation(target));
    expect(outcome).toMatchObject({ result: 'conflict', problem: { code: 'toggle-vanished' } });
    expect(fake.writes.length).toBe(3);
  });
});

describe('what a broken network means for a write', () => {
  it.each([
    [200, { result: 'done' }],
    [413, { result: 'failed', scope: 'change' }],
    [500, { result: 'unanswered' }],
    [undefined, { result: 'unanswered' }],
  ])('%s and then more than is read', (status, expected) => {
    const problem = { code: 'too-large', message: 'Too large.', hint: 'Say less.' } as const;
    const error = new HttpError(problem, { sent: true, ...(status !== undefined && { status }) });
    expect(silenceOf(error)).toMatchObject(expected);
  });

  it('refused connections: nothing was written, and the rest of the batch is not tried', async () => {
    const target = behindProxy();
    await proxy.set({ kind: 'refuse' });
    const keys = Array.from({ length: 50 }, (_, index) => `t${index}`);
    const outcomes = await applied(
      target,
      keys.map(key => revocation(target, key)),
    );
    for (const outcome of outcomes.values()) {
      expect(outcome).toMatchObject({ result: 'failed', scope: 'target', problem: { code: 'unreachable' } });
    }
    await proxy.set({ kind: 'none' });
    expect(await applyOne(target, revocation(target))).toMatchObject({ result: 'done' });
  });

  it.each([
    [{ kind: 'reset-after-request' } as const, 'unreachable'],
    [{ kind: 'half-answer', bytes: 40 } as const, 'unreachable'],
    [{ kind: 'stall' } as const, 'timeout'],
  ])('%o: nobody knows', async (fault, code) => {
    const target = behindProxy();
    await proxy.set(fault);
    expect(await applyOne(target, revocation(target))).toMatchObject({ result: 'unanswered', problem: { code } });
    // It was done, in fact.
    expect(fake.serves('us-feature', 'bob')).toBe(true);
    await proxy.set({ kind: 'none' });
    expect(await applyOne(target, revocation(target))).toMatchObject({ result: 'done' });
  });

  it('a stop while a write is under way leaves that one unanswered and the others unsent', async () => {
    const target = open({ concurrency: 1, timeout: '30s' });
    fake.fault({ kind: 'hang' });
    const stop = new AbortController();
    const changes = ['us-feature', 'other'].map(key => revocation(target, key));
    const running = applied(target, changes, stop.signal);
    await fake.waitFor(({ writes }) => writes.length === 1);
    stop.abort(new Error('stopping'));
    expect([...(await running).values()].map(({ result }) => result)).toEqual(['unanswered', 'late']);
    await fake.waitFor(({ sockets }) => sockets.open === 0);
  });
});

describe('one toggle that never answers', () => {
  it('costs its slot, and nobody else waits', async () => {
    const target = open({ concurrency: 2, timeout: '30s' });
    const keys = Array.from({ length: 20 }, (_, index) => `t${index}`);
    for (const key of keys) fake.toggles.set(key, { users: ['alice'] });
    fake.fault({ kind: 'hang' }, { key: 't0' });
    const stop = new AbortController();
    const changes = keys.map(key => revocation(target, key));
    const results: string[] = [];
    for await (const { result } of target.apply(changes, stop.signal, () => true)) {
      if (results.push(result) === 19) stop.abort(new Error('enough'));
    }
    expect(results).toEqual([...Array.from({ length: 19 }, () => 'done'), 'unanswered']);
    expect(fake.serves('t0', 'alice')).toBe(true);
  });

  it('gives its slot away when every slot hangs', async () => {
    const target = open({ concurrency: 2, timeout: '30s' });
    for (const key of ['t0', 't1', 't2', 't3']) fake.toggles.set(key, { users: ['alice'] });
    for (const key of ['t0', 't1']) fake.fault({ kind: 'hang' }, { key });
    const stop = new AbortController();
    const running = applied(
      target,
      ['t0', 't1', 't2', 't3'].map(key => revocation(target, key)),
      stop.signal,
    );
    const begin = performance.now();
    await fake.waitFor(api => api.serves('t2', 'bob') === true && api.serves('t3', 'bob') === true);
    // Two seconds are given; thirty would be the time limit.
    expect(performance.now() - begin).toBeLessThan(10_000);
    stop.abort(new Error('enough'));
    await running;
  });

  it('does not hold up a later batch', async () => {
    const target = open({ concurrency: 1, timeout: '30s' });
    fake.toggles.set('other', { users: ['alice'] });
    fake.fault({ kind: 'hang' }, { key: 'us-feature' });
    const stop = new AbortController();
    const hanging = applied(target, [revocation(target)], stop.signal);
    await fake.waitFor(({ writes }) => writes.length === 1);
    expect(await applyOne(target, revocation(target, 'other'))).toMatchObject({ result: 'done' });
    stop.abort(new Error('enough'));
    await hanging;
  });
});
