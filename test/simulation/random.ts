/** Seeded chance: the same seed, the same numbers, on every machine. */
export interface Random {
  /** 0 ≤ x < 1. */
  readonly next: () => number;
  /** 0 ≤ n < `below`, whole. */
  int(below: number): number;
  chance(probability: number): boolean;
  pick<T>(list: readonly T[]): T;
  /** One of the values, each as often as its weight says. */
  weighted<T>(choices: readonly (readonly [weight: number, value: T])[]): T;
  /** Each of them with that probability, in their order. */
  some<T>(list: readonly T[], probability: number): T[];
  /** Another stream that depends on this seed and the name alone. */
  fork(name: string): Random;
}

/** sfc32 (public domain, PractRand), seeded by the bytes of a text. */
export function createRandom(seed: string): Random {
  let [a, b, c, counter] = [hash(seed, 1), hash(seed, 2), hash(seed, 3), 1];

  function next(): number {
    const sum = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + sum;
    c |= 0;
    return (sum >>> 0) / 4_294_967_296;
  }

  for (let warm = 0; warm < 12; warm++) next();
  const random: Random = {
    next,
    int: below => Math.floor(next() * below),
    chance: probability => next() < probability,
    pick: list => list[Math.floor(next() * list.length)] as (typeof list)[number],
    weighted(choices) {
      let left = next() * choices.reduce((sum, [weight]) => sum + weight, 0);
      for (const [weight, value] of choices) {
        left -= weight;
        if (left < 0) return value;
      }
      return (choices.at(-1) as (typeof choices)[number])[1];
    },
    some: (list, probability) => list.filter(() => next() < probability),
    fork: name => createRandom(`${seed}/${name}`),
  };
  return random;
}

/** FNV-1a over UTF-16 units: short, and good enough to tell two histories apart. */
export function hash(text: string, start = 0): number {
  let value = (2_166_136_261 ^ start) >>> 0;
  for (let at = 0; at < text.length; at++) value = Math.imul(value ^ text.charCodeAt(at), 16_777_619);
  return value >>> 0;
}
