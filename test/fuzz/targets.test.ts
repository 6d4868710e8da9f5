import { readFile, writeFile } from 'node:fs/promises';
import * as fc from 'fast-check';
import { afterEach, describe, expect, it, onTestFinished } from 'vitest';
import type { DesiredListing, Live } from '../../src/domain/listing.ts';
import type { Target } from '../../src/domain/target.ts';
import { launchdarklyTarget } from '../../src/targets/launchdarkly/index.ts';
import { restapiTarget } from '../../src/targets/restapi/index.ts';
import { applyOne, listingChange, listingFor, placementChange } from '../support/changes.ts';
import { targetContext } from '../support/target-context.ts';
import { flagdFolder } from '../targets/flagd/flagd-harness.ts';
import { leapingClock, openLd } from '../targets/launchdarkly/ld-harness.ts';
import { expectForPeople, expectProblems } from './expect-problem.ts';
import { mutated, nested } from './mutate.ts';
import { openRawServer, type RawAnswer } from './raw-server.ts';

const open: Target[] = [];
afterEach(async () => {
  for (const target of open.splice(0)) await target.close();
});

function read(target: Target, key = 'us-feature'): Promise<Live> {
  if (target.read === undefined) throw new Error('it reads');
  const want = [{ key, toggle: key, environments: ['production'] }];
  return target.read(want, AbortSignal.timeout(15_000));
}

/** Makes it, for alice and bob. */
async function fill(target: Target, listing: DesiredListing): Promise<void> {
  for (const change of [listingChange(listing, 'create'), placementChange(listing, { after: ['alice', 'bob'] })]) {
    expect((await applyOne(target, change)).result).toBe('done');
  }
}

/** Who a target showed to have the toggle; undefined: nobody can know. */
function shown(live: Live): string[] | undefined {
  for (const { problem } of live.unreadable) expectProblems([problem]);
  const placement = live.listings[0]?.placements[0];
  if (placement?.seen !== 'read' || placement.who.kind !== 'members') return undefined;
  return [...placement.who.members.values()].sort();
}

describe('an answer of a REST target', () => {
  const good = '{"id":"t-1","key":"us-feature","name":"US only feature","users":["alice","bob"],"tags":["a","b"]}';

  async function restapi(): Promise<{ target: Target; say: (answer: RawAnswer) => void }> {
    const server = await openRawServer();
    onTestFinished(() => server.close());
    const target = restapiTarget.create(
      { endpointUrl: `${server.url}/toggles`, read: true, timeout: '2s' },
      targetContext(),
    );
    open.push(target);
    // What is wanted is compared with what is shown.
    listingFor(target, { spec: { tags: ['a'] } });
    return { target, say: answer => server.say({}, answer) };
  }

  function users(text: string): string[] | undefined {
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      return undefined;
    }
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
    const list = (value as { users?: unknown }).users;
    if (!Array.isArray(list) || !list.every(one => typeof one === 'string')) return undefined;
    return [...new Set(list)].sort();
  }

  it('to a read shows who it says, or nobody knows', async () => {
    const { target, say } = await restapi();
    const check = async (text: string): Promise<void> => {
      say({ body: text });
      const wanted = users(Buffer.from(text).toString('utf8'));
      expect(shown(await read(target))).toEqual(wanted);
    };
    await fc.assert(fc.asyncProperty(mutated(good), check), { numRuns: 200 });
    for (const text of [
      nested('[', ']'),
      `{"users":${nested('[', ']')}}`,
      '{"__proto__":{"users":["mallory"]},"name":"x"}',
      `{"users":["${'a'.repeat(100_000)}"]}`,
    ]) {
      await check(text);
    }
  });

  it('that nests without end is no answer', async () => {
    const { target, say } = await restapi();
    for (const name of [nested('[', ']'), nested('{"a":', '1}').replaceAll('1}', '}').replace('{"a":}', '{}')]) {
      say({ body: `{"users":["alice"],"name":${name}}` });
      const { listings, unreadable } = await read(target);
      expect(listings).toEqual([]);
      expectProblems(unreadable.map(({ problem }) => problem));
    }
  });

  it('to a write is done, refused or unanswered', async () => {
    const { target, say } = await restapi();
    const statuses = [
      200, 201, 204, 301, 307, 400, 401, 403, 404, 409, 412, 413, 415, 422, 429, 500, 501, 502, 503, 504,
    ];
    const status = fc.oneof(fc.constantFrom(...statuses), fc.integer({ min: 200, max: 599 }));
    await fc.assert(
      fc.asyncProperty(status, mutated('{"error":"no"}', good), async (code, body) => {
        say({ status: code, body: code === 204 || code === 304 || code === 205 ? '' : body });
        const listing = listingFor(target);
        const outcome = await applyOne(target, placementChange(listing, { before: ['alice'], after: [] }));
        expect(['done', 'failed', 'unanswered', 'conflict', 'refused', 'late', 'missing']).toContain(outcome.result);
        expect(outcome.result === 'done').toBe(code < 300);
        if ('problem' in outcome && outcome.problem !== undefined) expectProblems([outcome.problem]);
      }),
      { numRuns: 150 },
    );
  });
});

