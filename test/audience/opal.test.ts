import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { callbackKey } from '../../src/audience/opal/callback.ts';
import { opalSource } from '../../src/audience/opal/index.ts';
import type { Hint, SeenSource, Source } from '../../src/domain/audience.ts';
import { ProblemError } from '../../src/domain/problem.ts';
import { type Log, silentLog } from '../../src/lib/log.ts';
import { createFakeClock, type FakeClock } from '../support/fake-clock.ts';
import { type FakeOpa, startFakeOpa } from '../support/fake-opa.ts';
import { type FakeOpal, startFakeOpal } from '../support/fake-opal.ts';
import { ask, resolveAll, saidBy, sourceContext } from '../support/source-context.ts';

const canary = 'canary-token-77';
const never = new AbortController().signal;
const key = 'optoggles-acme-example';
let opa: FakeOpa;
let opal: FakeOpal;
let clock: FakeClock;
let listener: Server;
let advertisedAddress: string;
let received: { authorization: string | undefined; url: string | undefined; body: string }[];
const closing: (() => Promise<unknown>)[] = [];

beforeEach(async () => {
  opa = await startFakeOpa();
  opal = await startFakeOpal();
  opal.policyStore['url'] = opa.url;
  clock = createFakeClock();
  received = [];
  listener = createServer((request, response) => {
    let body = '';
    request.on('data', chunk => (body += String(chunk)));
    request.on('end', () => {
      received.push({ authorization: request.headers.authorization, url: request.url, body });
      response.end();
    });
  });
  await new Promise<void>(resolve => listener.listen(0, '127.0.0.1', resolve));
  advertisedAddress = `127.0.0.1:${(listener.address() as AddressInfo).port}`;
});

afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
  listener.closeAllConnections();
  await Promise.all([opa.close(), opal.close(), new Promise(resolve => listener.close(resolve))]);
});

function create(
  settings: Record<string, unknown> = {},
  callback: { bearer: string; port: number } | undefined = { bearer: canary, port: 8080 },
  log: Log = silentLog,
): Source {
  const source = opalSource.create(
    { url: opal.url, advertisedAddress, ...settings },
    sourceContext({ clock, callback, log }),
  );
  closing.push(() => source.close(never));
  return source;
}

/** Runs the hints and gives what was pushed so far. */
function watch(source: Source): { hints: Hint[]; kinds: () => string[]; stop: () => Promise<void> } {
  const hints: Hint[] = [];
  const stop = new AbortController();
  const running = source.hints(hint => hints.push(hint), stop.signal);
  const end = async () => {
    stop.abort();
    await running;
  };
  closing.push(end);
  const kinds = () =>
    hints.map(hint => (hint.kind === 'registration' && hint.problem ? `problem ${hint.problem.code}` : hint.kind));
  return { hints, kinds, stop: end };
}

/** Of requests over real sockets; a busy machine takes its time. */
const patiently = { interval: 5, timeout: 10_000 };

/** Moves the clock on in small steps, with time for requests between, until something is so. */
async function advanceUntil(isSo: () => boolean, ms: number, step = 500): Promise<void> {
  for (let passed = 0; passed < ms && !isSo(); passed += step) {
    await clock.advance(step);
    await new Promise(resolve => setTimeout(resolve, 5));
  }
  await vi.waitFor(() => expect(isSo()).toBe(true), patiently);
}

