import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { opaSource } from '../../src/audience/opa/index.ts';
import type { Source } from '../../src/domain/audience.ts';
import { ProblemError } from '../../src/domain/problem.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { type FakeOpa, startFakeOpa } from '../support/fake-opa.ts';
import { ask, resolveAll, saidBy, sourceContext } from '../support/source-context.ts';

const canary = 'canary-token-55';
const never = new AbortController().signal;
let opa: FakeOpa;
const sources: Source[] = [];

beforeEach(async () => {
  opa = await startFakeOpa();
});

afterEach(async () => {
  await Promise.all(sources.splice(0).map(source => source.close(never)));
  await opa.close();
});

function create(settings: Record<string, unknown> = {}, context = sourceContext()): Source {
  const source = opaSource.create({ url: opa.url, ...settings }, context);
  sources.push(source);
  return source;
}

async function said(source: Source, ...asks: ReturnType<typeof ask>[]): Promise<(string | string[])[]> {
  return (await resolveAll(source, asks)).map(saidBy);
}

describe('answers', () => {
  it.each<[string, unknown, string | string[]]>([
    ['a set', ['alice', 'bob'], ['alice', 'bob']],
    ['an empty set', [], []],
    ['an object', { bob: true, carol: false }, ['bob']],
    ['nothing', undefined, 'undefined'],
    ['null', null, 'failed'],
    ['false', false, 'failed'],
    ['a number in a set', [null, 7, 'a'], 'failed'],
  ])('%s', async (_, value, expected) => {
    opa.set('app/rbac/us_users', value);
    expect(await said(create(), ask('app.rbac.us_users'))).toEqual([expected]);
  });

  it('a failing builtin is failed, with its place and without what it quotes', async () => {
    opa.fail('app/rbac/us_users');
    const [item] = await resolveAll(create(), [ask('app.rbac.us_users')]);
    expect(item).toMatchObject({
      state: 'failed',
      error: { message: expect.stringMatching(/answered 500 .*eval_builtin_error at policy\/rbac\.rego:3:24\.$/) },
    });
    expect(JSON.stringify(item)).not.toContain('canary');
  });

  it.each([
    [200, 'text', '<html>canary'],
    [200, 'a list', '[]'],
    [200, 'null', 'null'],
    [204, 'nothing', ''],
    [302, 'a redirect', ''],
    [401, 'a refusal', '{"code":"unauthorized"}'],
    [404, 'not OPA', '404 page not found'],
    [501, 'not implemented', '{"result":["a"]}'],
    [503, 'a gateway', ''],
  ])('status %i with %s is failed', async (status, _, body) => {
    opa.options.answer = (_path, response) => {
      response.writeHead(status, status === 302 ? { location: '/canary' } : {}).end(body);
      return true;
    };
    const [item] = await resolveAll(create(), [ask('app.rbac.us_users')]);
    expect(item).toMatchObject({ state: 'failed', error: { hint: expect.stringMatching(/./) } });
    expect(JSON.stringify(item)).not.toContain('canary');
  });

  it.each([
    [401, undefined, 'OPA wants a token, and none is configured'],
    [403, canary, 'OPA refuses the token'],
  ])('a refusal (%i) says so, and where the token is configured', async (status, token, says) => {
    opa.options.answer = (_path, response) => {
      response.writeHead(status).end();
      return true;
    };
    const [item] = await resolveAll(create(token === undefined ? {} : { token }), [ask('app.rbac.us_users')]);
    expect(item).toMatchObject({
      state: 'failed',
      refused: true,
      error: {
        code: 'opa-unauthorized',
        message: expect.stringContaining(`answered ${status}`),
        hint: expect.stringContaining('token of source example'),
      },
    });
    expect(JSON.stringify(item)).toContain(says);
    expect(JSON.stringify(item)).not.toContain(canary);
  });

  it('a decision_id before and a warning behind it are fine', async () => {
    Object.assign(opa.options, { decisionId: true, warning: true });
    opa.set('app/rbac/us_users', ['alice']);
    const source = create();
    expect(await said(source, ask('app.rbac.us_users'), ask('app.rbac.none'))).toEqual([['alice'], 'undefined']);
    expect(await said(source, ask('app.rbac.us_users'), ask('app.rbac.none'))).toEqual(['unchanged', 'undefined']);
  });

  it('an input is posted, and each input is an audience of its own', async () => {
    opa.setRule('app/rbac/by_country', input => [(input as { country: string } | undefined)?.country ?? 'none']);
    const asks = [
      ask('app.rbac.by_country', { country: 'US' }),
      ask('app.rbac.by_country', { country: 'CH' }),
      ask('app.rbac.by_country'),
    ];
    expect(await said(create(), ...asks)).toEqual([['US'], ['CH'], ['none']]);
    expect(opa.count('POST /v1/data/app/rbac/by_country')).toBe(2);
  });

  it('the same rule for two kinds of context is asked once', async () => {
    opa.set('app/rbac/x', ['a']);
    expect(await said(create(), ask('app.rbac.x'), ask('app.rbac.x', undefined, 'device'))).toEqual([['a'], ['a']]);
    expect(opa.count('/v1/data/app/rbac/x')).toBe(1);
  });

  it('odd names reach the rule', async () => {
    opa.set('app/my-pkg/v1/rule', ['a']);
    opa.set('my.pkg/a b%é/r', ['b']);
    expect(await said(create(), ask('app.my-pkg.v1.rule'), ask(['my.pkg', 'a b%é', 'r']))).toEqual([['a'], ['b']]);
  });

  it('by code point above U+FFFF, as OPA sorts', async () => {
    opa.set('a/b', ['z', '\uffee', '\u{1f600}']);
    expect(await said(create(), ask('a.b'))).toEqual([['z', '\uffee', '\u{1f600}']]);
  });

  it('only packages of the list are asked', async () => {
    opa.set('app/rbac/x', ['a']);
    opa.set('system/secret', ['b']);
    const source = create({ packages: ['app.rbac'] });
    expect(await said(source, ask('app.rbac.x'), ask('system.secret'), ask(['app.rbac', 'x']))).toEqual([
      ['a'],
      'failed',
      'failed',
    ]);
    expect(opa.count('secret')).toBe(0);
  });

  it('too large is failed for that rule alone', async () => {
    opa.set('a/big', ['x'.repeat(900), 'y'.repeat(900)]);
    opa.set('a/small', ['s']);
    const source = create({ limits: { answerBytes: 1000 } });
    expect(await said(source, ask('a.big'), ask('a.small'))).toEqual(['failed', ['s']]);
  });

  it('one that never answers is failed after its time, the others are not', async () => {
    const clock = createFakeClock();
    const asked = new Promise<void>(resolve => {
      opa.options.hold = path => {
        if (path !== 'a/slow') return undefined;
        resolve();
        return new Promise(() => {});
      };
    });
    opa.set('a/quick', ['q']);
    const source = create({ limits: { answerTime: '2m' } }, sourceContext({ clock }));
    const quick: string[] = [];
    const all = (async () => {
      for await (const item of source.resolve([ask('a.slow'), ask('a.quick')], never))
        quick.push(JSON.stringify(saidBy(item)));
    })();
    await asked;
    await expect.poll(() => quick, { timeout: 10_000 }).toEqual(['["q"]']);
    await clock.advance(120_000);
    await all;
    expect(quick).toEqual(['["q"]', '"failed"']);
  });

  it('an OPA that is not there is an error, not an answer; no token in it', async () => {
    const source = create({ token: canary });
    await opa.stop();
    const failing = resolveAll(source, [ask('a.b')]);
    await expect(failing).rejects.toBeInstanceOf(ProblemError);
    await expect(failing).rejects.toMatchObject({ problem: { code: 'unreachable', hint: expect.stringMatching(/./) } });
    await expect(source.readiness(undefined, never)).rejects.toBeInstanceOf(ProblemError);
    const error: unknown = await failing.catch((caught: unknown) => caught);
    expect(JSON.stringify(error) + String(error) + (error as Error).stack).not.toContain(canary);
  });

  it('a wrong token is failed and says so, without the token', async () => {
    opa.options.token = 'right';
    const items = await resolveAll(create({ token: canary }), [ask('a.b')]);
    expect(items[0]).toMatchObject({ state: 'failed', error: { hint: expect.stringMatching(/token/) } });
    expect(JSON.stringify(items)).not.toContain(canary);
    opa.set('a/b', ['a']);
    expect(await said(create({ token: 'right' }), ask('a.b'))).toEqual([['a']]);
  });

  it('an abort ends it with the reason of the caller', async () => {
    const stop = new AbortController();
    opa.options.hold = () => {
      stop.abort('enough');
      return new Promise(() => {});
    };
    await expect(resolveAll(create(), [ask('a.b')], stop.signal)).rejects.toBe('enough');
  });
});

