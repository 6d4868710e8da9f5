import type { Source } from '../domain/audience.ts';
import type { Target } from '../domain/target.ts';
import type { Clock } from '../lib/clock.ts';

/** Something that can be replaced by another of its kind, made from newer settings, while it is in use. */
export interface Renewable<One> {
  /** Stays the same; what is asked of it goes to the newest. */
  readonly one: One;
  /** Resolves when the newest is in use. Rejects where it cannot be made; then the one before stays. */
  readonly renew: () => Promise<void>;
}

/** The one before gets so long (ms) for what it was asked. */
const lastWords = 90_000;
const goodbye = 5_000;

/**
 * A target whose token may change: whatever begins from now on goes to a new one, made by `make`. What is under way ends
 * with the one before. Its address has to stay: what was applied is known by it.
 */
export function renewableTarget(make: () => Target, clock: Clock): Renewable<Target> {
  let current = make();
  const before = new Map<Target, () => void>();
  const { address } = current;

  async function end(old: Target): Promise<void> {
    before.get(old)?.();
    before.delete(old);
    await old.close();
  }

  const one = newestOf(current, () => current, {
    async close() {
      await Promise.all([current.close(), ...[...before.keys()].map(end)]);
    },
  });
  return {
    one,
    async renew() {
      const next = make();
      if (next.address !== address) {
        await next.close();
        throw new Error('its address is another; that waits for a restart');
      }
      const old = current;
      current = next;
      before.set(
        old,
        clock.after(lastWords, () => void end(old).catch(() => {})),
      );
    },
  };
}

/**
 * A source whose token may change. The one before ends first, with its hints, and takes its callback back where it still
 * may: then the new one registers its own, under the same key. What it was being asked fails, and is asked again.
 */
export function renewableSource(make: () => Source): Renewable<Source> {
  let current = make();
  let round = new AbortController();
  let swapped: Promise<void> = Promise.resolve();
  const one = newestOf(current, () => current, {
    async hints(push, signal) {
      while (!signal.aborted) {
        const { signal: over } = round;
        const source = current;
        await source.hints(push, AbortSignal.any([signal, over])).catch((error: unknown) => {
          if (!over.aborted) throw error;
        });
        if (!over.aborted) return;
        await swapped;
      }
    },
  });

  async function swap(next: Source, before: Promise<void>): Promise<void> {
    await before;
    const old = current;
    current = next;
    round.abort(new Error('made anew'));
    try {
      await old.close(AbortSignal.timeout(goodbye));
    } catch {
      // A token that is refused by now: the registration is replaced.
    }
    round = new AbortController();
  }

  return {
    one,
    async renew() {
      const next = make();
      swapped = swap(next, swapped);
      await swapped;
    },
  };
}

/** Looks like `first` and is always the newest, but for what is given in its place. */
function newestOf<One extends object>(first: One, newest: () => One, own: Partial<One>): One {
  return new Proxy<One>(first, {
    get(_, name) {
      if (Object.hasOwn(own, name)) return Reflect.get(own, name) as unknown;
      const one = newest();
      const value: unknown = Reflect.get(one, name, one);
      return typeof value === 'function' ? (value.bind(one) as unknown) : value;
    },
  });
}
