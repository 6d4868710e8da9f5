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
  /** Nothing is written there for that toggle, and no answer is taken for it. */
  isPaused(platform: Platform, toggle: ToggleSetup): boolean;
  /** When it was last said, or taken back, or over, that something is denied, off or paused (world's time). */
  readonly changedAt: number;
  /** Of what is in force in the model, what the state does not know. */
  lost(): readonly string[];
}

/** The program hears of it within this time (ms): behaviour.md §3 has 2 s. */
const heardIn = 2_500;

export function createOperator(scene: Scene): Operator {
  let said: { readonly override: Override; readonly at: number }[] = [];
  let changedAt = 0;

  function wall(): number {
    return scene.clock.now() + scene.clock.skew;
  }

  function inForce(): readonly { readonly override: Override; readonly at: number }[] {
    const over = said.filter(({ override: { until } }) => until !== null && until <= wall());
    if (over.length > 0) {
      said = said.filter(one => !over.includes(one));
      changedAt = scene.clock.now();
    }
    return said;
  }

  function since(is: (override: Override) => boolean): number | undefined {
    return inForce().find(({ override }) => is(override))?.at;
  }

  function isHeard(is: (override: Override) => boolean): boolean {
    const at = since(is);
    return at !== undefined && scene.clock.now() - at > heardIn;
  }

  const operator: Operator = {
    say(subject, ms) {
      const at = wall();
      const facts = { until: ms === null ? null : at + ms, by: 'oncall', reason: 'trouble' };
      try {
        const override = scene.disk.beside(store => store.override(subject, facts, at));
        const before = inForce().find(one => one.override.id === override.id);
        said = [...said.filter(one => one !== before), { override, at: before?.at ?? scene.clock.now() }];
        changedAt = scene.clock.now();
      } catch (error) {
        // Of a full disk the operator hears.
        if (!(error instanceof ProblemError)) throw error;
      }
    },
    takeBack(all) {
      const ids = inForce().map(({ override }) => override.id);
      try {
        scene.disk.beside(store => store.resume(all ? ids : ids.slice(0, 1), 'oncall', wall()));
        said = all ? [] : said.slice(1);
        changedAt = scene.clock.now();
      } catch (error) {
        if (!(error instanceof ProblemError)) throw error;
      }
    },
    isDenied: user => isHeard(one => one.kind === 'deny' && one.member === user),
    deniedSince: user => since(one => one.kind === 'deny' && one.member === user),
    offSince: (toggle, environment) =>
      since(
        one =>
          one.kind === 'off' && one.toggle === toggle && (one.environment === null || one.environment === environment),
      ),
    isPaused: (platform, toggle) =>
      inForce().some(({ override: one }) => {
        if (one.kind !== 'pause') return false;
        const name = { source: toggle.source, target: platform.name, toggle: toggle.key }[one.what];
        return one.name === name;
      }),
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
