import { describe, expect, test } from 'vitest';
import { ProblemError } from '../../src/domain/problem.ts';
import { createWorld, toggleOf } from '../support/world.ts';

const problem = { code: 'out-of-order', message: 'It is out of order.', hint: 'Wait.' };
const names = (count: number, prefix = 'u') => Array.from({ length: count }, (_, index) => `${prefix}${index}`);

describe('the line', () => {
  test('creates a toggle closed, then lets in exactly whom policy names', async () => {
    const world = createWorld();
    world.policy('beta', ['alice', 'bob']);
    await world.start();
    expect(world.target.done).toEqual(['create beta rest', 'placement beta rest production']);
    expect(world.target.members('beta', 'production')).toEqual(['alice', 'bob']);
  });

  test('follows a callback with one question and one write', async () => {
    const world = createWorld();
    world.policy('beta', ['alice']);
    await world.start();
    const asked = world.source.asked.length;
    await world.changes('beta', ['bob']);
    expect(world.source.asked.length).toBe(asked + 1);
    expect(world.target.members('beta', 'production')).toEqual(['bob']);
    expect(world.target.done).toHaveLength(3);
  });

  test('writes nothing when nothing changed, and nothing after a restart', async () => {
    const world = createWorld({ targets: [{ name: 'rest', readable: false }] });
    world.policy('beta', ['alice']);
    await world.start();
    await world.callback();
    await world.restart();
    expect(world.target.done).toHaveLength(2);
    await world.changes('beta', ['alice', 'bob']);
    expect(world.target.members('beta', 'production')).toEqual(['alice', 'bob']);
  });

  test('asks a policy that two toggles share once', async () => {
    const policy = { source: 'opal', package: ['app'], rule: 'staff' };
    const world = createWorld({
      toggles: [toggleOf('one', { usersPolicy: policy }), toggleOf('two', { usersPolicy: policy })],
    });
    world.policy('staff', ['alice']);
    await world.start();
    expect(world.source.asked).toEqual([['app.staff']]);
    expect(world.target.members('two', 'production')).toEqual(['alice']);
  });

  test('undefined keeps the users and is asked again until it is defined', async () => {
    const world = createWorld();
    world.policy('beta', ['alice', 'bob']);
    await world.start();
    await world.changes('beta', undefined);
    expect(world.target.members('beta', 'production')).toEqual(['alice', 'bob']);
    expect(world.line.targets[0]?.plan?.held.map(held => held.reason)).toEqual(['undefined']);
    world.policy('beta', ['bob']);
    await world.clock.advance(20_000);
    expect(world.target.members('beta', 'production')).toEqual(['bob']);
  });

  test('a source that goes down holds everything and comes back by itself', async () => {
    const world = createWorld();
    world.policy('beta', ['alice']);
    await world.start();
    world.source.down = problem;
    await world.changes('beta', ['bob']);
    expect(world.line.sources[0]?.view().standing.state).toBe('failing');
    expect(world.target.members('beta', 'production')).toEqual(['alice']);
    await world.clock.advance(60_000);
    world.source.down = undefined;
    await world.clock.advance(16_000);
    expect(world.target.members('beta', 'production')).toEqual(['bob']);
  });

  test('answers of an engine that restarted meanwhile are thrown away', async () => {
    const world = createWorld();
    world.policy('beta', ['alice', 'bob']);
    await world.start();
    world.source.before = () => {
      world.source.before = () => {};
      world.source.instance = 'opa-2';
      world.source.state = 'suspect';
      world.policy('beta', []);
    };
    await world.callback();
    await world.clock.advance(1_000);
    expect(world.target.members('beta', 'production')).toEqual(['alice', 'bob']);
    world.policy('beta', ['alice']);
    world.source.state = 'ready';
    await world.clock.advance(16_000);
    expect(world.target.members('beta', 'production')).toEqual(['alice']);
  });

  test('a suspect source without evidence: a small difference is accepted, a large one waits for an approval', async () => {
    const world = createWorld();
    world.policy('beta', names(20));
    await world.start();
    Object.assign(world.source, { instance: 'opa-2', state: 'suspect', by: 'nothing' });
    await world.changes('beta', names(18));
    await world.clock.advance(1_000);
    expect(world.target.members('beta', 'production')).toHaveLength(18);
    await world.clock.advance(700_000);
    Object.assign(world.source, { instance: 'opa-3' });
    await world.changes('beta', []);
    await world.clock.advance(60_000);
    expect(world.target.members('beta', 'production')).toHaveLength(18);
    const [block] = world.store.blocks();
    expect(block).toMatchObject({ scope: 'source', reason: 'suspect', source: 'opal' });
    world.store.approve(block?.id ?? '', 'oncall', world.clock.now() + 3_600_000, world.clock.now());
    world.line.approved();
    await world.clock.advance(20_000);
    expect(world.target.members('beta', 'production')).toEqual([]);
  });

  test('a toggle whose writes fail for long does not hold up the revocation of another', async () => {
    const world = createWorld({ toggles: [toggleOf('bad'), toggleOf('good')] });
    world.policy('bad', ['alice']);
    world.policy('good', ['alice', 'bob']);
    await world.start();
    world.target.fault = change =>
      change.toggle === 'bad' ? { change: change.id, result: 'failed', problem, scope: 'change' } : undefined;
    await world.changes('bad', ['alice', 'carol']);
    await world.clock.advance(120_000);
    await world.changes('good', ['alice']);
    expect(world.target.members('good', 'production')).toEqual(['alice']);
    world.target.fault = () => undefined;
    await world.clock.advance(20_000);
    expect(world.target.members('bad', 'production')).toEqual(['alice', 'carol']);
  });

  test('a write that is never answered holds nothing else up, and a retry sends what is right by then', async () => {
    const world = createWorld({ toggles: [toggleOf('hung'), toggleOf('other')] });
    world.policy('hung', ['alice']);
    world.policy('other', ['alice']);
    await world.start();
    let answer: () => void = () => {};
    world.target.fault = change =>
      change.toggle === 'hung'
        ? new Promise(resolve => {
            answer = () => resolve({ change: change.id, result: 'unanswered', problem });
          })
        : undefined;
    world.policy('hung', ['alice', 'bob']);
    await world.callback();
    await world.clock.advance(3_000);
    await world.changes('other', []);
    await world.clock.advance(3_000);
    expect(world.target.members('other', 'production')).toEqual([]);
    world.policy('hung', ['carol']);
    await world.callback();
    world.target.fault = () => undefined;
    answer();
    await world.clock.advance(20_000);
    expect(world.target.members('hung', 'production')).toEqual(['carol']);
  });

  test('revocations of a newer answer go out before the grants of an older one', async () => {
    const world = createWorld({ toggles: [toggleOf('a'), toggleOf('b')] });
    world.policy('a', ['alice']);
    world.policy('b', ['bob', 'bill']);
    await world.start();
    world.target.writes.length = 0;
    world.policy('a', ['alice', 'carol']);
    world.policy('b', ['bob']);
    await world.callback();
    expect(world.target.writes).toEqual(['placement b rest production', 'placement a rest production']);
  });

  test('a target that is down delays no other', async () => {
    const world = createWorld({ targets: [{ name: 'down' }, { name: 'up' }] });
    world.policy('beta', ['alice']);
    await world.start();
    const [down, up] = world.targets;
    if (!down || !up) throw new Error('two targets');
    down.fault = change => ({ change: change.id, result: 'failed', problem, scope: 'target' });
    await world.changes('beta', ['bob']);
    await world.clock.advance(60_000);
    expect(up.members('beta', 'production')).toEqual(['bob']);
    expect(down.members('beta', 'production')).toEqual(['alice']);
    down.fault = () => undefined;
    await world.clock.advance(16_000);
    expect(down.members('beta', 'production')).toEqual(['bob']);
  });

  test('the platform names the time of the next try, and a callback does not shorten it', async () => {
    const world = createWorld();
    world.policy('beta', ['alice']);
    await world.start();
    world.target.fault = change => ({
      change: change.id,
      result: 'failed',
      problem,
      scope: 'target',
      retryAfter: 30_000,
    });
    await world.changes('beta', ['bob']);
    const writes = world.target.writes.length;
    await world.clock.advance(20_000);
    await world.callback();
    expect(world.target.writes).toHaveLength(writes);
    world.target.fault = () => undefined;
    await world.clock.advance(11_000);
    expect(world.target.members('beta', 'production')).toEqual(['bob']);
  });

  test('the time that comes with an unanswered write holds for the whole target too', async () => {
    const world = createWorld({ toggles: [toggleOf('beta'), toggleOf('other')] });
    world.policy('beta', ['alice']);
    world.policy('other', ['alice']);
    await world.start();
    world.target.fault = change => ({ change: change.id, result: 'unanswered', problem, retryAfter: 30_000 });
    await world.changes('beta', ['bob']);
    world.target.fault = () => undefined;
    await world.changes('other', ['bob']);
    await world.clock.advance(29_000);
    expect(world.target.members('other', 'production')).toEqual(['alice']);
    await world.clock.advance(2_000);
    expect(world.target.members('beta', 'production')).toEqual(['bob']);
    expect(world.target.members('other', 'production')).toEqual(['bob']);
  });

  test('a read that is told to wait is not tried before that time', async () => {
    const world = createWorld();
    world.policy('beta', ['alice']);
    await world.start();
    const read = world.target.read?.bind(world.target);
    let asked = 0;
    Object.assign(world.target, {
      read() {
        asked++;
        throw new ProblemError(problem, { retryAfter: 40_000 });
      },
    });
    world.line.syncAll();
    await world.clock.advance(39_000);
    await world.changes('beta', ['bob']);
    expect(asked).toBe(1);
    Object.assign(world.target, { read });
    await world.clock.advance(2_000);
    expect(world.target.members('beta', 'production')).toEqual(['bob']);
  });

  test('state off closes at once, whatever the source says', async () => {
    const world = createWorld();
    world.policy('beta', ['alice', 'bob']);
    await world.start();
    world.source.down = problem;
    world.toggles.set('beta', toggleOf('beta', { state: 'off' }));
    world.line.rescan();
    await world.clock.advance(0);
    expect(world.target.members('beta', 'production')).toEqual([]);
  });

  test('a file that is gone for two scans closes its toggle; a checkout in progress does not', async () => {
    const world = createWorld({ toggles: [toggleOf('a'), toggleOf('b')] });
    world.policy('a', ['alice', 'bob']);
    world.policy('b', ['bob']);
    await world.start();
    const a = world.toggles.get('a');
    world.toggles.delete('a');
    world.line.rescan();
    await world.clock.advance(400);
    if (a) world.toggles.set('a', a);
    await world.clock.advance(3_000);
    expect(world.target.members('a', 'production')).toEqual(['alice', 'bob']);
    world.toggles.delete('a');
    world.line.rescan();
    await world.clock.advance(3_000);
    expect(world.target.members('a', 'production')).toEqual([]);
    expect(world.target.listings.get('a')?.removed).toBe(true);
  });

  test('a target that does not know whose toggles it holds is asked for those whose file is gone', async () => {
    const world = createWorld({ toggles: [toggleOf('a'), toggleOf('b')], targets: [{ name: 'rest', marks: false }] });
    world.policy('a', ['alice', 'bob']);
    await world.start();
    world.toggles.delete('a');
    world.line.rescan();
    await world.clock.advance(3_000);
    expect(world.target.members('a', 'production')).toEqual([]);
  });

  test('the guard blocks a mass revocation, freezes the placement, and lets it through once approved', async () => {
    const world = createWorld({ toggles: [toggleOf('beta'), toggleOf('other')] });
    world.policy('beta', names(100));
    world.policy('other', ['alice']);
    await world.start();
    await world.changes('beta', [...names(10), 'newcomer']);
    expect(world.target.members('beta', 'production')).toHaveLength(100);
    await world.changes('other', ['alice', 'bob']);
    expect(world.target.members('other', 'production')).toEqual(['alice', 'bob']);
    const [block] = world.store.blocks();
    world.store.approve(block?.id ?? '', 'oncall', world.clock.now() + 3_600_000, world.clock.now());
    world.line.approved();
    await world.clock.advance(10_000);
    expect(world.target.members('beta', 'production')).toHaveLength(11);
    expect(world.store.blocks()).toEqual([]);
  });

  test('a slow drain over many toggles adds up within the window, and only there', async () => {
    const keys = Array.from({ length: 10 }, (_, index) => `t${index}`);
    const world = createWorld({ toggles: keys.map(key => toggleOf(key)) });
    for (const key of keys) world.policy(key, ['alice', 'bob']);
    await world.start();
    for (const key of keys) await world.changes(key, ['alice']);
    const drained = keys.filter(key => world.target.members(key, 'production')?.length === 1);
    // 6 of 20 are 30 %; the seventh is more.
    expect(drained).toEqual(['t0', 't1', 't2', 't3', 't4', 't5']);
    expect(world.store.blocks()).toMatchObject([{ scope: 'source', reason: 'revocations' }]);
    await world.clock.advance(700_000);
    await world.callback();
    expect(keys.filter(key => world.target.members(key, 'production')?.length === 1)).toHaveLength(10);
  });

  test('a large change that only a poll found is asked again, and only what both answers say is done', async () => {
    const world = createWorld();
    world.policy('beta', names(100));
    await world.start();
    world.policy('beta', names(80));
    world.source.hint({ kind: 'resync' });
    await world.clock.advance(500);
    expect(world.target.members('beta', 'production')).toHaveLength(100);
    world.policy('beta', names(95));
    await world.clock.advance(1_000);
    expect(world.target.members('beta', 'production')).toHaveLength(95);
    expect(world.line.sources[0]?.view().warnings.map(warning => warning.code)).toEqual(['change-not-announced']);
  });

  test('no write starts on an answer older than 5 s: it is asked again first', async () => {
    const world = createWorld();
    world.policy('beta', ['alice']);
    await world.start();
    world.target.fault = change => ({
      change: change.id,
      result: 'failed',
      problem,
      scope: 'change',
      retryAfter: 8_000,
    });
    await world.changes('beta', ['bob']);
    world.policy('beta', ['carol']);
    world.target.fault = () => undefined;
    await world.clock.advance(9_000);
    expect(world.target.members('beta', 'production')).toEqual(['carol']);
    expect(world.target.done).toHaveLength(3);
  });

  test('what somebody changed by hand in the target is put right at the next look', async () => {
    const world = createWorld();
    world.policy('beta', ['alice']);
    await world.start();
    world.target.listings.get('beta')?.in.set('production', {
      on: true,
      who: { kind: 'members', members: (await import('../../src/domain/members.ts')).membersOf(['alice', 'mallory']) },
    });
    await world.clock.advance(600_000);
    await world.clock.advance(10_000);
    expect(world.target.members('beta', 'production')).toEqual(['alice']);
  });

  test('a storm of callbacks is a handful of looks, the last one after the last callback', async () => {
    const world = createWorld();
    world.policy('beta', ['alice']);
    await world.start();
    const before = world.source.asked.length;
    for (let index = 0; index < 1_000; index++) {
      world.line.sources[0]?.wake({ kind: 'callback' });
      if (index % 100 === 0) await world.clock.advance(10);
    }
    world.policy('beta', ['bob']);
    world.line.sources[0]?.wake({ kind: 'callback' });
    await world.clock.advance(200);
    expect(world.target.members('beta', 'production')).toEqual(['bob']);
    expect(world.source.asked.length - before).toBeLessThanOrEqual(4);
  });

  test('a stop waits for what is in flight and leaves no timer behind', async () => {
    const world = createWorld();
    world.policy('beta', ['alice']);
    await world.start();
    let answer: () => void = () => {};
    world.target.fault = () =>
      new Promise(resolve => {
        answer = () => resolve(undefined);
      });
    world.policy('beta', ['alice', 'bob']);
    await world.callback();
    const stopped = world.line.stop();
    await world.clock.advance(1_000);
    answer();
    await stopped;
    expect(world.target.members('beta', 'production')).toEqual(['alice', 'bob']);
    expect(world.clock.waiting).toBe(0);
  });
});
