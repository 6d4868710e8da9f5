import { isWanted, nameOf, toggleOf } from './authority.ts';
import type { PolicySide } from './opa.ts';
import type { Operator } from './operator.ts';
import type { Platform } from './platform.ts';
import { poll, resync } from './running.ts';
import type { Scene } from './scene.ts';

/** ms; an announced revocation is out after so long where nothing it stands on is ill, whatever else is. */
const announcedIn = 8_000;
/** ms; and so long after the last illness of what it stands on. */
const healedIn = 22_000;

/** Since when (world's time) things are as they are. */
export interface Since {
  /** The policy side, platform or key of it is well. Infinity: it is not. */
  side(side: PolicySide): number;
  platform(platform: Platform, key: string): number;
  /** The user is not in the rule any more; -Infinity: never was. */
  out(side: PolicySide, rule: string, user: string): number;
  /** Disk, clock, files and the program are as they are now. */
  rest(): number;
  /** Somebody had to decide about that place. */
  blocked(platform: Platform, toggle: string, environment: string): number;
  /** A hand changed that place. */
  hand(name: string): number;
}

/** Revocations that are overdue although nothing they stand on is ill, and nobody has to decide. */
export function overdue(world: Scene, since: Since, operator: Operator): readonly string[] {
  const now = world.clock.now();
  const shown = world.files.seen.at(-1);
  if (world.running === undefined || shown === undefined) return [];
  const late: string[] = [];
  for (const platform of world.platforms) {
    for (const [place, users] of platform.contents()) {
      const toggle = shown.toggles.get(toggleOf(place));
      const [key = '', environment = ''] = place.split(' ');
      if (!isWanted(toggle, platform, place)) continue;
      // What an operator says stands on no answer and passes no guard.
      const word = Math.max(since.platform(platform, key), since.rest(), since.hand(nameOf(platform, place)));
      const isOff = operator.offSince(toggle.key, environment) !== undefined;
      for (const user of users) {
        if (!isOff && operator.deniedSince(user) === undefined) continue;
        if (now >= word + healedIn)
          late.push(`${nameOf(platform, place)}: ${user} is still in, and an operator said no`);
      }
      if (operator.mayBePaused(platform, toggle)) continue;
      const side = world.sides.get(toggle.source);
      const said = side?.rules.get(toggle.rule);
      if (side === undefined || !Array.isArray(said)) continue;
      const begin = Math.max(
        since.side(side),
        since.platform(platform, key),
        since.rest(),
        since.blocked(platform, toggle.key, environment),
      );
      for (const user of users) {
        if (said.includes(user)) continue;
        const from = Math.max(since.out(side, toggle.rule, user), since.hand(nameOf(platform, place)));
        const told = world.toldAt.get(side.id) ?? 0;
        const heard = side.kind === 'opa' ? from + poll + 1_000 : told >= from ? told : from + resync + 3_000;
        if (now < Math.max(heard + announcedIn, begin + healedIn + (side.kind === 'opa' ? poll : resync))) continue;
        late.push(
          `${nameOf(platform, place)}: ${user} should be out since ${Math.round((now - Math.max(heard, begin)) / 1000)} s`,
        );
      }
    }
  }
  return late;
}