describe('the callback', () => {
  it('is registered, and comes with our bearer', async () => {
    const { kinds } = watch(create());
    await vi.waitFor(() => expect(kinds()).toEqual(['registration', 'registered']), patiently);
    expect([...opal.callbacks.keys()]).toEqual([key]);
    expect(await opal.fire()).toEqual([200]);
    expect(received).toMatchObject([{ authorization: `Bearer ${canary}`, url: '/opa_update' }]);
  });

  it('is left alone while it stands, also after OPAL wrote its reports into it', async () => {
    const { kinds } = watch(create({ watch: '10s' }));
    await vi.waitFor(() => expect(kinds().length).toBe(2), patiently);
    await opal.fire();
    await advanceUntil(() => opal.count('GET /callbacks/') >= 3, 60_000);
    expect(opal.count('POST /callbacks')).toBe(1);
    expect(kinds().filter(kind => kind !== 'resync')).toEqual(['registration', 'registered']);
  });

  it.each<[string, () => void]>([
    ['OPAL restarted', () => opal.restart()],
    ['another url', () => ((opal.callbacks.get(key) as { url: string }).url = 'http://elsewhere/')],
    [
      'another bearer',
      () =>
        ((opal.callbacks.get(key) as { config: { headers: unknown } }).config.headers = {
          Authorization: 'Bearer other',
        }),
    ],
    ['no headers', () => ((opal.callbacks.get(key) as { config: { headers: unknown } }).config.headers = null)],
    ['another method', () => ((opal.callbacks.get(key) as { config: { method: string } }).config.method = 'get')],
  ])('is registered again after: %s', async (_, spoil) => {
    const { kinds } = watch(create());
    await vi.waitFor(() => expect(kinds().length).toBe(2), patiently);
    spoil();
    await advanceUntil(() => opal.count('POST /callbacks') === 2, 20_000, 1000);
    await vi.waitFor(
      () => expect(kinds()).toEqual(['registration', 'registered', 'registration', 'registered']),
      patiently,
    );
    await opal.fire();
    expect(received.at(-1)).toMatchObject({ authorization: `Bearer ${canary}`, url: '/opa_update' });
  });

  it('waits for an OPAL that is late, says so once, and looks when it is there', async () => {
    await opal.stop();
    const { hints, kinds } = watch(create());
    await advanceUntil(() => kinds().length === 1, 1000);
    await advanceUntil(() => clock.now() > Date.UTC(2026, 10, 21) + 60_000, 70_000, 5000);
    expect(kinds()).toEqual(['problem unreachable']);
    expect(hints[0]).toMatchObject({ problem: { hint: expect.stringMatching(/./) } });
    await opal.start();
    await advanceUntil(() => kinds().includes('registered'), 30_000, 1000);
    expect(kinds()).toEqual(['problem unreachable', 'registration', 'registered']);
  });

  it('after a time without OPAL somebody looks, even if the registration stands', async () => {
    const { kinds } = watch(create());
    await vi.waitFor(() => expect(kinds().length).toBe(2), patiently);
    opal.options.status = 503;
    await advanceUntil(() => kinds().length === 3, 20_000, 1000);
    opal.options.status = undefined;
    await advanceUntil(() => kinds().length === 5, 40_000, 1000);
    expect(kinds()).toEqual(['registration', 'registered', 'problem http-status', 'registration', 'registered']);
    expect(opal.count('POST /callbacks')).toBe(1);
  });

  it('names the token that OPAL wants, and not the one it has', async () => {
    opal.options.token = 'listener-token';
    const { hints, kinds } = watch(create({ token: canary }));
    await vi.waitFor(() => expect(kinds()).toEqual(['problem http-status']), patiently);
    expect(JSON.stringify(hints)).toMatch(/peer_type listener/);
    expect(JSON.stringify(hints)).not.toContain(canary);
  });

  it('says what else answers at that address', async () => {
    opal.options.status = 404;
    const { hints } = watch(create());
    await vi.waitFor(() => expect(JSON.stringify(hints)).toMatch(/OPAL client \(port 7000\)/), patiently);
  });

  it('is taken back at the end; gone already is fine', async () => {
    for (const isGone of [false, true]) {
      const source = create();
      const { kinds, stop } = watch(source);
      await vi.waitFor(() => expect(kinds().length).toBe(2), patiently);
      if (isGone) opal.restart();
      await stop();
      await source.close(never);
      expect(opal.callbacks.size).toBe(0);
    }
    expect(opal.count('DELETE /callbacks/')).toBe(2);
  });

  it('one-shot commands register nothing, and take nothing back', async () => {
    const source = opalSource.create({ url: opal.url, resync: '1m' }, sourceContext({ clock }));
    expect(source.announces).toBe(false);
    const { kinds, stop } = watch(source);
    await advanceUntil(() => kinds().length >= 2, 120_000, 10_000);
    expect(kinds()).toEqual(['resync', 'resync']);
    await stop();
    await source.close(never);
    expect(opal.count('callbacks')).toBe(0);
  });

  it.each<[Record<string, unknown>]>([
    [{ advertisedAddress: undefined }],
    [{ advertisedAddress: 'http://host:80' }],
    [{ advertisedAddress: 'host:80/path' }],
    [{ advertisedAddress: ':::' }],
  ])('needs an address of ours: %j', settings => {
    const given = { url: opal.url, advertisedAddress, ...settings };
    const context = sourceContext({ clock, callback: { bearer: canary, port: 1 } });
    expect(() => opalSource.create(given, context)).toThrow(ProblemError);
  });

  it.each([
    ['advertisedAddress', '[::1]:8080', 'http://[::1]:8080/opa_update'],
    ['callbackUrl', 'https://x.example/hooks/opal', 'https://x.example/hooks/opal'],
  ])('%s %s is called at %s', async (name, value, url) => {
    watch(create({ [name]: value }));
    await vi.waitFor(() => expect(opal.callbacks.get(key)?.url).toBe(url), patiently);
  });

  it.each([
    ['acme', 's', 'optoggles-acme-s'],
    ['a/b', 's p', 'optoggles-a~2f~b-s~20~p'],
    ['~', 'é', 'optoggles-~7e~-~e9~'],
  ])('key of %s and %s', (instance, id, expected) => {
    expect(callbackKey(instance, id)).toBe(expected);
  });
});

