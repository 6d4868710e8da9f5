import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { opaSource } from '../../src/audience/opa/index.ts';
import { opalSource } from '../../src/audience/opal/index.ts';
import type { Audience, Hint, Source, Unchanged } from '../../src/domain/audience.ts';
import { type Clock, systemClock } from '../../src/lib/clock.ts';
import { ask, resolveAll, sourceContext } from '../support/source-context.ts';
import { expectForPeople, expectProblems } from './expect-problem.ts';
import { mutated, mutatedBytes, nested } from './mutate.ts';
import { openRawServer, type RawAnswer, type RawServer } from './raw-server.ts';

let server: RawServer;
const sources: Source[] = [];

beforeEach(async () => {
  server = await openRawServer();
});
afterEach(async () => {
  for (const source of sources.splice(0)) await source.close(AbortSignal.timeout(2_000));
  await server.close();
});

const config = '{"result":{"labels":{"id":"an-opa","version":"1.22.0"}}}';

/** What an answer says, by the shortest reading of behaviour.md §5; undefined: it is no good answer. */
function said(status: number, body: Uint8Array): string[] | 'undefined' | 'failed' {
  if (status !== 200) return 'failed';
  let whole: unknown;
  try {
    whole = JSON.parse(Buffer.from(body).toString('utf8'));
  } catch {
    return 'failed';
  }
  if (typeof whole !== 'object' || whole === null || Array.isArray(whole)) return 'failed';
  if (!Object.hasOwn(whole, 'result')) return 'undefined';
  const { result } = whole as { result: unknown };
  if (typeof result !== 'object' || result === null) return 'failed';
  const isList = Array.isArray(result);
  if (!isList && Object.values(result).some(value => typeof value !== 'boolean')) return 'failed';
  const members: unknown[] = isList ? result : Object.keys(result);
  const good = members.every(
    one =>
      typeof one === 'string' &&
      one !== '' &&
      one.isWellFormed() &&
      !/\p{Cc}/u.test(one) &&
      Buffer.byteLength(one) <= 1024,
  );
  if (!good) return 'failed';
  const kept = isList
    ? (members as string[])
    : Object.keys(result).filter(key => (result as Record<string, boolean>)[key]);
  return [...new Set(kept)].sort();
}

function heard(item: Audience | Unchanged | undefined): string[] | 'undefined' | 'failed' | 'other' {
  if (item === undefined || 'unchanged' in item) return 'other';
  if (item.state === 'failed') expectProblems([item.error]);
  if (item.state === 'undefined' || item.state === 'failed') return item.state;
  if (item.state !== 'defined' || item.who.kind !== 'members') return 'other';
  return [...item.who.members.values()].sort();
}

/** A source that was never asked before, asked once. */
async function answerTo(answer: RawAnswer): Promise<ReturnType<typeof heard> | 'thrown'> {
  server.say({ '/v1/config': { body: config }, '/v1/data/app/rbac': answer });
  const source = opaSource.create({ url: server.url }, sourceContext());
  try {
    return heard((await resolveAll(source, [ask('app.rbac.us_users')]))[0]);
  } catch (error) {
    expectForPeople(error);
    return 'thrown';
  } finally {
    await source.close(AbortSignal.timeout(2_000));
  }
}

const good = '{"decision_id":"d-1","result":["alice","bob","zoë"]}';
const object = '{"result":{"alice":true,"bob":false,"carol":true}}';

async function check(body: Uint8Array, status = 200): Promise<void> {
  const got = await answerTo({ status, body });
  const wanted = said(status, body);
  if (wanted === 'failed') expect(['failed', 'thrown']).toContain(got);
  else expect(got).toEqual(wanted);
}

/** Nobody waits longer than a moment. */
function hurried(): Clock {
  return { ...systemClock, sleep: (ms, signal) => systemClock.sleep(Math.min(ms, 1), signal) };
}