describe('unchanged', () => {
  it('says so for equal answers, and only for what was yielded last', async () => {
    opa.set('a/b', ['x']);
    const source = create();
    const one = ask('a.b');
    expect(await said(source, one)).toEqual([['x']]);
    expect(await said(source, one)).toEqual(['unchanged']);
    opa.set('a/b', ['y']);
    expect(await said(source, one)).toEqual([['y']]);
    opa.fail('a/b');
    expect(await said(source, one)).toEqual(['failed']);
    opa.set('a/b', ['y']);
    expect(await said(source, one)).toEqual([['y']]);
    opa.set('a/b', undefined);
    expect(await said(source, one, one.id === '' ? one : ask('a.c'))).toEqual(['undefined', 'undefined']);
    opa.set('a/b', []);
    expect(await said(source, one)).toEqual([[]]);
    expect(await said(source, one)).toEqual(['unchanged']);
  });

  it('what a caller never got is not called unchanged later', async () => {
    opa.set('a/b', ['x']);
    opa.set('a/c', ['x']);
    const source = create();
    const asks = [ask('a.b'), ask('a.c')];
    const got = new Set<string>();
    for await (const item of source.resolve(asks, never)) {
      got.add(item.id);
      break;
    }
    const again = await resolveAll(source, asks);
    expect(again.map(item => 'unchanged' in item)).toEqual(asks.map(({ id }) => got.has(id)));
  });
});

