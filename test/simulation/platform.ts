import { membersOf } from '../../src/domain/members.ts';
import type { Change, PlacementChange } from '../../src/domain/plan.ts';
import { type Problem, ProblemError } from '../../src/domain/problem.ts';
import type { Outcome, Target } from '../../src/domain/target.ts';
import type { Clock } from '../../src/lib/clock.ts';
import { createFakeTarget, type FakeTarget } from '../support/fake-target.ts';
import { type Stored, strictAnswer } from '../support/rest-api-rules.ts';
import type { Life } from './life.ts';
import type { Host, Mishap, Request } from './network.ts';
import type { Random } from './random.ts';
import type { PlatformSetup } from './setup.ts';

/** Who is let in, by toggle's key in the platform and environment: `beta-2 production`. */
export type Contents = ReadonlyMap<string, readonly string[]>;

export interface Eye {
  /** A write leaves for the platform: so it would be. `led`: by a write of another place, whose group it stands in. */
  sent(platform: Platform, place: string, users: readonly string[], led?: true): void;
  /** Something was written there. */
  landed(platform: Platform): void;
}

/** A flag platform, whatever speaks with it: what it holds, and what goes wrong with it. */
export interface Platform {
  readonly setup: PlatformSetup;
  readonly name: string;
  contents(): Contents;
  /** How often something was written. */
  readonly writes: number;
  mishap: (() => Mishap | undefined) | undefined;
  /** Until then (world's time) requests may still hang. */
  hangsUntil: number;
  /** By key. */
  readonly broken: Map<string, () => Mishap | undefined>;
  /** For a platform that is spoken to over the network. */
  readonly host: Host | undefined;
  /** For one that is not: the target of a process. */
  target(life: Life, clock: Clock): Target | undefined;
  /** By hand: somebody is added or removed, it is switched off or on, or deleted. False: it is not there. */
  hand(place: string, act: HandAct, user: string): boolean;
  isOff(place: string): boolean;
  /** The process is over: what it had under way is carried out now or never. */
  end(): void;
}

export type HandAct = 'add' | 'remove' | 'off' | 'on' | 'delete';

export const origin = (name: string): string => `http://${name}.test`;

export function createPlatform(setup: PlatformSetup, random: Random, eye: Eye): Platform {
  return setup.kind === 'rest' ? restPlatform(setup, eye) : markedPlatform(setup, random, eye);
}

function restPlatform(setup: PlatformSetup, eye: Eye): Platform {
  const toggles = new Map<string, Stored>();
  let writes = 0;

  function keyOf({ path, method, text }: Request): string | undefined {
    if (method === 'POST') return (JSON.parse(text) as { key: string }).key;
    return path.startsWith('/toggles/') ? decodeURIComponent(path.slice('/toggles/'.length)) : undefined;
  }

  const host: Host = {
    mishap(request) {
      const key = keyOf(request);
      return (key === undefined ? undefined : platform.broken.get(key)?.()) ?? platform.mishap?.();
    },
    sent(request) {
      const key = keyOf(request);
      if (request.method !== 'PATCH' || key === undefined) return;
      const { users } = JSON.parse(request.text) as { users: readonly string[] };
      eye.sent(platform, `${key} production`, users);
    },
    serve(request) {
      const { method, path, headers, text } = request;
      const key = method === 'POST' ? undefined : keyOf(request);
      const seen = { order: 0, at: 0, method, path, key, headers, text, status: 0, applied: false };
      const answer = strictAnswer(seen, text, toggles, { get: setup.readable ? 'all' : 'none' });
      if (answer.store !== undefined) {
        toggles.set(answer.store.key, answer.store.toggle);
        writes++;
        eye.landed(platform);
      }
      return { status: answer.status, ...(answer.body !== undefined && { text: answer.body }) };
    },
  };

  function users(key: string): readonly string[] {
    return (toggles.get(key)?.users ?? []) as readonly string[];
  }

  const platform: Platform = {
    setup,
    name: setup.name,
    get writes() {
      return writes;
    },
    mishap: undefined,
    hangsUntil: 0,
    broken: new Map(),
    host,
    target: () => undefined,
    contents: () => new Map([...toggles.keys()].map(key => [`${key} production`, users(key)])),
    isOff: () => false,
    end() {},
    hand(place, act, user) {
      const [key = ''] = place.split(' ');
      const toggle = toggles.get(key);
      if (toggle === undefined) return false;
      if (act === 'delete') toggles.delete(key);
      else if (act === 'add') toggles.set(key, { ...toggle, users: [...new Set([...users(key), user])] });
      else if (act === 'remove') toggles.set(key, { ...toggle, users: users(key).filter(one => one !== user) });
      else return false;
      return true;
    },
  };
  return platform;
}

