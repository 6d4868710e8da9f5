import type { Override, OverrideSubject } from '../../src/domain/override.ts';
import { ProblemError } from '../../src/domain/problem.ts';
import type { Platform } from './platform.ts';
import type { Scene } from './scene.ts';
import type { ToggleSetup } from './setup.ts';

/** What operators said against git and policy, and since when the program has to go by it. */
export interface Operator {
  say(subject: OverrideSubject, ms: number | null): void;
  /** The oldest is taken back; `all`: every one. */
  takeBack(all: boolean): void;
  /** Nobody may let that user in. */
  isDenied(user: string): boolean;
  /** Since when that user should be out everywhere (world's time); undefined: nobody said so. */
  deniedSince(user: string): number | undefined;
  /** Since when the toggle should be closed there. */
  offSince(toggle: string, environment: string): number | undefined;
  /** Its word, or one that may still be in force, takes it from that user. */
  mayTake(user: string, toggle: string, environment: string): boolean;
  /** Nothing is written there for that toggle, or no answer is taken for it. */
  isPaused(platform: Platform, toggle: ToggleSetup): boolean;
  mayBePaused(platform: Platform, toggle: ToggleSetup): boolean;
  /** When it was last said, or taken back, or over, that something is denied, off or paused (world's time). */
  readonly changedAt: number;
  /** Of what is in force in the model, what the state does not know. */
  lost(): readonly string[];
}

interface Said {
  readonly override: Override;
  readonly at: number;
  isOver: boolean;
}

/** The program hears of it within this time (ms): behaviour.md §3 has 2 s. */
const heardIn = 2_500;

export function createOperator(scene: Scene): Operator {
  let said: Said[] = [];
  /** What was taken back last: the program may not have heard of it. */
  let takenBack: readonly Override[] = [];
  let changedAt = 0;

  function wall(): number {
    return scene.clock.now() + scene.clock.skew;
  }

  /** Whose time was over once may be dropped, or in force again where the clock was set back: nobody can tell. */
  function inForce(): readonly Said[] {
    for (const one of said) {
      const { until } = one.override;
      if (one.isOver || until === null || until > wall()) continue;
      one.isOver = true;
      changedAt = scene.clock.now();
    }
    return said.filter(({ isOver }) => !isOver);
  }

  function since(is: (override: Override) => boolean): number | undefined {
    return inForce().find(({ override }) => is(override))?.at;
  }

  const operator: Operator = {
    say(subject, ms) {
      const at = wall();
      const facts = { until: ms === null ? null : at + ms, by: 'oncall', reason: 'trouble' };
      try {
        const override = scene.disk.beside(store => store.override(subject, facts, at));
        const before = inForce().find(one => one.override.id === override.id);
        said = [
          ...said.filter(one => one.override.id !== override.id),
          { override, at: before?.at ?? scene.clock.now(), isOver: false },
        ];
        changedAt = scene.clock.now();
      } catch (error) {
        // Of a full disk the operator hears.
        if (!(error instanceof ProblemError)) throw error;
      }
    },
    takeBack(all) {
      const ids = (all ? said : inForce().slice(0, 1)).map(({ override }) => override.id);
      try {
        scene.disk.beside(store => store.resume(ids, 'oncall', wall()));
        const taken = said.filter(({ override }) => ids.includes(override.id));
        said = said.filter(one => !taken.includes(one));
        const earlier = scene.clock.now() - changedAt <= heardIn ? takenBack : [];
        takenBack = [...earlier, ...taken.map(({ override }) => override)];
        changedAt = scene.clock.now();
      } catch (error) {
        if (!(error instanceof ProblemError)) throw error;
      }
    },
    isDenied(user) {
      const at = since(isDenial(user));
      return at !== undefined && scene.clock.now() - at > heardIn;
    },
    deniedSince: user => since(isDenial(user)),
    offSince: (toggle, environment) => since(isOff(toggle, environment)),
    mayTake(user, toggle, environment) {
      const lately = scene.clock.now() - changedAt <= heardIn ? takenBack : [];
      const all = [...lately, ...said.map(({ override }) => override)];
      return all.some(one => isDenial(user)(one) || isOff(toggle, environment)(one));
    },
    isPaused: (platform, toggle) => inForce().some(({ override }) => isPause(override, platform, toggle)),
    mayBePaused: (platform, toggle) => said.some(({ override }) => isPause(override, platform, toggle)),
    get changedAt() {
      inForce();
      return changedAt;
    },
    lost() {
      const kept = new Set(scene.disk.look(store => store.overrides(wall())).map(({ id }) => id));
      return inForce().flatMap(({ override }) => (kept.has(override.id) ? [] : [JSON.stringify(override)]));
    },
  };
  return operator;
}

function isDenial(user: string): (override: Override) => boolean {
  return one => one.kind === 'deny' && one.member === user;
}

function isOff(toggle: string, environment: string): (override: Override) => boolean {
  return one =>
    one.kind === 'off' && one.toggle === toggle && (one.environment === null || one.environment === environment);
}

function isPause(one: Override, platform: Platform, toggle: ToggleSetup): boolean {
  return (
    one.kind === 'pause' && one.name === { source: toggle.source, target: platform.name, toggle: toggle.key }[one.what]
  );
}