describe('packages', () => {
  const rules = Array.from({ length: 10 }, (_, index) => `r${index}`);
  const asks = rules.map(rule => ask(`app.many.${rule}`));

  beforeEach(() => {
    for (const rule of rules) opa.set(`app/many/${rule}`, [rule, 'all']);
    opa.set('app/many/sub/inner', ['not asked']);
  });

  it('many rules of one are one request; unchanged rule by rule', async () => {
    const source = create();
    expect(await said(source, ...asks)).toEqual(rules.map(rule => ['all', rule]));
    expect(opa.requests.filter(request => request.includes('many'))).toEqual(['GET /v1/data/app/many']);
    expect(await said(source, ...asks)).toEqual(rules.map(() => 'unchanged'));
    opa.set('app/many/r3', ['new']);
    opa.set('app/many/r4', undefined);
    expect(await said(source, ...asks)).toEqual(
      rules.map(rule => (rule === 'r3' ? ['new'] : rule === 'r4' ? 'undefined' : 'unchanged')),
    );
    expect(opa.count('many')).toBe(3);
  });

  it('a rule asked by itself in between does not confuse it', async () => {
    const source = create();
    await said(source, ...asks);
    opa.set('app/many/r1', ['one']);
    expect(await said(source, asks[1] as (typeof asks)[0])).toEqual([['one']]);
    opa.set('app/many/r1', ['r1', 'all']);
    expect((await said(source, ...asks))[1]).toEqual(['all', 'r1']);
    expect((await said(source, asks[1] as (typeof asks)[0]))[0]).toEqual(['all', 'r1']);
  });

  it('one failing rule fails alone', async () => {
    opa.fail('app/many/r5');
    expect(await said(create(), ...asks)).toEqual(rules.map(rule => (rule === 'r5' ? 'failed' : ['all', rule])));
  });

  it('a package that is too large, no object or refused is asked rule by rule', async () => {
    for (const body of ['{"result":["x"]}', '{"result":7}', 'no json', undefined, 'x'.repeat(2000)]) {
      opa.options.answer = (path, response) => {
        if (path !== 'app/many') return false;
        response.writeHead(body === undefined ? 403 : 200).end(body);
        return true;
      };
      expect(await said(create({ limits: { answerBytes: 1000 } }), ...asks)).toEqual(rules.map(rule => ['all', rule]));
    }
  });

  it('a package that is not there: every rule is undefined', async () => {
    const source = create();
    const others = rules.map(rule => ask(`app.none.${rule}`));
    expect(await said(source, ...others)).toEqual(rules.map(() => 'undefined'));
    expect(opa.count('none')).toBe(1);
  });

  it('a rule that has the name of something every object has is undefined', async () => {
    const odd = [...asks, ask('app.many.constructor'), ask('app.many.__proto__')];
    expect((await said(create(), ...odd)).slice(-2)).toEqual(['undefined', 'undefined']);
  });

  it('rules with an input are asked beside it', async () => {
    opa.setRule('app/many/by', input => (input === undefined ? [] : ['with']));
    expect((await said(create(), ...asks, ask('app.many.by', {}))).at(-1)).toEqual(['with']);
    expect(opa.count('POST /v1/data/app/many/by')).toBe(1);
  });
});