describe('finding OPA', () => {
  const asks = [ask('app.rbac.x')];

  it('asks OPAL once, and again when OPA cannot be reached', async () => {
    opa.set('app/rbac/x', ['a']);
    const source = create();
    expect((await resolveAll(source, asks)).map(saidBy)).toEqual([['a']]);
    await source.readiness(undefined, never);
    expect(opal.count('policy-store')).toBe(1);
    const other = await startFakeOpa();
    closing.push(() => other.close());
    other.set('app/rbac/x', ['b']);
    await opa.stop();
    opal.policyStore['url'] = other.url;
    await expect(resolveAll(source, asks)).rejects.toMatchObject({ problem: { code: 'unreachable' } });
    expect((await resolveAll(source, asks)).map(saidBy)).toEqual([['b']]);
    expect(opal.count('policy-store')).toBe(2);
  });

  it('stays with the last address while OPAL is down', async () => {
    opa.set('app/rbac/x', ['a']);
    const source = create();
    await resolveAll(source, asks);
    await Promise.all([opa.stop(), opal.stop()]);
    await expect(resolveAll(source, asks)).rejects.toThrow();
    await expect(resolveAll(source, asks)).rejects.toMatchObject({
      problem: { message: expect.stringMatching(/^OPA of/) },
    });
    await opa.start();
    expect((await resolveAll(source, asks)).map(saidBy)).toEqual(['unchanged']);
  });

  it('says when neither can be found', async () => {
    await opal.stop();
    await expect(create().readiness(undefined, never)).rejects.toMatchObject({
      problem: { code: 'unreachable', message: expect.stringMatching(/^OPAL of source example: nobody listens/) },
    });
  });

  it('a configured address wins, and OPAL is not asked', async () => {
    opa.options.token = 'opa-token';
    opa.set('app/rbac/x', ['a']);
    opal.policyStore['url'] = 'http://127.0.0.1:1';
    const source = create({ opa: { url: opa.url, token: 'opa-token' } });
    expect((await resolveAll(source, asks)).map(saidBy)).toEqual([['a']]);
    expect(opal.count('policy-store')).toBe(0);
  });

  it("OPA's token comes from OPAL, and is in no error", async () => {
    opa.options.token = canary;
    opa.set('app/rbac/x', ['a']);
    Object.assign(opal.policyStore, { auth_type: 'token', token: canary });
    const source = create({}, undefined);
    expect((await resolveAll(source, asks)).map(saidBy)).toEqual([['a']]);
    opa.options.token = 'changed';
    expect(JSON.stringify(await resolveAll(source, asks))).not.toContain(canary);
  });
});

