import { describe, expect, test } from 'vitest';
import { ProblemError } from '../../src/domain/problem.ts';
import { createWorld, toggleOf, type World, type WorldOptions } from '../support/world.ts';

const problem = { code: 'out-of-order', message: 'It is out of order.', hint: 'Wait.' };
const names = (count: number) => Array.from({ length: count }, (_, index) => `u${String(index).padStart(3, '0')}`);

async function applied(members: readonly string[], options: WorldOptions = {}): Promise<World> {
  const world = createWorld(options);
  world.policy('beta', members);
  await world.start();
  return world;
}

/** A new start of the line after the address changed. */
async function moved(world: World): Promise<{ old: World['target']; fresh: World['target'] }> {
  const old = world.target;
  const fresh = world.move('fake elsewhere');
  old.writes.length = 0;
  await world.restart();
  return { old, fresh };
}

describe.each([[true], [false]])('a target whose address changed (it can be read: %j)', readable => {
  const targets = [{ name: 'rest', readable }];

  test('is filled at the new address, then closed at the former one, without a block', async () => {
    const world = await applied(names(40), { targets });
    const order: string[] = [];
    const old = world.target;
    const fresh = world.move('fake elsewhere');
    for (const [where, target] of [
      ['new', fresh],
      ['old', old],
    ] as const) {
      target.fault = change => {
        order.push(`${where} ${change.kind}`);
        return undefined;
      };
    }
    await world.restart();
    expect(fresh.members('beta', 'production')).toHaveLength(40);
    expect(old.members('beta', 'production')).toEqual([]);
    expect(old.listings.get('beta')?.removed).toBe(true);
    expect(order).toEqual(['new create', 'new placement', 'old placement', 'old retire']);
    expect(world.store.blocks()).toEqual([]);
  });

  test('keeps everybody at the former address while the new one cannot be filled, but for those who have to go', async () => {
    const world = await applied(names(40), { targets });
    const old = world.target;
    const fresh = world.move('fake elsewhere');
    fresh.fault = change => ({ change: change.id, result: 'failed', problem, scope: 'change' });
    await world.restart();
    await world.clock.advance(5_000);
    expect(old.members('beta', 'production')).toHaveLength(40);
    await world.changes('beta', [...names(38), 'zoe']);
    await world.clock.advance(5_000);
    expect(old.members('beta', 'production')).toEqual(names(38));
    fresh.fault = () => undefined;
    await world.clock.advance(30_000);
    expect(fresh.members('beta', 'production')).toEqual([...names(38), 'zoe']);
    expect(old.members('beta', 'production')).toEqual([]);
  });

  test('holds while policy says nothing: nobody loses it at the former address', async () => {
    const world = await applied(names(40), { targets });
    world.policy('beta', undefined);
    const { old, fresh } = await moved(world);
    await world.clock.advance(30_000);
    expect(old.members('beta', 'production')).toHaveLength(40);
    expect(fresh.members('beta', 'production')).toEqual([]);
    await world.changes('beta', names(40));
    expect(old.members('beta', 'production')).toEqual([]);
    expect(fresh.members('beta', 'production')).toHaveLength(40);
  });

  test('is no way around the guard: whom both addresses lost within the window counts together', async () => {
    const world = await applied(names(100), { targets });
    await world.clock.advance(700_000);
    await world.changes('beta', names(75));
    expect(world.target.members('beta', 'production')).toHaveLength(75);
    const { fresh } = await moved(world);
    expect(fresh.members('beta', 'production')).toHaveLength(75);
    await world.changes('beta', names(55));
    await world.clock.advance(20_000);
    expect(fresh.members('beta', 'production')).toHaveLength(75);
    expect(world.store.blocks()).toMatchObject([{ reason: 'revocations' }]);
    await world.restart();
    expect(fresh.members('beta', 'production')).toHaveLength(75);
  });

  test('is blocked as one: with a policy that loses too many, nothing moves', async () => {
    const world = await applied(names(100), { targets });
    await world.clock.advance(700_000);
    world.policy('beta', names(50));
    const { old, fresh } = await moved(world);
    await world.clock.advance(20_000);
    expect(old.members('beta', 'production')).toHaveLength(100);
    expect(fresh.members('beta', 'production')).toEqual([]);
    expect(world.store.blocks()).toMatchObject([{ reason: 'revocations' }]);
  });

  test('has something to lose when its source restarts meanwhile', async () => {
    const world = await applied(names(100), { targets });
    Object.assign(world.source, { instance: 'opa-2', state: 'suspect', by: 'nothing' });
    world.policy('beta', names(90));
    const { old, fresh } = await moved(world);
    await world.clock.advance(20_000);
    expect(old.members('beta', 'production')).toHaveLength(100);
    expect(fresh.members('beta', 'production')).toEqual([]);
    expect(world.store.blocks()).toMatchObject([{ reason: 'suspect' }]);
  });

  test('goes on after a restart in the middle', async () => {
    const world = await applied(names(40), { targets });
    const old = world.target;
    const fresh = world.move('fake elsewhere');
    old.fault = change => ({ change: change.id, result: 'failed', problem, scope: 'target' });
    await world.restart();
    await world.clock.advance(5_000);
    expect(fresh.members('beta', 'production')).toHaveLength(40);
    expect(old.members('beta', 'production')).toHaveLength(40);
    old.fault = () => undefined;
    await world.restart();
    await world.clock.advance(30_000);
    expect(old.members('beta', 'production')).toEqual([]);
  });

  test('what the former address says holds up nothing at the new one', async () => {
    const world = await applied(names(40), { targets, toggles: [toggleOf('beta'), toggleOf('other')] });
    const old = world.target;
    const fresh = world.move('fake elsewhere');
    old.fault = change => ({ change: change.id, result: 'failed', problem, scope: 'target', retryAfter: 60_000 });
    await world.restart();
    await world.changes('other', names(3));
    expect(fresh.members('other', 'production')).toHaveLength(3);
  });

  test('is moved twice before anything could be closed', async () => {
    const world = await applied(names(40), { targets });
    const first = world.target;
    const second = world.move('fake elsewhere');
    first.fault = change => ({ change: change.id, result: 'failed', problem, scope: 'change' });
    await world.restart();
    const third = world.move('fake third');
    await world.restart();
    expect(third.members('beta', 'production')).toHaveLength(40);
    expect(second.members('beta', 'production')).toEqual([]);
    first.fault = () => undefined;
    await world.clock.advance(30_000);
    expect(first.members('beta', 'production')).toEqual([]);
  });

  test('is forgotten at the former address once the window does not count it any more', async () => {
    const world = await applied(names(40), { targets });
    const { old } = await moved(world);
    expect(world.store.addresses().map(({ address }) => address)).toContain(old.address);
    await world.clock.advance(700_000);
    await world.restart();
    expect(world.store.addresses().map(({ address }) => address)).toEqual(['fake elsewhere']);
    old.writes.length = 0;
    await world.changes('beta', names(39));
    expect(old.writes).toEqual([]);
  });

  test('closes at the former address what is off, and what left with its file', async () => {
    const world = await applied(names(3), {
      targets,
      toggles: [toggleOf('beta'), toggleOf('gone'), toggleOf('stays')],
    });
    await world.changes('gone', ['gina']);
    world.toggles.set('beta', toggleOf('beta', { state: 'off' }));
    world.toggles.delete('gone');
    const moving = moved(world);
    await world.clock.advance(0);
    await world.clock.advance(2_000);
    const { old, fresh } = await moving;
    await world.clock.advance(2_000);
    expect(old.members('beta', 'production')).toEqual([]);
    expect(old.members('gone', 'production')).toEqual([]);
    expect(fresh.members('beta', 'production')).toEqual([]);
    expect(fresh.listings.has('gone')).toBe(false);
  });

  test('a preview shows the move and leaves no trace', async () => {
    const world = await applied(names(40), { targets });
    const old = world.target;
    const fresh = world.move('fake elsewhere');
    await world.line.stop();
    await world.start('preview');
    await Promise.all(world.line.targets.map(lane => lane.refresh()));
    await world.line.idle();
    const { changes, blocked } = world.line.planAll();
    expect(blocked).toEqual([]);
    expect(changes.map(({ id }) => id)).toEqual([
      'create beta rest',
      'placement beta rest production',
      'close beta rest production beta at fake rest',
      'retire beta rest beta at fake rest',
    ]);
    expect(fresh.listings.size).toBe(0);
    expect(old.members('beta', 'production')).toHaveLength(40);
  });
});