describe('readiness', () => {
  it('is suspect until accepted, and again after a restart', async () => {
    const source = create();
    const first = await source.readiness(undefined, never);
    expect(first.readiness).toMatchObject({ state: 'suspect', by: 'nothing' });
    const accepted = { ...first.seen, acceptedUnder: first.readiness.instanceId };
    const second = await source.readiness(accepted, never);
    expect(second.readiness).toMatchObject({ state: 'ready', by: 'nothing' });
    opa.restart();
    expect((await source.readiness(second.seen, never)).readiness.state).toBe('suspect');
  });

  it.each<[string, unknown, string]>([
    ['a document', { a: 1 }, 'ready'],
    ['a large document', { a: 'x'.repeat(100_000) }, 'ready'],
    ['true', true, 'ready'],
    ['0', 0, 'ready'],
    ['false', false, 'suspect'],
    ['null', null, 'suspect'],
    ['an empty document', {}, 'suspect'],
    ['an empty list', [], 'suspect'],
    ['an empty text', '', 'suspect'],
    ['nothing', undefined, 'suspect'],
  ])('a sentinel that is %s: %s', async (_, value, state) => {
    opa.set('example/users', { alice: true });
    opa.set('app/ready', value);
    const source = create({ sentinels: ['data.example.users', 'app.ready'] });
    const { readiness } = await source.readiness(undefined, never);
    expect(readiness).toMatchObject({ state, by: 'sentinels' });
    if (state === 'suspect') expect(readiness.problems[0]?.message).toContain('data.app.ready');
  });

  it('does not take a failing answer about system.opal for an OPA without one', async () => {
    opa.set('system/opal', undefined);
    opa.options.answer = (path, response) => {
      if (path !== 'system/opal') return false;
      response.writeHead(503).end();
      return true;
    };
    await expect(create().readiness(undefined, never)).rejects.toThrow('answered 503');
  });

  it('a long page that is no answer does not make a sentinel hold', async () => {
    opa.options.answer = (_, response) => {
      response.writeHead(500).end('x'.repeat(100_000));
      return true;
    };
    expect((await create({ sentinels: ['app.ready'] }).readiness(undefined, never)).readiness.state).toBe('suspect');
  });

  it('a sentinel that fails does not hold, and an instance that cannot be read needs one', async () => {
    opa.fail('app/ready');
    expect((await create({ sentinels: ['app.ready'] }).readiness(undefined, never)).readiness.state).toBe('suspect');
    opa.options.configRefused = true;
    const { readiness } = await create().readiness(undefined, never);
    expect(readiness).toMatchObject({ instanceId: null, state: 'suspect' });
    expect(readiness.problems.map(({ code }) => code)).toEqual(['instance-unknown']);
    opa.set('app/ready', true);
    expect((await create({ sentinels: ['app.ready'] }).readiness(undefined, never)).readiness.state).toBe('ready');
  });

  it('takes one request while it is ready', async () => {
    const source = create();
    const { seen, readiness } = await source.readiness(undefined, never);
    const ready = await source.readiness({ ...seen, acceptedUnder: readiness.instanceId }, never);
    opa.requests.length = 0;
    await source.readiness(ready.seen, never);
    expect(opa.requests).toEqual(['GET /v1/config']);
  });

  it.each(['data..x', '', 'a b'])('a sentinel that is no path: %j', name => {
    expect(() => create({ sentinels: [name] })).toThrow(ProblemError);
  });
});

it('answers carry source, rule, revision, data update and time', async () => {
  const clock = createFakeClock();
  opa.set('app/rbac/x', ['a']);
  opa.systemOpal({
    last_policy_transaction: { id: 'git1', success: true },
    last_data_transaction: { id: 'd1', success: true },
  });
  const [item] = await resolveAll(create({}, sourceContext({ clock })), [ask('app.rbac.x')]);
  const from = { source: 'example', rule: 'app.rbac.x', revision: 'git1', dataUpdate: 'd1', answeredAt: clock.now() };
  expect(item?.from).toEqual(from);
});

it('system.opal that is not there is not looked for again for a minute', async () => {
  const clock = createFakeClock();
  const source = create({}, sourceContext({ clock }));
  for (let index = 0; index < 5; index++) await resolveAll(source, [ask('a.b')]);
  expect(opa.count('system/opal')).toBe(1);
  await clock.advance(60_000);
  await resolveAll(source, [ask('a.b')]);
  expect(opa.count('system/opal')).toBe(2);
});

it('polls until it is told to stop', async () => {
  const clock = createFakeClock();
  const stop = new AbortController();
  const hints: string[] = [];
  const source = create({ poll: '7s' }, sourceContext({ clock }));
  const running = source.hints(hint => hints.push(hint.kind), stop.signal);
  await clock.advance(21_000);
  expect(hints).toEqual(['poll', 'poll', 'poll']);
  stop.abort();
  await running;
  expect(clock.waiting).toBe(0);
});

it('an OPA on IPv6, behind a path', async () => {
  const other = await startFakeOpa({}, '::1');
  other.set('a/b', ['six']);
  const source = create({ url: `${other.url}/` });
  expect(await said(source, ask('a.b'))).toEqual([['six']]);
  await other.close();
});