function markedPlatform(setup: PlatformSetup, random: Random, eye: Eye): Platform {
  const { name, readable, marks, groups, environments } = setup;
  const held: FakeTarget = createFakeTarget(name, {
    readable,
    marks,
    environments,
    ...(groups && { groups: { above: 3, back: 2 } }),
  });
  const plainApply = held.apply.bind(held);
  const plainRead = held.read?.bind(held);
  let writes = 0;
  const underWay = new Set<Change>();

  /** What the wire and the platform make of one write; undefined: it is carried out as it should. */
  async function suffer(change: Change, mishap: Mishap | undefined, clock: Clock): Promise<Outcome | undefined> {
    await clock.sleep(2 + random.int(20));
    if (mishap === undefined) return undefined;
    const failed = { change: change.id, problem: troubled };
    const unanswered = (done: boolean): Outcome => {
      if (done && held.listings.has(change.key)) {
        held.put(change);
        writes++;
        eye.landed(platform);
      }
      return { ...failed, result: 'unanswered' };
    };
    switch (mishap.kind) {
      case 'refused':
        return { ...failed, result: 'failed', scope: 'target' };
      case 'reset':
      case 'half':
        return unanswered(mishap.done);
      case 'silent': {
        const outcome = unanswered(mishap.done);
        await clock.sleep(10_000);
        return outcome;
      }
      case 'status': {
        if (mishap.status === 409) return { ...failed, result: 'conflict' };
        if (mishap.status >= 500) return unanswered(mishap.done);
        const wait = mishap.retryAfter === undefined ? {} : { retryAfter: mishap.retryAfter * 1000 };
        return { ...failed, result: 'failed', scope: 'target', ...wait };
      }
      case 'slow':
        await clock.sleep(mishap.before + mishap.after);
        return undefined;
    }
  }

  /** A hand switched it since it was read: the real ones notice, or leave that as it is. */
  function isOvertaken(change: Change): boolean {
    if (!readable || change.kind !== 'placement' || !change.before.known) return false;
    const there = held.listings.get(change.key)?.in.get(change.environment);
    return there !== undefined && there.on !== change.before.on;
  }

  /** Who stands in the group that is written, and gets what it holds. */
  function othersLed({ key: own, environment, after: { group } }: Change & PlacementChange): readonly string[] {
    if (group === undefined) return [];
    const isLed = (there: { readonly on: boolean; readonly group?: string } | undefined) =>
      there?.on === true && there.group === group;
    return [...held.listings].filter(([key, one]) => key !== own && isLed(one.in.get(environment))).map(([key]) => key);
  }

  function effective(key: string, environment: string): readonly string[] {
    return held.members(key, environment) ?? [];
  }

  const platform: Platform = {
    setup,
    name,
    get writes() {
      return writes;
    },
    mishap: undefined,
    hangsUntil: 0,
    broken: new Map(),
    host: undefined,
    contents: () =>
      new Map(
        [...held.listings].flatMap(([key, listing]) =>
          [...listing.in.keys()].map(environment => [`${key} ${environment}`, effective(key, environment)] as const),
        ),
      ),
    isOff(place) {
      const [key = '', environment = ''] = place.split(' ');
      return held.listings.get(key)?.in.get(environment)?.on === false;
    },
    target(life, clock) {
      return {
        ...held,
        async *apply(batch, signal, mayStart) {
          held.fault = async change => {
            life.effect();
            if (isOvertaken(change)) return { change: change.id, result: 'conflict', problem: troubled };
            if (change.kind === 'placement') {
              const { on, who } = change.after;
              const users = on && who.kind === 'members' ? [...who.members.values()] : [];
              eye.sent(platform, `${change.key} ${change.environment}`, users);
              for (const key of othersLed(change)) eye.sent(platform, `${key} ${change.environment}`, users, true);
            }
            const mishap = platform.broken.get(change.key)?.() ?? platform.mishap?.();
            underWay.add(change);
            const outcome = await suffer(change, mishap, clock);
            underWay.delete(change);
            // A hand was quicker.
            if (change.kind !== 'create' && !held.listings.has(change.key)) {
              return outcome ?? { change: change.id, result: 'conflict', problem: troubled };
            }
            life.effect();
            return outcome;
          };
          for await (const outcome of plainApply(batch, signal, mayStart)) {
            if (outcome.result === 'done') {
              writes++;
              eye.landed(platform);
            }
            yield outcome;
          }
        },
        ...(plainRead && {
          async read(want, signal, onlyThese) {
            const mishap = platform.mishap?.();
            await clock.sleep(2 + random.int(20) + (mishap?.kind === 'slow' ? mishap.after : 0));
            if (mishap !== undefined && mishap.kind !== 'slow') throw new ProblemError(troubled);
            return plainRead(want, signal, onlyThese);
          },
        }),
      } satisfies Target;
    },
    end() {
      for (const change of underWay) {
        if (change.kind !== 'placement' || !held.listings.has(change.key) || random.chance(0.5)) continue;
        held.put(change);
        writes++;
        eye.landed(platform);
      }
      underWay.clear();
    },
    hand(place, act, user) {
      const [key = '', environment = ''] = place.split(' ');
      const listing = held.listings.get(key);
      const there = listing?.in.get(environment);
      if (listing === undefined || there === undefined) return false;
      // Where nobody can look, nobody finds that it is gone, and such a platform makes nothing anew.
      if (act === 'delete') return readable && held.listings.delete(key);
      // Who shares a group shares what a hand does to it: hands change lists of a single flag here.
      if (there.group !== undefined && (act === 'add' || act === 'remove')) return false;
      const members = there.who.kind === 'members' ? [...there.who.members.values()] : [];
      const next =
        act === 'add' ? [...members, user] : act === 'remove' ? members.filter(one => one !== user) : members;
      const on = act === 'off' ? false : act === 'on' ? true : there.on;
      listing.in.set(environment, { ...there, on, who: { kind: 'members', members: membersOf(next) } });
      return true;
    },
  };
  return platform;
}

const troubled: Problem = { code: 'troubled', message: 'it is in trouble.', hint: 'Wait.' };