describe('readiness', () => {
  const transaction = (id: string, second = 0) => ({ id, success: true, end_time: `2026-11-21T10:00:0${second}` });
  const document = (data: string, second = 0) => ({
    last_policy_transaction: transaction('git1', second),
    last_data_transaction: transaction(data),
    last_failed_policy_transaction: {},
    last_failed_data_transaction: {},
  });

  /** Looks again and again, with what was seen before: `ready system.opal`. */
  function looksAt(source: Source): () => Promise<string> {
    let seen: SeenSource | undefined;
    return async () => {
      const found = await source.readiness(seen, never);
      seen = found.seen;
      return `${found.readiness.state} ${found.readiness.by}`;
    };
  }

  it('an OPA that restarted empty and got its policy is suspect until OPAL has loaded its data', async () => {
    const source = create();
    const look = looksAt(source);
    opa.systemOpal(document('d1'));
    expect(await look()).toBe('suspect system.opal');
    await advanceUntil(() => opal.count('-updater/trigger') === 2, 15_000);
    opa.systemOpal(document('d2'));
    expect(await look()).toBe('ready system.opal');

    await clock.advance(300_000);
    opa.restart();
    expect(await look()).toBe('suspect system.opal');
    const askedAt = clock.now();
    await advanceUntil(() => opal.count('-updater/trigger') === 4, 15_000);
    opa.systemOpal(document('d2'));
    expect(await look()).toBe('suspect system.opal');
    await clock.advance(askedAt + 299_000 - clock.now());
    await look();
    expect(opal.count('-updater/trigger')).toBe(4);
    await clock.advance(1000);
    await look();
    await advanceUntil(() => opal.count('-updater/trigger') === 6, 15_000);
    opa.systemOpal(document('d3'));
    expect(await look()).toBe('ready system.opal');
  });

  // Noted at once, policy and data race for one document of OPA, and the update that is waited for may never be shown.
  it('data are asked for once OPAL has noted the policy', async () => {
    const source = create({ opa: { url: opa.url } });
    opa.systemOpal(document('d1'));
    await source.readiness(undefined, never);
    await vi.waitFor(() => expect(opal.count('POST /policy-updater/trigger')).toBe(1), patiently);
    const asked = opa.count('system/opal');
    await advanceUntil(() => opa.count('system/opal') > asked + 4, 3_000, 250);
    expect(opal.count('POST /data-updater/trigger')).toBe(0);
    opa.systemOpal(document('d1', 1));
    await advanceUntil(() => opal.count('POST /data-updater/trigger') === 1, 3_000, 250);
  });

  it('data are asked for at last where OPAL notes no policy, and whatever becomes of OPA meanwhile', async () => {
    const source = create({ opa: { url: opa.url } });
    opa.systemOpal(document('d1'));
    await source.readiness(undefined, never);
    await vi.waitFor(() => expect(opal.count('POST /policy-updater/trigger')).toBe(1), patiently);
    await opa.stop();
    await clock.advance(9_000);
    expect(opal.count('POST /data-updater/trigger')).toBe(0);
    await advanceUntil(() => opal.count('POST /data-updater/trigger') === 1, 20_000);
    await opa.start();
  });

  it('a source that is closed asks for nothing more', async () => {
    const source = create({ opa: { url: opa.url } });
    opa.systemOpal(document('d1'));
    await source.readiness(undefined, never);
    await vi.waitFor(() => expect(opal.count('POST /policy-updater/trigger')).toBe(1), patiently);
    await source.close(never);
    await clock.advance(20_000);
    expect(opal.count('POST /data-updater/trigger')).toBe(0);
    expect(clock.waiting).toBe(0);
  });

  it('where sentinels decide nothing is waited for', async () => {
    const source = create({ opa: { url: opa.url }, sentinels: ['data.example.users'] });
    opa.systemOpal(document('d1'));
    await source.readiness(undefined, never);
    await vi.waitFor(() => expect(opal.count('-updater/trigger')).toBe(2), patiently);
  });

  it('an update that nobody saw before OPA restarted empty proves nothing when OPAL notes it again with the policy', async () => {
    const source = create({ reload: 'never' });
    const look = looksAt(source);
    opa.systemOpal(document('d1'));
    await look();
    opa.systemOpal(document('d2'));
    expect(await look()).toBe('ready system.opal');
    opa.restart();
    expect(await look()).toBe('suspect system.opal');
    // Of d3 no callback came; the policy was loaded after it.
    opa.systemOpal(document('d3', 5));
    expect(await look()).toBe('suspect system.opal');
    opa.systemOpal(document('d4', 5));
    expect(await look()).toBe('ready system.opal');
  });

  it('what answers showed of system.opal is not taken for what a new instance shows', async () => {
    const source = create();
    opa.systemOpal(document('d1'));
    const first = await source.readiness(undefined, never);
    opa.systemOpal(document('d2'));
    const second = await source.readiness(first.seen, never);
    expect(second.readiness).toMatchObject({ state: 'ready', dataUpdate: 'd2' });
    opa.systemOpal(document('d3'));
    await resolveAll(source, [ask('a.b')]);
    opa.restart();
    const third = await source.readiness(second.seen, never);
    expect(third.readiness).toMatchObject({ state: 'suspect' });
    expect(third.readiness.dataUpdate).toBe(undefined);
    expect(third.seen.firstLook?.dataTransaction).toBe(null);
  });

  it('never reloads when told so', async () => {
    opa.systemOpal(document('d1'));
    const { readiness } = await create({ reload: 'never' }).readiness(undefined, never);
    expect(readiness).toMatchObject({ state: 'suspect', by: 'nothing' });
    await new Promise(resolve => setTimeout(resolve, 20));
    expect(opal.count('trigger')).toBe(0);
  });

  it('an OPAL that has no data yet loads them by itself, and is asked only when it does not', async () => {
    const told: string[] = [];
    const source = create({}, undefined, { ...silentLog, info: (_, message) => told.push(message) });
    const look = looksAt(source);
    opa.systemOpal({ ...document('d1'), last_data_transaction: {} });
    expect(await look()).toBe('suspect system.opal');
    await clock.advance(14_000);
    await look();
    expect(told).toEqual([]);
    await clock.advance(1000);
    await look();
    await advanceUntil(() => opal.count('-updater/trigger') === 2, 15_000);
    opa.systemOpal(document('d1'));
    expect(await look()).toBe('ready system.opal');
  });

  it('a reload that OPAL did not take is tried again soon, not in 5 minutes', async () => {
    const warnings: string[] = [];
    const log: Log = { ...silentLog, warn: (_, message) => warnings.push(message) };
    const source = create({ opa: { url: opa.url } }, undefined, log);
    opa.systemOpal(document('d1'));
    await opal.stop();
    const { seen } = await source.readiness(undefined, never);
    await vi.waitFor(() => expect(warnings).toHaveLength(1), patiently);
    await opal.start();
    await source.readiness(seen, never);
    expect(opal.count('trigger')).toBe(0);
    await clock.advance(15_000);
    await source.readiness(seen, never);
    await advanceUntil(() => opal.count('-updater/trigger') === 2, 15_000);
    expect(warnings).toHaveLength(1);
  });

  it('a reload that OPAL refuses changes nothing', async () => {
    const source = create({ opa: { url: opa.url } });
    opa.systemOpal(document('d1'));
    await opal.stop();
    const { readiness } = await source.readiness(undefined, never);
    expect(readiness.state).toBe('suspect');
  });
});