describe('a flag file of flagd', () => {
  it('is read as a whole, or left alone to the last byte', async () => {
    const folder = await flagdFolder();
    onTestFinished(() => folder.close());
    const first = folder.target(['production']);
    const listing = listingFor(first, { environments: ['production'] });
    await fill(first, listing);
    const good = await folder.text();
    await fc.assert(
      fc.asyncProperty(mutated(good), async text => {
        await folder.write(text);
        const target = folder.target(['production']);
        try {
          const live = await read(target);
          for (const { problem } of live.unreadable) expectProblems([problem]);
          for (const one of live.listings) if (one.refused) expectProblems([one.refused]);
        } catch (error) {
          expectForPeople(error);
          const bytes = await readFile(folder.file());
          const change = placementChange(listing, { before: ['alice', 'bob'], after: ['alice'] });
          const outcome = await applyOne(target, change).catch((thrown: unknown) => {
            expectForPeople(thrown);
            return { result: 'failed' };
          });
          expect(outcome.result).not.toBe('done');
          expect((await readFile(folder.file())).equals(bytes)).toBe(true);
        } finally {
          await target.close();
        }
      }),
      { numRuns: 120 },
    );
    for (const text of [
      nested('[', ']'),
      nested('{"flags":', '}'),
      `{"flags":{"us-feature":${nested('{"if":[', ']}', 200)}}}`,
    ]) {
      await writeFile(folder.file(), text);
      const target = folder.target(['production']);
      await read(target).then(live => shown(live), expectForPeople);
      await target.close();
    }
  });
});

describe('an answer of LaunchDarkly', () => {
  /** A real conversation, of which one kind of answer is spoiled. */
  async function between(spoil: (path: string, body: string) => string | undefined) {
    const ld = await openLd();
    onTestFinished(() => ld.close());
    const server = await openRawServer();
    onTestFinished(() => server.close());
    server.takeOver((request, response) => {
      const headers = { authorization: request.headers.authorization ?? '', 'ld-api-version': '20240415' };
      void fetch(`${ld.fake.url}${request.url}`, { method: request.method ?? 'GET', headers }).then(async answer => {
        const body = await answer.text();
        response.writeHead(answer.status, { 'content-type': 'application/json' });
        response.end(spoil(request.url ?? '', body) ?? body);
      });
    });
    const first = ld.target();
    await fill(first, listingFor(first, { environments: ['production'] }));
    const entry = {
      token: ld.fake.token,
      baseUrl: server.url,
      projKey: 'default',
      timeout: '2s',
      environments: { production: 'production', test: 'test' },
    };
    return (): Target => {
      const context = targetContext({ name: 'ld', clock: leapingClock(), environments: ['production', 'test'] });
      const target = launchdarklyTarget.create(entry, context);
      open.push(target);
      return target;
    };
  }

  it('is taken as a whole or refused: nobody is there whom it does not name', async () => {
    let edit: (body: string) => string = body => body;
    let sent = '';
    const make = await between((path, body) => {
      if (!path.includes('/flags/')) return undefined;
      const edited = edit(body);
      // As it goes over the wire: half a surrogate pair is none there.
      sent += Buffer.from(edited).toString();
      return edited;
    });
    expect(shown(await read(make()))).toEqual(['alice', 'bob']);
    await fc.assert(
      fc.asyncProperty(fc.infiniteStream(mutated('')), fc.integer(), async (_, seed) => {
        edit = body => fc.sample(mutated(body), { seed, numRuns: 1 })[0] ?? '';
        sent = '';
        const target = make();
        try {
          const who = shown(await read(target)) ?? [];
          for (const member of who) expect(sent).toContain(JSON.stringify(member).slice(1, -1));
        } catch (error) {
          expectForPeople(error);
        } finally {
          await target.close();
        }
      }),
      { numRuns: 60 },
    );
  });

  it.each([
    ['a count of all there is', (body: string) => body.replace(/"totalCount":\d+/g, '"totalCount":9007199254740991')],
    ['a count of more than can be read', (body: string) => body.replace(/"totalCount":\d+/g, '"totalCount":400000000')],
    ['a negative count', (body: string) => body.replace(/"totalCount":\d+/g, '"totalCount":-7')],
    ['levels without end', () => `{"totalCount":1,"items":[${nested('[', ']')}]}`],
    ['nothing', () => 'null'],
  ])('may hold %s', async (_, edit) => {
    let requests = 0;
    const make = await between((_path, body) => {
      requests += 1;
      return edit(body);
    });
    await read(make()).then(shown, expectForPeople);
    expect(requests).toBeLessThan(200);
  });
});
