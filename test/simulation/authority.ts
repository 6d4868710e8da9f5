import { placementIdOf } from '../../src/domain/identity.ts';
import type { Seen } from './files.ts';
import type { PolicySide } from './opa.ts';
import type { Operator } from './operator.ts';
import type { Platform } from './platform.ts';
import { origin } from './platform.ts';
import type { ToggleSetup } from './setup.ts';
import type { Scene } from './scene.ts';

/** An answer that arrived longer ago starts no write (ms): behaviour.md §7. */
const youngEnough = 5_000;
/** What a file said before may still be worked on for so long (ms) after another was shown. */
const lag = 12_000;

/** So long (ms) after an operator said something else, it is heard, and what was on its way has left. */
const heardAndSent = 5_000;

/** Whom hands let out of a place; who comes back there was in by policy before. */
export type HandGone = ReadonlyMap<string, ReadonlySet<string>>;

/**
 * A write leaves for a platform. Whoever it lets in was let in by an answer that arrived just now; whoever it takes it
 * from was not in one, or the file says so. `mayBeIn`: who a write that was not
 * answered may have let in. `unseen`: whom a hand added where nobody can look. `setBack`: by so much (ms) the clock went back
 * just now. `isLed`: another place is written, and with it the group that this one stands in. Returns what is wrong.
 */
export function judgeWrite(
  world: Scene,
  platform: Platform,
  place: string,
  users: readonly string[],
  handGone: HandGone,
  setBack: number,
  operator: Operator,
  mayBeIn: ReadonlySet<string>,
  unseen: ReadonlySet<string>,
  isLed: boolean,
): readonly string[] {
  const wrong: string[] = [];
  const before = platform.contents().get(place) ?? [];
  const gained = users.filter(user => !before.includes(user));
  const lost = before.filter(user => !users.includes(user));
  const versions = versionsOf(world, place);
  const excused = handGone.get(nameOf(platform, place));
  for (const user of gained) {
    if (operator.isDenied(user)) wrong.push(`${nameOf(platform, place)}: ${user} is let in and is denied`);
    if (excused?.has(user) || mayBeIn.has(user)) continue;
    // Under a former key of its toggle nobody comes in who is not in the answer, either.
    if (
      !versions.some(({ toggle }) => isWantedBy(toggle, platform, place) && says(world, setBack, toggle, user, true))
    ) {
      wrong.push(`${nameOf(platform, place)}: ${user} is let in, and no answer said so`);
    }
  }
  for (const user of lost) {
    if (operator.mayTake(user, toggleOf(place), place.split(' ')[1] ?? '')) continue;
    if (unseen.has(user)) continue;
    const isRight = versions.some(
      version => !isWanted(version.toggle, platform, place) || says(world, setBack, version.toggle, user, false),
    );
    if (!isRight) wrong.push(`${nameOf(platform, place)}: it is taken from ${user}, and no answer said so`);
  }
  // What no file names any more closes without an answer; and of another file nobody may have heard yet.
  if (versions.every(({ toggle }) => isWanted(toggle, platform, place) && operator.isPaused(platform, toggle))) {
    const takes = lost.some(user => operator.deniedSince(user) === undefined && !unseen.has(user));
    const isOff = operator.offSince(toggleOf(place), place.split(' ')[1] ?? '') !== undefined;
    // What a denial writes where nobody can look, after a write without an answer, is no more than a guess.
    const isGuess = !platform.setup.readable && mayBeIn.size > 0;
    const isSettled = !isGuess && world.clock.now() - operator.changedAt > heardAndSent;
    if (isSettled && (gained.length > 0 || (takes && !isOff))) {
      wrong.push(`${nameOf(platform, place)}: it is written and paused`);
    }
  }
  // A toggle that goes is closed once more where nobody can see who a hand let in; that takes from nobody we know of.
  const isRetired = users.length === 0 && platform.setup.kind === 'rest';
  if (
    (gained.length > 0 || lost.length > 0) &&
    !isRetired &&
    !isLed &&
    !world.disk.isIntended(placementOf(platform, place))
  ) {
    wrong.push(`${nameOf(platform, place)}: a write is sent that the state does not know of`);
  }
  return wrong;
}

/** `t1 beta production` */
export function nameOf(platform: Platform, place: string): string {
  return `${platform.name} ${place}`;
}

/** The toggle of a place, by its key there: `beta-2 production` → `beta`. */
export function toggleOf(place: string): string {
  return place.split(/[- ]/)[0] ?? '';
}

/** What the files said of a place's toggle lately; undefined: it was not there. */
function versionsOf(world: Scene, place: string): readonly { readonly toggle: ToggleSetup | undefined }[] {
  const key = toggleOf(place);
  const { seen } = world.files;
  return seen.flatMap((one: Seen, at) => {
    const until = seen[at + 1]?.at;
    if (until !== undefined && until < world.clock.now() - lag) return [];
    return [{ toggle: one.present.has(key) || one.toggles.has(key) ? one.toggles.get(key) : undefined }];
  });
}

/** The file names that place, and it is on. */
export function isWanted(toggle: ToggleSetup | undefined, platform: Platform, place: string): toggle is ToggleSetup {
  return isWantedBy(toggle, platform, place) && place.split(' ')[0] === toggle.key + (toggle.suffix ?? '');
}

/** The same, under whatever key. */
function isWantedBy(toggle: ToggleSetup | undefined, platform: Platform, place: string): toggle is ToggleSetup {
  if (toggle === undefined || toggle.state === 'off') return false;
  const environment = place.split(' ')[1] ?? '';
  if (toggle.only !== undefined && toggle.only !== platform.name) return false;
  return toggle.environments === undefined || toggle.environments.includes(environment);
}

/** An answer that arrived just now has that user, or has it not. */
function says(world: Scene, setBack: number, toggle: ToggleSetup, user: string, has: boolean): boolean {
  const side = world.sides.get(toggle.source);
  return side !== undefined && listsOf(world, setBack, side, toggle.rule).some(list => list.includes(user) === has);
}

/** Lists of a rule that may be believed and arrived just now. */
function listsOf(world: Scene, setBack: number, side: PolicySide, rule: string): readonly (readonly string[])[] {
  const since = world.clock.now() - youngEnough - setBack;
  return side.answers.flatMap(({ at, whole, rules }) => {
    // Where nothing shows that it is whole, a comparison may have taken it as it is.
    if (at < since || (!whole && side.shows !== 'nothing')) return [];
    const said = rules.get(rule);
    return Array.isArray(said) ? [said] : [];
  });
}

export function placementOf(platform: Platform, place: string): string {
  const [key = '', environment = ''] = place.split(' ');
  if (platform.setup.kind === 'launchdarkly')
    return placementIdOf(`launchdarkly ${origin(platform.name)} default`, environment, key);
  return platform.setup.kind === 'rest'
    ? placementIdOf(`restapi ${origin(platform.name)}/toggles`, 'default', key)
    : placementIdOf(`fake ${platform.name}`, environment, key);
}
