import { describe, expect, test } from 'vitest';
import type { ListingRef } from '../../src/domain/listing.ts';
import { membersOf } from '../../src/domain/members.ts';
import { createWorld, toggleOf } from '../support/world.ts';

const problem = { code: 'out-of-order', message: 'It is out of order.', hint: 'Wait.' };
const names = (count: number, prefix = 'u') => Array.from({ length: count }, (_, index) => `${prefix}${index}`);
const blind = { targets: [{ name: 'rest', readable: false }] } as const;

describe('several engines behind one address', () => {
  test('are asked at a measured pace, change nothing, and the status says what is wrong', async () => {
    const world = createWorld();
    world.policy('beta', ['alice', 'bob']);
    await world.start();
    world.source.before = () => {
      world.source.instance = world.source.instance === 'opa-1' ? 'opa-2' : 'opa-1';
      world.policy('beta', []);
      if (world.source.asked.length > 500) throw new Error('asked without a pause');
    };
    const before = world.source.asked.length;
    await world.callback();
    await world.clock.advance(60_000);
    expect(world.source.asked.length - before).toBeLessThan(30);
    expect(world.target.members('beta', 'production')).toEqual(['alice', 'bob']);
  });
});

describe('a suspect source', () => {
  test('answers of one instance, compared late, do not make the next one ready', async () => {
    const world = createWorld({ toggles: [toggleOf('beta'), toggleOf('slow')] });
    world.policy('beta', names(5));
    world.policy('slow', ['alice']);
    await world.start();
    world.target.fault = change => (change.toggle === 'slow' ? new Promise(() => {}) : undefined);
    await world.changes('slow', ['alice', 'bob']);
    // The target's lane waits for that write when opa-2 answers as opa-1 did; then opa-3 takes its place, empty.
    Object.assign(world.source, { instance: 'opa-2', state: 'suspect', by: 'nothing' });
    await world.callback();
    world.source.instance = 'opa-3';
    world.source.before = () => new Promise(() => {});
    await world.clock.advance(5_000);
    expect(world.store.source('opal')?.acceptedUnder ?? null).not.toBe('opa-3');
  });
});

describe('writes that nobody answered', () => {
  test('whoever any of them lets in counts as being in', async () => {
    const world = createWorld(blind);
    world.policy('beta', ['alice']);
    await world.start();
    world.target.fault = change => ({ change: change.id, result: 'unanswered', problem });
    await world.changes('beta', ['alice', 'bob']);
    await world.changes('beta', ['alice', 'carol']);
    const [placement] = world.line.targets[0]?.view()?.live.listings[0]?.placements ?? [];
    const pending = placement?.pending?.who;
    expect(pending?.kind === 'members' && [...pending.members.values()]).toEqual(['alice', 'bob', 'carol']);
  });

  test('a restart in between writes what is right by then, though policy came back to what was', async () => {
    const world = createWorld(blind);
    world.policy('beta', ['alice']);
    await world.start();
    const { listings } = world.target;
    // It is carried out, and the process dies before it hears of it.
    world.target.fault = change => {
      if (change.kind === 'placement') listings.get(change.key)?.in.set(change.environment, change.after);
      return { change: change.id, result: 'unanswered', problem };
    };
    await world.changes('beta', ['alice', 'mallory']);
    world.policy('beta', ['alice']);
    world.target.fault = () => undefined;
    await world.restart();
    await world.clock.advance(20_000);
    expect(world.target.members('beta', 'production')).toEqual(['alice']);
  });

  test('with policy undefined after the restart nothing is written, and once it is defined everything is', async () => {
    const world = createWorld(blind);
    world.policy('beta', ['alice']);
    await world.start();
    world.target.fault = change => ({ change: change.id, result: 'unanswered', problem });
    await world.changes('beta', ['alice', 'mallory']);
    world.target.fault = () => undefined;
    world.policy('beta', undefined);
    world.target.writes.length = 0;
    await world.restart();
    await world.clock.advance(20_000);
    expect(world.target.writes).toEqual([]);
    world.policy('beta', ['alice']);
    await world.clock.advance(20_000);
    expect(world.target.writes).toEqual(['placement beta rest production']);
  });

  test('a state that cannot be written for a while holds up nothing for ever', async () => {
    const world = createWorld();
    world.policy('beta', ['alice', 'bob', 'carol']);
    await world.start();
    const record = world.store.record.bind(world.store);
    let broken = true;
    Object.assign(world.store, {
      record(...args: Parameters<typeof record>) {
        if (broken) throw new Error('the disk is full');
        record(...args);
      },
    });
    await world.changes('beta', ['alice', 'bob']);
    await world.clock.advance(5_000);
    broken = false;
    await world.changes('beta', ['alice']);
    await world.clock.advance(20_000);
    expect(world.target.members('beta', 'production')).toEqual(['alice']);
    expect(world.store.applied('fake rest').get('beta')?.placements[0]?.who.size).toBe(1);
  });
});

