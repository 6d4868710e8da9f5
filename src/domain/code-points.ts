/** The order of members: by Unicode code point. Lists here are sorted by it, without doubles. */

/**
 * Orders by Unicode code point, as OPA does by sorting UTF-8 bytes. JavaScript's `<` orders by UTF-16 unit, which puts
 * characters above U+FFFF before U+E000..U+FFFF.
 */
export function compareCodePoints(left: string, right: string): number {
  const length = Math.min(left.length, right.length);
  for (let index = 0; index < length; index++) {
    const a = left.charCodeAt(index);
    const b = right.charCodeAt(index);
    if (a !== b) {
      const aSurrogate = a >= 0xd800 && a <= 0xdfff;
      const bSurrogate = b >= 0xd800 && b <= 0xdfff;
      if (aSurrogate !== bSurrogate && a >= 0xd800 && b >= 0xd800) return aSurrogate ? 1 : -1;
      return a - b;
    }
  }
  return left.length - right.length;
}

/** True for a list without doubles that is sorted already. */
export function isStrictlySorted(values: readonly string[]): boolean {
  for (let index = 1; index < values.length; index++) {
    if (compareCodePoints(values[index - 1] as string, values[index] as string) >= 0) return false;
  }
  return true;
}

/** The same where every member is ASCII: the engine's own comparison, five times faster, gives the same order. */
export function isStrictlySortedAscii(values: readonly string[]): boolean {
  for (let index = 1; index < values.length; index++) {
    if (!((values[index - 1] as string) < (values[index] as string))) return false;
  }
  return true;
}

/** True when the sorted list holds that member. */
export function isAmong(sorted: readonly string[], member: string): boolean {
  return sorted[firstNotBefore(sorted, member)] === member;
}

/** Where in the sorted list it is, or would have to be; `from`: nowhere before that. */
export function firstNotBefore(sorted: readonly string[], member: string, from = 0): number {
  let low = from;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compareCodePoints(sorted[middle] as string, member) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
