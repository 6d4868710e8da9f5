import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { opaSource } from '../../src/audience/opa/index.ts';
import { holdIn, standIn } from '../../src/audience/sentinels.ts';
import type { Ask, SeenSource, Source } from '../../src/domain/audience.ts';
import { type FakeOpa, startFakeOpa } from '../support/fake-opa.ts';
import { ask, saidBy, sourceContext } from '../support/source-context.ts';

const never = new AbortController().signal;
const rules = Array.from({ length: 8 }, (_, index) => `r${index}`);
const asks = rules.map(rule => ask(`app.many.${rule}`));
const documentAsked = 'GET /v1/data/app/many';
const ruleAsked = 'GET /v1/data/app/many/r';
const configAsked = 'GET /v1/config';
const sentinelAsked = 'GET /v1/data/app/many/ready';
let opa: FakeOpa;
let source: Source;
let seen: SeenSource;
/** What was asked of OPA before each look. */
let looks: string[][];

async function open(sentinels: readonly string[], settings: Record<string, unknown> = {}): Promise<void> {
  source = opaSource.create({ url: opa.url, sentinels, ...settings }, sourceContext());
  seen = (await source.readiness(undefined, never)).seen;
  opa.requests.length = 0;
}

/** Asks as a lane does that knows the source to be ready. */
async function said(wanted: readonly Ask[] = asks, atLook = () => {}): Promise<(string | string[])[]> {
  const found = new Map<string, string | string[]>();
  const look = async () => {
    looks.push([...opa.requests]);
    atLook();
  };
  for await (const item of source.resolve(wanted, never, look)) {
    expect(found.has(item.id)).toBe(false);
    found.set(item.id, saidBy(item));
  }
  return wanted.map(({ id }) => found.get(id) ?? 'not answered');
}

beforeEach(async () => {
  looks = [];
  opa = await startFakeOpa();
  for (const rule of rules) opa.set(`app/many/${rule}`, [rule]);
  opa.set('app/many/ready', true);
  opa.set('app/other/ready', true);
});

afterEach(async () => {
  await source.close(never);
  await opa.close();
});

describe('a document that holds its sentinels', () => {
  it('needs no look before it, and only the instance id after it', async () => {
    await open(['app.many.ready']);
    expect(await said()).toEqual(rules.map(rule => [rule]));
    expect(looks).toEqual([]);
    expect(opa.requests).toEqual([documentAsked]);
    const { readiness } = await source.readiness(seen, never);
    expect(readiness).toMatchObject({ state: 'ready', by: 'sentinels' });
    expect(opa.requests).toEqual([documentAsked, configAsked]);
    // What one document showed says nothing of a later moment.
    opa.set('app/many/ready', false);
    expect((await source.readiness(seen, never)).readiness.state).toBe('suspect');
  });

  it('needs none when nothing changed either', async () => {
    await open(['app.many.ready']);
    await said();
    expect(await said()).toEqual(rules.map(() => 'unchanged'));
    expect(looks).toEqual([]);
  });

  it('is not enough where another instance answers after it', async () => {
    await open(['app.many.ready']);
    await said();
    opa.restart();
    expect((await source.readiness(seen, never)).readiness.state).toBe('suspect');
  });
});

describe('a look comes first', () => {
  it('where a sentinel stands elsewhere', async () => {
    await open(['app.many.ready', 'app.other.ready']);
    expect(await said()).toEqual(rules.map(rule => [rule]));
    expect(looks).toEqual([[]]);
    await source.readiness(seen, never);
    expect(opa.requests).toContain(sentinelAsked);
  });

  it('where a rule is asked by itself', async () => {
    await open(['app.many.ready']);
    expect(await said(asks.slice(0, 1))).toEqual([['r0']]);
    expect(looks).toEqual([[]]);
  });

  it('where a rule of another package is asked beside it', async () => {
    await open(['app.many.ready']);
    opa.set('app/other/users', ['x']);
    expect(await said([...asks, ask('app.other.users')])).toEqual([...rules.map(rule => [rule]), ['x']]);
    expect(looks).toEqual([[]]);
  });

  it('where nothing may be asked', async () => {
    await open(['app.many.ready'], { packages: ['app.other'] });
    expect(await said()).toEqual(rules.map(() => 'failed'));
    await source.readiness(seen, never);
    expect(opa.requests).toContain(sentinelAsked);
  });
});

describe('a document whose sentinel does not hold', () => {
  it.each([false, undefined])('counts for nothing: a look, and it is asked again (%s)', async value => {
    await open(['app.many.ready']);
    opa.set('app/many/ready', value);
    opa.set('app/many/r0', []);
    const answers = await said(asks, () => {
      opa.set('app/many/ready', true);
      opa.set('app/many/r0', ['r0']);
    });
    expect(answers).toEqual(rules.map(rule => [rule]));
    expect(looks).toEqual([[documentAsked]]);
    expect(opa.requests).toEqual([documentAsked, documentAsked]);
    await source.readiness(seen, never);
    expect(opa.requests).toContain(sentinelAsked);
  });

  it('counts for nothing, though its rules were answered before', async () => {
    await open(['app.many.ready']);
    await said();
    opa.set('app/many/ready', false);
    expect(await said()).toEqual(rules.map(() => 'unchanged'));
    expect(looks).toHaveLength(1);
  });

  it('a document that fails: a look, and rule by rule', async () => {
    await open(['app.many.ready']);
    opa.fail('app/many/r3');
    expect(await said()).toEqual(rules.map(rule => (rule === 'r3' ? 'failed' : [rule])));
    expect(looks).toEqual([[documentAsked]]);
    expect(opa.requests.filter(request => request.startsWith(ruleAsked))).toHaveLength(rules.length);
  });
});

describe('sentinels in a document', () => {
  const proof = (...sentinels: string[]) => ({
    sentinels: sentinels.map(path => path.split('.')),
    look: async () => {},
  });

  it.each([
    ['app.many.ready', true],
    ['app.many.sub.ready', true],
    ['app.many', true],
    ['app.manyready', false],
    ['app', false],
    ['data.app.many.ready', false],
  ])('%s stands in app.many: %s', (path, expected) => {
    expect(standIn(['app', 'many'], proof(path))).toBe(expected);
  });

  it.each<[string, unknown, boolean]>([
    ['app.many.ready', { ready: true }, true],
    ['app.many.ready', { ready: false }, false],
    ['app.many.ready', {}, false],
    ['app.many.ready', undefined, false],
    ['app.many.constructor', {}, false],
    ['app.many.users', { users: {} }, false],
    ['app.many.users.alice', { users: { alice: 1 } }, true],
    ['app.many.users.0', { users: ['alice'] }, false],
    ['app.many', { ready: false }, true],
    ['app.many', {}, false],
  ])('%s in %j: %s', (path, document, expected) => {
    expect(holdIn(document, ['app', 'many'], proof(path))).toBe(expected);
  });
});