describe('a former address', () => {
  test('that cannot be read keeps its people, and is closed when it can', async () => {
    const world = await applied(names(40));
    const old = world.target;
    const read = old.read?.bind(old);
    Object.assign(old, { read: () => Promise.reject(new ProblemError(problem)) });
    const fresh = world.move('fake elsewhere');
    await world.restart();
    expect(fresh.members('beta', 'production')).toHaveLength(40);
    expect(world.line.targets[0]?.plan?.held).toMatchObject([
      { reason: 'unreadable', problem: { message: expect.stringContaining('fake rest') as string } },
    ]);
    Object.assign(old, { read });
    await world.clock.advance(700_000);
    expect(old.members('beta', 'production')).toEqual([]);
  });

  test('where nothing is any more is not written to, and forgotten after the window', async () => {
    const world = await applied(names(40));
    world.target.listings.clear();
    const { old, fresh } = await moved(world);
    expect(fresh.members('beta', 'production')).toHaveLength(40);
    expect(old.writes).toEqual([]);
    await world.clock.advance(1_300_000);
    expect(world.store.addresses()).toHaveLength(1);
  });
});

describe.each([[true], [false]])('two addresses of one place without marks (it can be read: %j)', readable => {
  const targets = [{ name: 'rest', readable, marks: false }];

  test('are found out before anything is closed, and the guard goes on counting', async () => {
    const world = await applied(names(100), { targets });
    await world.clock.advance(700_000);
    await world.changes('beta', names(75));
    const old = world.target;
    const fresh = world.move('fake elsewhere');
    for (const [key, listing] of old.listings) fresh.listings.set(key, listing);
    old.writes.length = 0;
    world.policy('beta', names(55));
    await world.restart();
    await world.clock.advance(20_000);
    expect(old.writes).toEqual([]);
    expect(fresh.members('beta', 'production')).toHaveLength(75);
    expect(world.store.blocks()).toMatchObject([{ reason: 'revocations' }]);
    await world.changes('beta', names(72));
    await world.clock.advance(20_000);
    expect(fresh.members('beta', 'production')).toHaveLength(72);
    expect(world.store.addresses()).toEqual([{ address: 'fake elsewhere', target: 'rest' }]);
    expect(old.writes).toEqual([]);
  });
});

describe('two addresses of one file', () => {
  test('are one place: nothing is written, nothing is lost from the window', async () => {
    const world = await applied(names(100), { targets: [{ name: 'rest', environments: ['production', 'test'] }] });
    await world.clock.advance(700_000);
    await world.changes('beta', names(75));
    const old = Object.assign(world.target, { place: (environment: string) => `/files/${environment}` });
    const fresh = Object.assign(world.move('fake elsewhere'), {
      place: (environment: string) => `/files/${environment === 'production' ? environment : 'new-test'}`,
    });
    const listing = old.listings.get('beta');
    const production = listing?.in.get('production');
    if (listing === undefined || production === undefined) throw new Error('beta was applied');
    fresh.listings.set('beta', { ...listing, in: new Map([['production', production]]) });
    old.writes.length = 0;
    await world.restart();
    expect(fresh.writes).toEqual(['create beta rest', 'placement beta rest test']);
    expect(old.writes).toEqual(['close beta rest test beta at fake rest', 'retire beta rest beta at fake rest']);
    expect(old.members('beta', 'production')).toHaveLength(75);
    await world.changes('beta', names(55));
    expect(fresh.members('beta', 'production')).toHaveLength(75);
    expect(world.store.blocks()).not.toEqual([]);
  });
});
