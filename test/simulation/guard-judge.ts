import { audienceIdOf } from '../../src/domain/identity.ts';
import type { Block } from '../../src/domain/plan.ts';
import { isWanted, nameOf, placementOf, toggleOf } from './authority.ts';
import { lettersOf } from './generate.ts';
import type { Operator } from './operator.ts';
import type { HandAct, Platform } from './platform.ts';
import type { Scene } from './scene.ts';
import type { ToggleSetup } from './setup.ts';

/** Holds every write against what the guard promises: within the window nobody takes (gives) more than was approved. */
export interface GuardJudge {
  landed(platform: Platform): void;
  handed(platform: Platform, place: string, act: HandAct, user: string): void;
  approved(block: Blocked): void;
  opened(source: string, ms: number): void;
  jumped(): void;
}

/** A block as somebody who approves it sees it. */
export interface Blocked extends Pick<Block, 'id' | 'placements' | 'source' | 'scope' | 'audience'> {
  readonly revoked: readonly string[];
  readonly granted: readonly string[];
}

interface Moment {
  readonly at: number;
  /** Whom policy let in. */
  readonly users: readonly string[];
  /** With those whom a hand let in before: policy may have named them, too, since. */
  readonly all: readonly string[];
  /** False: it was not told soon, so it may take that for a thing of later, or of never. */
  isKnown: boolean;
}

interface Held {
  history: Moment[];
  readonly byHand: Set<string>;
  /** Until then (world's time) nothing can be said of it. */
  muddyUntil: number;
}

interface Consent {
  readonly until: number;
  readonly revoked: ReadonlySet<string>;
  readonly granted: ReadonlySet<string>;
  readonly places: ReadonlySet<string>;
  readonly source: string | null;
  /** Who follows the same policy is covered, too. */
  readonly audience: string | null;
}

const approvalHolds = 60 * 60_000;
/** A write is planned before it lands, and recorded after: so far (ms) both ends of the window may be off. */
const landing = 3_000;

/** Who may have been in when the window began, as far as the program can know. */
function basesOf(history: readonly Moment[], since: number): readonly (readonly string[])[] {
  const from = history.findLastIndex(({ at, isKnown }) => at <= since - landing && isKnown);
  const found = history.slice(Math.max(0, from)).filter(({ at }, index) => index === 0 || at <= since);
  return found.flatMap(({ users, all }) => (users.length === all.length ? [users] : [users, all]));
}

