import { describe, expect, it } from 'vitest';
import { keepUp, leaveInOrder, pruneState } from '../../src/sync/upkeep.ts';
import { createFakeClock } from '../support/fake-clock.ts';

const guard = {
  maxRevokedShare: 0.3,
  alwaysAllowedRevocations: 5,
  maxGrantedShare: 1,
  alwaysAllowedGrants: 50,
  maxUsers: null,
  window: 600_000,
  maxRemovedToggles: 0.3,
};

describe('upkeep', () => {
  it('hashes in small pieces until nothing is left, then looks now and then', async () => {
    const clock = createFakeClock();
    const start = clock.now();
    const calls: number[] = [];
    let left = 3;
    const store = {
      prune() {},
      sealAudit() {
        calls.push(clock.now() - start);
        return --left > 0;
      },
    };
    const stop = keepUp(store, { guard }, clock);
    await clock.advance(10_500);
    expect(calls).toEqual([5000, 5020, 5040, 10_040]);
    stop();
    await clock.advance(60_000);
    expect(calls).toHaveLength(4);
  });

  it('goes on after an error', async () => {
    const clock = createFakeClock();
    let calls = 0;
    const store = {
      prune() {},
      sealAudit() {
        calls++;
        throw new Error('disk full');
      },
    };
    keepUp(store, { guard }, clock);
    await clock.advance(10_000);
    expect(calls).toBe(2);
  });

  it('prunes every hour by what is configured', async () => {
    const clock = createFakeClock();
    const pruned: unknown[] = [];
    const store = { prune: (before: unknown) => void pruned.push(before), sealAudit: () => false };
    keepUp(store, { guard, audit: { keep: 1000, maxRows: 7, users: false } }, clock);
    await clock.advance(3_600_000);
    const now = clock.now();
    expect(pruned).toEqual([{ history: now - 600_000, audit: now - 1000, auditRows: 7 }]);
  });

  it('keeps the log for 400 days and a million lines where nothing is said', () => {
    const pruned: unknown[] = [];
    pruneState({ prune: before => void pruned.push(before) }, { guard }, 40_000_000_000);
    expect(pruned).toEqual([{ history: 39_999_400_000, audit: 5_440_000_000, auditRows: 1_000_000 }]);
  });

  it('is done at the end of a command, and no error of it counts', () => {
    const did: string[] = [];
    const store = {
      prune: () => void did.push('pruned'),
      sealAudit() {
        did.push('hashed');
        throw new Error('disk full');
      },
    };
    leaveInOrder(store, { guard }, 0, true);
    leaveInOrder(store, { guard }, 0, false);
    expect(did).toEqual(['pruned', 'hashed', 'hashed']);
  });
});
