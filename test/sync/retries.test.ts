import { describe, expect, test } from 'vitest';
import { membersOf } from '../../src/domain/members.ts';
import type { Change, PlacementChange } from '../../src/domain/plan.ts';
import { createRetries } from '../../src/sync/retries.ts';
import { createFakeClock } from '../support/fake-clock.ts';

const problem = { code: 'x', message: 'x' };
const common = { phase: 'grant', needs: [], causes: [], toggle: 'beta', target: 'rest', key: 'beta' } as const;

function update(name: string): Change {
  const listing = { kind: 'update', environments: [], metadata: { name } } as const;
  return { ...common, id: 'update beta rest', contextKind: 'user', ...listing };
}

function placement(members: readonly string[]): Change & PlacementChange {
  const nobody = membersOf([]);
  return {
    ...common,
    id: 'placement beta rest production',
    contextKind: 'user',
    kind: 'placement',
    placement: 'p',
    environment: 'production',
    source: 'opal',
    audience: 'a',
    metadata: {},
    writesMetadata: false,
    before: { known: true, on: true, who: { kind: 'members', members: nobody } },
    after: { on: true, who: { kind: 'members', members: membersOf(members) } },
    granted: nobody,
    revoked: nobody,
    closes: [],
    removal: false,
  };
}

describe('retries', () => {
  test('double from 0.5 s to 16 s and then go on for ever', async () => {
    const clock = createFakeClock();
    const retries = createRetries(clock, () => 1);
    const delays: number[] = [];
    for (let failure = 0; failure < 8; failure++) {
      retries.failed('c', problem);
      const next = retries.next() ?? 0;
      delays.push(next - clock.now());
      expect(retries.mayTry('c')).toBe(false);
      await clock.advance(next - clock.now());
      expect(retries.mayTry('c')).toBe(true);
    }
    expect(delays).toEqual([500, 1_000, 2_000, 4_000, 8_000, 16_000, 16_000, 16_000]);
  });

  test('are spread over the upper half', () => {
    const clock = createFakeClock();
    const retries = createRetries(clock, () => 0);
    retries.failed('c', problem);
    expect((retries.next() ?? 0) - clock.now()).toBe(250);
  });

  test("a hold of the platform's own stands, ours is lifted by news", async () => {
    const clock = createFakeClock();
    const retries = createRetries(clock, () => 1);
    retries.hold(problem);
    retries.forgive(() => true);
    expect(retries.mayTry('c')).toBe(true);
    retries.hold(problem, 30_000);
    retries.forgive(() => true);
    expect(retries.mayTry('c')).toBe(false);
    await clock.advance(29_999);
    expect(retries.mayTry('c')).toBe(false);
    await clock.advance(1);
    expect(retries.mayTry('c')).toBe(true);
  });

  test('failures of one batch together are one failure of the target', () => {
    const clock = createFakeClock();
    const retries = createRetries(clock, () => 1);
    for (let index = 0; index < 100; index++) retries.hold(problem);
    expect(retries.held?.failures).toBe(1);
    expect((retries.held?.until ?? 0) - clock.now()).toBe(500);
  });

  test('what was refused is not tried before the definitions change, or everything was read again', async () => {
    const clock = createFakeClock();
    const retries = createRetries(clock, () => 1);
    const change = update('x');
    for (const again of [() => retries.renew(), () => retries.askRefusedAgain()]) {
      retries.refused(change, problem);
      retries.forgive(() => true);
      retries.keep([update('x')], () => false);
      await clock.advance(86_400_000);
      expect(retries.mayTry(change.id)).toBe(false);
      expect(retries.next()).toBeUndefined();
      again();
      expect(retries.mayTry(change.id)).toBe(true);
    }
  });

  test('something else under the same id was not refused', () => {
    const retries = createRetries(createFakeClock(), () => 1);
    for (const [first, second] of [
      [update('x'), update('y')],
      [placement(['alice']), placement(['alice', 'bob'])],
      [placement(['alice']), { ...placement(['alice']), removal: true }],
    ] as const) {
      retries.refused(first, problem);
      retries.keep([second], () => false);
      expect(retries.mayTry(first.id)).toBe(true);
    }
  });

  test('the time that the platform names for one change stands too, whatever is new', async () => {
    const clock = createFakeClock();
    const retries = createRetries(clock, () => 1);
    retries.failed('c', problem, 30_000);
    retries.forgive(() => true);
    retries.renew();
    await clock.advance(29_999);
    expect(retries.mayTry('c')).toBe(false);
    await clock.advance(1);
    expect(retries.mayTry('c')).toBe(true);
  });

  test('a write that was on its way does not take back that the target as a whole wants patience', async () => {
    const clock = createFakeClock();
    const retries = createRetries(clock, () => 1);
    retries.hold(problem, 30_000);
    retries.reached();
    expect(retries.mayTry('c')).toBe(false);
    await clock.advance(30_000);
    retries.reached();
    expect(retries.held).toBeUndefined();
  });
});