describe('a large change that nobody announced', () => {
  test('what only the second answer says is looked at again soon', async () => {
    const world = createWorld();
    world.policy('beta', names(100));
    await world.start();
    world.policy('beta', names(90));
    world.source.hint({ kind: 'resync' });
    await world.clock.advance(500);
    world.policy('beta', names(85));
    await world.clock.advance(5_000);
    expect(world.target.members('beta', 'production')).toHaveLength(85);
  });
});

describe('a state that was lost', () => {
  test('whoever was let in before and has no right goes, though nobody can read the target', async () => {
    const world = createWorld(blind);
    world.target.listings.set('beta', {
      metadata: {},
      removed: false,
      in: new Map([['production', { on: true, who: { kind: 'members', members: membersOf(['alice', 'mallory']) } }]]),
    });
    world.policy('beta', ['alice']);
    await world.start();
    await world.clock.advance(20_000);
    expect(world.target.members('beta', 'production')).toEqual(['alice']);
  });
});

describe('a key that moved', () => {
  test('is filled before the old one closes, in a target that cannot be read, and across a restart', async () => {
    const world = createWorld(blind);
    world.policy('beta', ['alice']);
    await world.start();
    world.toggles.set('beta', toggleOf('beta', { targets: { rest: { key: 'beta-2', spec: {} } } }));
    world.target.fault = change =>
      change.key === 'beta' ? { change: change.id, result: 'unanswered', problem } : undefined;
    world.line.rescan();
    await world.clock.advance(3_000);
    expect(world.target.members('beta-2', 'production')).toEqual(['alice']);
    world.target.fault = () => undefined;
    await world.restart();
    await world.clock.advance(20_000);
    expect(world.target.members('beta', 'production')).toEqual([]);
    expect(world.target.members('beta-2', 'production')).toEqual(['alice']);
  });
});

describe('a key that cannot be read', () => {
  test('is not written, is read again at a measured pace, and follows within 20 s once it can be', async () => {
    const world = createWorld({ toggles: [toggleOf('beta'), toggleOf('other')] });
    world.policy('beta', ['alice']);
    world.policy('other', ['alice']);
    await world.start();
    const read = world.target.read?.bind(world.target);
    if (!read) throw new Error('it can be read');
    let asked = 0;
    Object.assign(world.target, {
      async read(want: readonly ListingRef[], signal: AbortSignal) {
        if (want.some(({ key }) => key === 'beta')) asked++;
        const { listings } = await read(want, signal);
        return { listings: listings.filter(({ key }) => key !== 'beta'), unreadable: [{ key: 'beta', problem }] };
      },
    });
    world.line.syncAll();
    await world.changes('beta', ['bob']);
    await world.changes('other', ['bob']);
    await world.clock.advance(60_000);
    expect(world.target.members('beta', 'production')).toEqual(['alice']);
    expect(world.target.members('other', 'production')).toEqual(['bob']);
    expect(asked).toBeGreaterThan(4);
    expect(asked).toBeLessThan(12);
    expect(world.line.targets[0]?.retries.worst()).toBeGreaterThan(1);
    Object.assign(world.target, { read });
    await world.clock.advance(20_000);
    expect(world.target.members('beta', 'production')).toEqual(['bob']);
    expect(world.line.targets[0]?.retries.worst()).toBe(0);
  });
});