describe('an answer of OPA', () => {
  it('is what it says, or failed: nothing is half taken', async () => {
    const texts = mutated(good, object, '{}', '{"warning":{"code":"x"}}').map(text => Buffer.from(text));
    await fc.assert(
      fc.asyncProperty(fc.oneof(texts, mutatedBytes(Buffer.from(good), 3)), async body => check(body)),
      { numRuns: 250 },
    );
  });

  it('may be any JSON at all', async () => {
    const any = fc.json({ maxDepth: 4, stringUnit: 'binary' });
    await fc.assert(
      fc.asyncProperty(any, fc.boolean(), async (json, wrapped) => {
        await check(Buffer.from(wrapped ? `{"result":${json}}` : json));
      }),
      { numRuns: 150 },
    );
  });

  it('may have any status', async () => {
    const statuses = [204, 206, 300, 301, 304, 307, 400, 401, 403, 404, 418, 429, 500, 501, 503, 599];
    for (const status of statuses) await check(Buffer.from(status === 204 || status === 304 ? '' : good), status);
  });

  it.each([
    ['levels of lists', `{"result":${nested('[', ']')}}`],
    ['levels of objects', `{"result":${nested('{"a":', '}')}}`],
    ['a list in another result', '{"result":[],"result":["alice"]}'],
    ['two texts', '{"result":["alice"]}{"result":[]}'],
    ['numbers without end', `{"result":[${'9'.repeat(400_000)}]}`],
    ['a member of a megabyte', `{"result":["${'a'.repeat(1_000_000)}"]}`],
    ['a name of JavaScript', '{"result":{"__proto__":true,"constructor":true,"toString":false}}'],
    ['a million times the same', `{"result":[${Array.from({ length: 200_000 }, () => '"a"').join(',')}]}`],
    ['half a character', '{"result":["\\ud800"]}'],
    ['a byte order mark', `\ufeff${good}`],
  ])('may be %s', async (_, text) => check(Buffer.from(text)));

  it('that never ends is cut off at its limit', async () => {
    server.takeOver((request, response) => {
      if (request.url?.startsWith('/v1/config') === true) return void response.end(config);
      response.writeHead(200, { 'content-type': 'application/json' });
      response.write('{"result":["alice"');
      const more = (): void => {
        while (!response.destroyed && response.write(`,"${'m'.repeat(1000)}"`.repeat(60)));
        if (!response.destroyed) response.once('drain', more);
      };
      more();
    });
    const settings = { url: server.url, limits: { answerBytes: 2_000_000, answerTime: '20s' } };
    const source = opaSource.create(settings, sourceContext());
    sources.push(source);
    const [item] = await resolveAll(source, [ask('app.rbac.us_users')]);
    expect(heard(item)).toBe('failed');
  });

  it('that never comes is given up at its limit, and others go on', async () => {
    server.takeOver((request, response) => {
      if (request.url?.startsWith('/v1/config') === true) return void response.end(config);
      if (request.url?.includes('fine') === true) return void response.end(good);
      response.writeHead(200);
      response.write('{"result":["alice"');
    });
    const source = opaSource.create({ url: server.url, limits: { answerTime: '2s' } }, sourceContext());
    sources.push(source);
    const [fine, stuck] = await resolveAll(source, [ask('app.rbac.fine'), ask('app.rbac.stuck')]);
    expect([heard(fine), heard(stuck)]).toEqual([['alice', 'bob', 'zoë'], 'failed']);
  });
});

describe('what OPA tells of itself', () => {
  const system =
    '{"result":{"last_policy_transaction":{"id":"p1","success":true,"end_time":"2026"},"last_data_transaction":{"id":"d1","success":true}}}';

  it('makes a source ready only where it is whole', async () => {
    await fc.assert(
      fc.asyncProperty(mutated(config), mutated(system), async (instance, opal) => {
        server.say({ '/v1/config': { body: instance }, '/v1/data/system/opal': { body: opal } });
        const settings = { url: server.url, sentinels: ['data.app.ready'] };
        const source = opaSource.create(settings, sourceContext());
        try {
          // The sentinel is not there, whatever else is said.
          const { readiness } = await source.readiness(undefined, AbortSignal.timeout(5_000));
          expect(readiness.state).not.toBe('ready');
          for (const problem of readiness.problems) expectProblems([problem]);
        } catch (error) {
          expectForPeople(error);
        } finally {
          await source.close(AbortSignal.timeout(2_000));
        }
      }),
      { numRuns: 100 },
    );
  });
});

describe('an answer of OPAL', () => {
  const store = '{"type":"OPA","url":"http://localhost:8181","token":"canary-token-opa","auth_type":"token"}';
  const callbacks =
    '[{"key":"optoggles-acme-example","url":"http://127.0.0.1:9/opa_update","config":{"headers":{"Authorization":"Bearer x"}}}]';

  it('about its OPA is an address or a problem, and shows no token', async () => {
    await fc.assert(
      fc.asyncProperty(mutated(store), async text => {
        server.say({ '/policy-store/config': { body: text }, '/v1/config': { body: config } });
        const source = opalSource.create({ url: server.url }, sourceContext());
        try {
          await source.readiness(undefined, AbortSignal.timeout(5_000));
        } catch (error) {
          expectForPeople(error);
          expect(error instanceof Error ? error.message : '').not.toContain('canary-token');
        } finally {
          await source.close(AbortSignal.timeout(2_000));
        }
      }),
      { numRuns: 80 },
    );
  });

  it('about its callbacks is looked at again and again, whatever it is', async () => {
    const texts = fc.sample(mutated(callbacks, callbacks.slice(1, -1)), { numRuns: 60, seed: 7 });
    texts.push(nested('[', ']'), '[]', 'null', '');
    let asked = 0;
    server.takeOver((request, response) => {
      if (request.url?.startsWith('/callbacks') !== true) return void response.writeHead(404).end();
      asked += 1;
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(texts[asked % texts.length]);
    });
    const stop = new AbortController();
    const heardHints: Hint[] = [];
    const source = opalSource.create(
      { url: server.url, opa: { url: server.url }, advertisedAddress: '127.0.0.1:9', watch: '1ms' },
      sourceContext({ callback: { bearer: 'canary-token-callback', port: 9 }, random: () => 0, clock: hurried() }),
    );
    sources.push(source);
    const running = source.hints(hint => void heardHints.push(hint), stop.signal);
    await expect.poll(() => asked, { timeout: 10_000 }).toBeGreaterThan(2 * texts.length);
    stop.abort();
    await running;
    for (const hint of heardHints) {
      if (hint.kind === 'registration' && hint.problem !== undefined) expectProblems([hint.problem]);
    }
    expect(JSON.stringify(heardHints)).not.toContain('canary-token');
  });
});
