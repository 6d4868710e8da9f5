import { setImmediate } from 'node:timers/promises';

/** How long work may keep everything else waiting (ms). */
const longest = 10;

/** For long work in small pieces: called after each piece, it lets everything else run once 10 ms have passed. */
export function createBreather(): () => Promise<void> | undefined {
  let since = performance.now();
  return () => {
    if (performance.now() - since < longest) return undefined;
    return setImmediate().then(() => {
      since = performance.now();
    });
  };
}