export function createGuardJudge(world: Scene, wrong: (what: string) => void, operator: Operator): GuardJudge {
  const { guard, toggles } = world.setup;
  const held = new Map<string, Held>();
  const last = new Map<string, ReadonlyMap<string, readonly string[]>>();
  const consents: Consent[] = [];
  const windows: { readonly source: string; readonly until: number }[] = [];

  /** As the program sees it: an approval holds until a time of day. */
  function wall(): number {
    return world.clock.now() + world.clock.skew;
  }

  function heldOf(name: string): Held {
    let one = held.get(name);
    if (one === undefined) held.set(name, (one = { history: [], byHand: new Set(), muddyUntil: 0 }));
    return one;
  }

  function snapshot(platform: Platform): void {
    last.set(platform.name, new Map(platform.contents()));
  }

  function changed(platform: Platform, place: string, before: readonly string[], after: readonly string[]): void {
    const name = nameOf(platform, place);
    const one = heldOf(name);
    const strangers = new Set(one.byHand);
    for (const user of one.byHand) if (!after.includes(user)) one.byHand.delete(user);
    const users = after.filter(user => !one.byHand.has(user));
    const now = world.clock.now();
    // Whom a hand let in goes by no answer: that takes nothing.
    judge(
      platform,
      place,
      one,
      before.filter(user => after.includes(user) || !strangers.has(user)),
      after,
    );
    if (users.some(user => !before.includes(user)) && one.muddyUntil <= now) judgeSize(platform, place, users);
    if (one.history.length === 0 && users.length === 0) return;
    const moment = { at: now, users, all: after, isKnown: true };
    one.history.push(moment);
    world.clock.after(landing, () => {
      if (world.disk.isIntended(placementOf(platform, place))) moment.isKnown = false;
    });
  }

  function judge(
    platform: Platform,
    place: string,
    one: Held,
    before: readonly string[],
    users: readonly string[],
  ): void {
    const takes = before.some(user => !users.includes(user));
    const gives = users.some(user => !before.includes(user));
    const now = world.clock.now();
    const shown = world.files.seen.slice(-4);
    const wanted = shown
      .map(({ toggles }) => toggles.get(toggleOf(place)))
      .filter(toggle => isWanted(toggle, platform, place));
    const since = now - guard.window;
    // Off, gone, moved: that needs no guard, or another one; and nobody can tell any more what counts.
    if (wanted.length < shown.length) {
      one.muddyUntil = Math.max(one.muddyUntil, now + guard.window);
      return;
    }
    if ((!takes && !gives) || one.muddyUntil > now) return;
    // Whom an operator took out counts for nobody.
    const isOff = operator.offSince(toggleOf(place), place.split(' ')[1] ?? '') !== undefined;
    if (isOff || operator.changedAt > since) {
      one.muddyUntil = Math.max(one.muddyUntil, now + guard.window);
      return;
    }
    // What a denial writes where nobody can look goes by a write before it, which was judged in its own time.
    const isDenial = lettersOf(world.setup.people).some(user => operator.deniedSince(user) !== undefined);
    if (isDenial && !platform.setup.readable && world.disk.isInDoubt(placementOf(platform, place))) return;
    const bases = basesOf(one.history, since);
    if (bases.length === 0 || cameFromElsewhere(platform, place, since)) return;
    if (inWindow(wanted)) return;
    const mine = consentsFor(platform, place, wanted);
    // A group that somebody has to leave is revoked first; who is to come in comes with the next write.
    const isPassing = platform.setup.groups && wanted.some(({ source, rule }) => isReplaced(source, rule, before));
    const mayBeEmpty = isPassing || wanted.some(({ allowEmpty }) => allowEmpty);
    const setAside = setAsideAt(platform, place);
    const counted = users.filter(user => !one.byHand.has(user) && !setAside.has(user));
    const faults = bases.map(base => {
      const known = new Set([...base, ...before, ...setAside]).size;
      return (
        (takes ? faultOf(base, users, mine, mayBeEmpty) : undefined) ??
        (gives ? floodOf(base, known, counted, mine) : undefined)
      );
    });
    const [first] = faults;
    if (first !== undefined && faults.every(fault => fault !== undefined))
      wrong(`${nameOf(platform, place)}: ${first}`);
  }

  /** Policy names others, and nobody of these. */
  function isReplaced(source: string, rule: string, users: readonly string[]): boolean {
    const said = world.sides.get(source)?.rules.get(rule);
    return Array.isArray(said) && said.length > 0 && !said.some(user => users.includes(user));
  }

  /** Nobody comes in beyond `maxUsers` where nobody approved it. */
  function judgeSize(platform: Platform, place: string, users: readonly string[]): void {
    const shown = world.files.seen.slice(-4).map(({ toggles }) => toggles.get(toggleOf(place)));
    const wanted = shown.filter(toggle => isWanted(toggle, platform, place));
    const most = Math.max(...shown.map(toggle => toggle?.maxUsers ?? Number.POSITIVE_INFINITY));
    if (users.length <= most || inWindow(wanted) || consentsFor(platform, place, wanted).length > 0) return;
    wrong(`${nameOf(platform, place)}: ${users.length} users are let in, allowed ${most}, and nobody approved it`);
  }

  /** All changes of such a source were approved for a time, which still counts. */
  function inWindow(wanted: readonly ToggleSetup[]): boolean {
    return windows.some(
      ({ source, until }) => wanted.some(one => one.source === source) && until > wall() - guard.window,
    );
  }

  /** What was approved of that place, by itself or with others, and still holds or counts. */
  function consentsFor(platform: Platform, place: string, wanted: readonly ToggleSetup[]): readonly Consent[] {
    const sources = new Set(wanted.map(({ source }) => source));
    const audiences = new Set(
      wanted.map(({ source, rule }) => audienceIdOf({ source, package: ['app'], rule }, 'user')),
    );
    return consents.filter(
      consent =>
        consent.until > wall() - guard.window &&
        (consent.places.has(`${toggleOf(place)} ${platform.name} ${place.split(' ')[1]}`) ||
          (consent.source !== null && sources.has(consent.source)) ||
          (consent.audience !== null && audiences.has(consent.audience))),
    );
  }

  /** Somebody had it under another key within the window: then what this one was filled with is no beginning. */
  function cameFromElsewhere(platform: Platform, place: string, since: number): boolean {
    const [key, environment] = place.split(' ');
    return [...held].some(([name, { history }]) => {
      const [target, otherKey = '', where] = name.split(' ');
      if (target !== platform.name || where !== environment || otherKey === key) return false;
      return toggleOf(otherKey) === toggleOf(place) && basesOf(history, since).some(users => users.length > 0);
    });
  }

  function faultOf(
    base: readonly string[],
    users: readonly string[],
    mine: readonly Consent[],
    mayBeEmpty: boolean,
  ): string | undefined {
    const lost = base.filter(user => !users.includes(user) && operator.deniedSince(user) === undefined);
    const gone = lost.filter(user => !mine.some(({ revoked }) => revoked.has(user)));
    const what = `(${base.join('')} -> ${users.join('')}) and nobody approved it`;
    if (gone.length > guard.alwaysAllowedRevocations && gone.length / base.length > guard.maxRevokedShare) {
      return `${gone.length} of ${base.length} are taken away within the window ${what}`;
    }
    return users.length === 0 && base.length >= 2 && !mayBeEmpty && gone.length > 0
      ? `it becomes empty ${what}`
      : undefined;
  }

  /** Whom an operator's word took out comes back without being counted: of who had it before that may be anybody. */
  function setAsideAt(platform: Platform, place: string): ReadonlySet<string> {
    if (operator.changedAt <= 0) return new Set();
    const environment = place.split(' ')[1];
    const same = [...held].filter(([name]) => {
      const [target, key = '', where] = name.split(' ');
      return target === platform.name && where === environment && toggleOf(key) === toggleOf(place);
    });
    return new Set(same.flatMap(([, { history }]) => history.flatMap(moment => moment.users)));
  }

  /** A first fill is no flood. `known`: how many had it, those whom a hand let in and an operator took out among them. */
  function floodOf(
    base: readonly string[],
    known: number,
    users: readonly string[],
    mine: readonly Consent[],
  ): string | undefined {
    const gained = users.filter(user => !base.includes(user) && !mine.some(({ granted }) => granted.has(user)));
    if (base.length === 0 || gained.length <= guard.alwaysAllowedGrants) return undefined;
    if (gained.length / known <= guard.maxGrantedShare) return undefined;
    return `${gained.length} come to ${known} within the window (${base.join('')} -> ${users.join('')}) and nobody approved it`;
  }

  return {
    landed(platform) {
      const before = last.get(platform.name) ?? new Map<string, readonly string[]>();
      const after = platform.contents();
      for (const [place, users] of after) {
        const old = before.get(place) ?? [];
        if (old.join('') !== users.join('')) changed(platform, place, old, users);
      }
      snapshot(platform);
    },
    handed(platform, place, act, user) {
      const key = place.split(' ')[0] ?? '';
      for (const environment of act === 'add' || act === 'remove'
        ? [place.split(' ')[1] ?? '']
        : platform.setup.environments) {
        const one = heldOf(`${platform.name} ${key} ${environment}`);
        const wasIn = last.get(platform.name)?.get(place)?.includes(user) === true;
        if (act === 'add') {
          if (!wasIn) one.byHand.add(user);
        } else one.muddyUntil = Number.POSITIVE_INFINITY;
      }
      snapshot(platform);
    },
    approved({ revoked, granted, placements, source, scope, audience }) {
      consents.push({
        until: wall() + approvalHolds,
        revoked: new Set(revoked),
        granted: new Set(granted),
        places: new Set(placements.map(one => `${one.toggle} ${one.target} ${one.environment}`)),
        source: scope === 'audience' ? null : (source ?? toggles[0]?.source ?? null),
        audience,
      });
    },
    opened(source, ms) {
      windows.push({ source, until: wall() + ms + 5_000 });
    },
    jumped() {
      // Of a window that ends in the past nobody can tell any more what is in it.
      const until = world.clock.now() + guard.window + 4_000_000;
      for (const one of held.values()) one.muddyUntil = Math.max(one.muddyUntil, until);
    },
  };
}
