import { describe, expect, it } from 'vitest';
import type { NotifyEvent } from '../../src/domain/config.ts';
import { silentLog } from '../../src/lib/log.ts';
import { memoryState } from '../../src/state/store.ts';
import { createNotifier, type News } from '../../src/sync/notify.ts';
import type { Trouble } from '../../src/sync/troubles.ts';
import type { BlockStatus } from '../../src/sync/view.ts';
import { createFakeClock } from '../support/fake-clock.ts';

const down: Trouble = { what: 'target ld', target: 'ld', message: 'nobody listens' };

function blockOf(id: string, toggle = 'beta'): BlockStatus {
  return {
    id,
    scope: 'audience',
    source: 'opal',
    toggle,
    target: 'ld',
    environment: 'production',
    placements: [],
    revoked: 40,
    granted: 0,
    of: 50,
    reason: '40 of 50 would lose it.',
    revision: null,
    also: null,
    since: '2026-11-21T00:00:00.000Z',
    approve: `optoggles approve ${id}`,
  };
}

const everything: readonly NotifyEvent[] = ['blocked', 'degraded', 'recovered'];

function world(events = everything) {
  const clock = createFakeClock();
  const store = memoryState({ instance: 'acme', clock });
  const now: { blocks: BlockStatus[]; troubles: Trouble[]; fails: boolean; hangs: boolean } = {
    blocks: [],
    troubles: [],
    fails: false,
    hangs: false,
  };
  const told: string[] = [];
  const tries: number[] = [];
  const start = () =>
    createNotifier({
      receivers: [{ type: 'webhook', url: 'http://pager.test/', events }],
      store,
      clock,
      random: () => 1,
      log: silentLog,
      blocks: () => now.blocks,
      troubles: () => now.troubles,
      async send(_, news, signal) {
        tries.push(clock.now());
        if (now.hangs)
          await new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(new Error('ended'))));
        if (now.fails) throw new Error('refused');
        told.push(said(news));
      },
    });
  return { clock, store, now, told, tries, start };
}

function said({ event, blocked, things }: News): string {
  return [event, ...blocked.map(({ id }) => id), ...things.map(({ what }) => what)].join(' ');
}

describe('a block', () => {
  it('is told at once, once, and so is its end', async () => {
    const { clock, now, told, start } = world();
    start();
    now.blocks = [blockOf('b1')];
    await clock.advance(1000);
    expect(told).toEqual(['blocked b1']);
    await clock.advance(100_000);
    expect(told).toEqual(['blocked b1']);
    now.blocks = [];
    await clock.advance(1000);
    expect(told).toEqual(['blocked b1', 'recovered block of audience opal beta ld production']);
  });

  it('that goes on under another id is the same news; one of another toggle is not', async () => {
    const { clock, now, told, start } = world();
    start();
    now.blocks = [blockOf('b1')];
    await clock.advance(1000);
    now.blocks = [blockOf('b2'), blockOf('b3', 'gamma')];
    await clock.advance(5000);
    expect(told).toEqual(['blocked b1', 'blocked b3']);
  });

  it('is not told twice by the next process, nor forgotten by it', async () => {
    const { clock, now, told, start } = world();
    const first = start();
    now.blocks = [blockOf('b1')];
    await clock.advance(1000);
    now.fails = true;
    now.blocks = [blockOf('b1'), blockOf('b2', 'gamma')];
    await clock.advance(1000);
    await first.stop();
    now.fails = false;
    start();
    await clock.advance(5000);
    expect(told).toEqual(['blocked b1', 'blocked b2']);
  });
});

describe('what is wrong', () => {
  it('is told when it lasts, and over when that lasts', async () => {
    const { clock, now, told, store, start } = world();
    start();
    now.troubles = [down];
    await clock.advance(20_000);
    now.troubles = [];
    await clock.advance(2000);
    now.troubles = [down];
    await clock.advance(30_000);
    expect(told).toEqual([]);
    await clock.advance(2000);
    expect(told).toEqual(['degraded target ld']);
    now.troubles = [];
    await clock.advance(20_000);
    now.troubles = [down];
    await clock.advance(2000);
    now.troubles = [];
    await clock.advance(30_000);
    expect(told).toEqual(['degraded target ld']);
    await clock.advance(2000);
    expect(told).toEqual(['degraded target ld', 'recovered target ld']);
    expect([...store.auditLog()].map(({ what, target }) => [what, target])).toEqual([
      ['degraded', 'ld'],
      ['recovered', 'ld'],
    ]);
  });

  it('and was so before a restart is neither over nor new', async () => {
    const { clock, now, told, store, start } = world();
    const first = start();
    now.troubles = [down];
    await clock.advance(32_000);
    await first.stop();
    now.troubles = [];
    start();
    await clock.advance(10_000);
    now.troubles = [down];
    await clock.advance(100_000);
    expect(told).toEqual(['degraded target ld']);
    expect([...store.auditLog()].map(({ what }) => what)).toEqual(['degraded']);
  });
});

describe('a receiver', () => {
  it('that fails is tried again, ever more slowly, and hears what is true by then', async () => {
    const { clock, now, told, tries, start } = world();
    start();
    now.fails = true;
    now.blocks = [blockOf('b1')];
    await clock.advance(1000);
    const began = clock.now();
    await clock.advance(40_000);
    expect(tries.map(at => at - began)).toEqual([0, 1000, 3000, 7000, 15_000, 31_000]);
    now.blocks = [blockOf('b2', 'gamma')];
    now.fails = false;
    await clock.advance(40_000);
    expect(told).toEqual(['blocked b2']);
  });

  it('that was told of something that is over while it was down hears of the end', async () => {
    const { clock, now, told, start } = world();
    start();
    now.blocks = [blockOf('b1')];
    await clock.advance(1000);
    now.fails = true;
    now.blocks = [];
    await clock.advance(10_000);
    now.fails = false;
    await clock.advance(30_000);
    expect(told).toEqual(['blocked b1', 'recovered block of audience opal beta ld production']);
  });

  it('hears of nothing but what it wants', async () => {
    const { clock, now, told, start } = world(['degraded']);
    start();
    now.blocks = [blockOf('b1')];
    now.troubles = [down];
    await clock.advance(40_000);
    now.blocks = [];
    now.troubles = [];
    await clock.advance(40_000);
    expect(told).toEqual(['degraded target ld']);
  });

  it('that hangs keeps nobody from stopping', async () => {
    const { clock, now, tries, start } = world();
    const notifier = start();
    now.hangs = true;
    now.blocks = [blockOf('b1')];
    await clock.advance(5000);
    expect(tries).toHaveLength(1);
    await notifier.stop();
    expect(clock.waiting).toBe(0);
  });
});
