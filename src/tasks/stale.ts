import type { StaleReason, StaleToggle } from '../domain/stale.ts';
import type { Toggle } from '../domain/toggle.ts';
import { isExpired } from '../load/expired.ts';

const day = 24 * 3_600_000;
/** So long a toggle may be without a day on which it ends. */
const reviewAfter = 90 * day;
/** What `migrate` writes where the old configuration said nothing. */
const nobody = 'unknown';

/** Toggles past their `expires`, without an owner, or old and endless; in their order. `now` is ms since the epoch. */
export function staleToggles(toggles: readonly Toggle[], now: number): readonly StaleToggle[] {
  return toggles.flatMap(toggle => {
    const { key, file } = toggle;
    const owner = toggle.owner === nobody || toggle.owner?.trim() === '' ? undefined : toggle.owner;
    const why = reasonsOf({ ...toggle, ...(owner === undefined && { owner: nobody }) }, now);
    return why.length === 0 ? [] : [{ key, owner, file, why }];
  });
}

function reasonsOf(toggle: Toggle, now: number): readonly StaleReason[] {
  const { owner, created, expires } = toggle;
  const why: StaleReason[] = [];
  if (expires !== undefined && isExpired(toggle, now)) why.push({ kind: 'expired', on: expires });
  if (expires === undefined && created !== undefined && now - Date.parse(`${created}T00:00:00Z`) > reviewAfter) {
    why.push({ kind: 'endless', created });
  }
  if (owner === nobody || owner === undefined) why.push({ kind: 'ownerless' });
  return why;
}
