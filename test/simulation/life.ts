/** Thrown into whatever a process still does after its end: nothing of it has an effect any more. */
export class Dead extends Error {
  override readonly name = 'Dead';
}

/** One run of the program: it ends in the middle of whatever it does, at the n-th thing it does to the world outside. */
export interface Life {
  readonly number: number;
  readonly alive: boolean;
  /** Ends it after so many more effects: a store's transaction (before, after), a request that is sent. */
  light(effects: number, burnt?: () => void): void;
  /** One effect is about to happen, or just did. Throws `Dead` once it is over. */
  effect(): void;
  end(): void;
}

/** `over` is called once, at the end. */
export function createLife(number: number, over: () => void): Life {
  let alive = true;
  let fuse: number | undefined;
  let onBurnt: (() => void) | undefined;

  function end(): void {
    if (!alive) return;
    alive = false;
    over();
  }

  return {
    number,
    get alive() {
      return alive;
    },
    light(effects, burnt) {
      fuse = effects;
      onBurnt = burnt;
    },
    effect() {
      if (!alive) throw new Dead('over');
      if (fuse === undefined || --fuse > 0) return;
      end();
      onBurnt?.();
      throw new Dead('over');
    },
    end,
  };
}
