import type { Place, Problem } from '../domain/problem.ts';
import type { Toggle } from '../domain/toggle.ts';
import type { ReadFlag } from './flag-file.ts';
import { quoted } from './problems.ts';

/** Where a toggle's `expires` stands; kept beside the toggle, which says nothing of places. */
const places = new WeakMap<Toggle, Place>();

/** Remembers where a file that was read says when its toggle expires. */
export function noteExpiry({ toggle, expiresAt }: ReadFlag): void {
  if (toggle !== undefined) places.set(toggle, expiresAt);
}

/** True after the last moment of the day `expires`, in UTC. `now` is ms since the epoch. */
export function isExpired({ expires }: Toggle, now: number): boolean {
  return expires !== undefined && now >= Date.parse(`${expires}T00:00:00Z`) + 24 * 3_600_000;
}

/** Warnings for toggles past their `expires`. Apart from loading, because validity never depends on the clock. */
export function expiredWarnings(toggles: readonly Toggle[], now: number): Problem[] {
  return toggles
    .filter(toggle => isExpired(toggle, now))
    .map(toggle => ({
      code: 'expired',
      message: `The toggle ${quoted(toggle.key)} expired on ${toggle.expires}.`,
      hint: 'Remove it from the code and delete its file, or move "expires".',
      at: places.get(toggle) ?? { file: toggle.file, line: 1, column: 1 },
    }));
}
