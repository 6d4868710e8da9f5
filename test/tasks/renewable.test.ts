import { describe, expect, it } from 'vitest';
import type { Hint, Source } from '../../src/domain/audience.ts';
import type { Target } from '../../src/domain/target.ts';
import { renewableSource, renewableTarget } from '../../src/tasks/renewable.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { createFakeSource } from '../support/fake-source.ts';
import { createFakeTarget } from '../support/fake-target.ts';

describe('a target made anew', () => {
  function world() {
    const clock = createFakeClock();
    const closed: number[] = [];
    let count = 0;
    const made: Target[] = [];
    const settings = { address: 'fake rest' };
    const { one, renew } = renewableTarget(() => {
      const number = ++count;
      const target = {
        ...createFakeTarget('rest', { address: settings.address }),
        async *apply() {
          await Promise.resolve();
          yield { change: `by ${number}`, result: 'done' as const };
        },
        async close() {
          closed.push(number);
        },
      };
      made.push(target);
      return target;
    }, clock);
    const asked = async () => {
      const outcomes = one.apply([], new AbortController().signal, () => true)[Symbol.asyncIterator]();
      const { value } = (await outcomes.next()) as IteratorYieldResult<{ readonly change: string }>;
      return value.change;
    };
    return { clock, closed, one, renew, asked, settings };
  }

  it('takes what comes from then on; the one before has time to end', async () => {
    const { clock, closed, one, renew, asked } = world();
    expect(await asked()).toBe('by 1');
    const begun = one.apply([], new AbortController().signal, () => true)[Symbol.asyncIterator]();
    await renew();
    expect((await begun.next()).value).toMatchObject({ change: 'by 1' });
    expect(await asked()).toBe('by 2');
    expect(closed).toEqual([]);
    await clock.advance(90_000);
    expect(closed).toEqual([1]);
    await one.close();
    expect(closed).toEqual([1, 2]);
  });

  it('is closed with all before it', async () => {
    const { clock, closed, one, renew } = world();
    await renew();
    await renew();
    await one.close();
    expect(new Set(closed)).toEqual(new Set([1, 2, 3]));
    expect(clock.waiting).toBe(0);
  });

  it('stays where it is: another address waits for a restart', async () => {
    const { one, renew, asked, settings, closed } = world();
    settings.address = 'elsewhere';
    await expect(renew()).rejects.toThrow('restart');
    expect(one.address).toBe('fake rest');
    expect(await asked()).toBe('by 1');
    expect(closed).toEqual([2]);
  });
});

describe('a source made anew', () => {
  it('goes on with hints of the new one once the old one has taken its own back', async () => {
    const log: string[] = [];
    let count = 0;
    const clock = createFakeClock();
    const { one, renew } = renewableSource((): Source => {
      const number = ++count;
      return {
        ...createFakeSource('opal', clock),
        async hints(push, signal) {
          log.push(`${number} begins`);
          push({ kind: 'registered' });
          await new Promise<void>(resolve => signal.addEventListener('abort', () => resolve(), { once: true }));
          log.push(`${number} ends`);
        },
        async close() {
          await Promise.resolve();
          log.push(`${number} closed`);
          if (number === 1) throw new Error('its token is refused');
        },
      };
    });
    const hints: Hint[] = [];
    const closing = new AbortController();
    const running = one.hints(hint => hints.push(hint), closing.signal);
    await renew();
    await expect.poll(() => log).toEqual(['1 begins', '1 ends', '1 closed', '2 begins']);
    closing.abort();
    await running;
    await one.close(new AbortController().signal);
    expect(log.slice(4)).toEqual(['2 ends', '2 closed']);
    expect(hints).toHaveLength(2);
  });

  it('that cannot be made leaves the one before in use', async () => {
    let count = 0;
    const { one, renew } = renewableSource(() => {
      if (++count > 1) throw new Error('its settings do not fit');
      return createFakeSource('opal', createFakeClock());
    });
    await expect(renew()).rejects.toThrow('do not fit');
    expect(await one.readiness(undefined, new AbortController().signal)).toMatchObject({
      readiness: { state: 'ready' },
    });
  });
});
