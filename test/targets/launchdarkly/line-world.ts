import { expect, onTestFinished } from 'vitest';
import type { Config } from '../../../src/domain/config.ts';
import { formatProblem } from '../../../src/domain/problem.ts';
import type { StateStore } from '../../../src/domain/state.ts';
import type { Toggle } from '../../../src/domain/toggle.ts';
import { silentLog } from '../../../src/lib/log.ts';
import { memoryState } from '../../../src/state/store.ts';
import type { Loaded } from '../../../src/sync/definitions.ts';
import { createLine, type Line } from '../../../src/sync/line.ts';
import { toggleStatuses } from '../../../src/sync/status.ts';
import type { ToggleStatus } from '../../../src/sync/view.ts';
import { launchdarklyTarget } from '../../../src/targets/launchdarkly/index.ts';
import { createFakeSource, type FakeSource } from '../../support/fake-source.ts';
import type { LaunchDarklyRequest } from '../../support/fake-launchdarkly/rest-side.ts';
import { sdkData, type SdkData } from '../../support/fake-launchdarkly/sdk-payload.ts';
import {
  createFakeLaunchDarkly,
  type FakeLaunchDarkly,
  type FakeLaunchDarklyOptions,
} from '../../support/fake-launchdarkly/server.ts';
import { environmentOf, projectOf } from '../../support/fake-launchdarkly/store.ts';
import { targetContext } from '../../support/target-context.ts';
import { plainGuard, toggleOf } from '../../support/world.ts';
import { recordHistory } from './history.ts';
import { createLineClock, type LineClock } from './line-clock.ts';
import { collectKeys, differing, has, isOther, type Served, servedSets } from './line-served.ts';

export interface LdWorldOptions extends FakeLaunchDarklyOptions {
  readonly toggles?: readonly Toggle[];
  readonly settings?: Readonly<Record<string, unknown>>;
  readonly guard?: Partial<Config['guard']>;
  readonly reopen?: boolean;
  readonly onRemoved?: Config['onRemoved'];
  /** Whom the SDK is asked about besides everybody whom policy or the flags know. */
  readonly strangers?: readonly string[];
}

/** Where it ends otherwise than policy says. */
export type Ends = Readonly<Record<string, readonly string[] | 'missing'>>;

/** A whole line between a source that a test steers and the fake of LaunchDarkly, asked by the real SDK. */
export interface LdWorld {
  readonly fake: FakeLaunchDarkly;
  readonly source: FakeSource;
  readonly store: StateStore;
  readonly clock: LineClock;
  readonly toggles: Map<string, Toggle>;
  readonly line: Line;
  /** What the line wrote in its last step. */
  readonly writes: readonly LaunchDarklyRequest[];
  /** Sets who a rule answers; nobody is told. */
  policy(rule: string, members: readonly string[] | undefined): void;
  /** Lets everything happen until nothing is left to do or to be tried again, or it is over. */
  settle(isOver?: () => boolean): Promise<void>;
  /** Everything is read again, as at the interval for drift. */
  look(): Promise<void>;
  /**
   * Does something and lets the line settle. After every single change of LaunchDarkly each person is served what they
   * were before or what they are to be in the end, and in the end exactly that. `ends`: where it is not what policy says.
   */
  step(act: () => void | Promise<void>, ends?: Ends, isOver?: () => boolean): Promise<void>;
  /** A callback came: policy is asked again. */
  callback(): void;
  status(toggle: string): ToggleStatus | undefined;
  /** Every sentence an operator sees: of held and refused, blocked, failed, warnings. */
  said(): string;
  restart(): Promise<void>;
}

/** A world in which each toggle's rule has these members, and everybody is served it. */
export async function openLdWorld(
  members: Readonly<Record<string, readonly string[]>>,
  options: LdWorldOptions = {},
): Promise<LdWorld> {
  const world = await createLdWorld({ toggles: Object.keys(members).map(key => toggleOf(key)), ...options });
  for (const [rule, list] of Object.entries(members)) world.policy(rule, list);
  await world.step(() => world.line.start());
  return world;
}

/** The rule answers otherwise, and a callback says so. */
export function changesTo(
  world: LdWorld,
  rule: string,
  members: readonly string[] | undefined,
  ends: Ends = {},
): Promise<void> {
  const change = () => {
    world.policy(rule, members);
    world.callback();
  };
  return world.step(change, ends);
}

/** `PATCH flags beta` for each write of the last step. */
export function writesOf(world: LdWorld): readonly string[] {
  return world.writes.map(({ method, path }) => {
    const [, , , kind, , ...rest] = new URL(path, 'http://any').pathname.split('/');
    return `${method} ${kind} ${rest.at(-1) ?? ''}`.trim();
  });
}

export { toggleOf };

/** `user-00000` and on: so many, from there. */
export function users(from: number, to: number): readonly string[] {
  return Array.from({ length: to - from }, (_, at) => `user-${String(from + at).padStart(5, '0')}`);
}

export async function createLdWorld(options: LdWorldOptions = {}): Promise<LdWorld> {
  const { settings, guard, reopen = false, onRemoved = 'disable', strangers = ['stranger', 'User-00000'] } = options;
  const clock = createLineClock();
  const fake = await createFakeLaunchDarkly({ now: () => clock.now(), ...options });
  const source = createFakeSource('opal', clock);
  const store = memoryState({ instance: 'test', clock });
  const toggles = new Map((options.toggles ?? [toggleOf('beta')]).map(toggle => [toggle.key, toggle]));
  const history = recordHistory(fake, 'production');
  const environments = ['production'];
  const entry = {
    token: fake.token,
    baseUrl: fake.url,
    projKey: 'default',
    timeout: '1s',
    environments: { production: 'production' },
    ...settings,
  };
  const config: Config = {
    file: 'optoggles.yaml',
    folder: '',
    instance: 'test',
    bind: { host: '127.0.0.1', port: 0 },
    flags: { folder: 'flags' },
    legacy: undefined,
    stateDir: '',
    sources: [{ id: 'opal', type: 'fake', settings: {} }],
    targets: [{ name: 'ld', type: 'launchdarkly', policy: 'sync', environments, settings: entry }],
    onRemoved,
    drift: { interval: 600_000, reopen },
    guard: { ...plainGuard, ...openGuard, ...guard },
    callbackSecret: 'secret',
    adminTokens: [],
    readTokens: [],
    publicStatus: false,
  };
  const context = targetContext({ name: 'ld', instance: 'test', mark: 'optoggles:test', environments });
  let target = launchdarklyTarget.create(entry, { ...context, clock: clock.target });
  let line = build();
  let writes: readonly LaunchDarklyRequest[] = [];

  async function load(): Promise<Loaded> {
    const all = [...toggles.values()].sort((a, b) => (a.key < b.key ? -1 : 1));
    return {
      toggles: all,
      problems: [],
      warnings: [],
      present: new Set(toggles.keys()),
      good: all.map(({ key, file }) => ({ key, file, text: key })),
      fingerprint: JSON.stringify(all),
    };
  }

  function build(): Line {
    return createLine({
      config,
      sources: [source],
      targets: [target],
      load,
      store,
      clock,
      random: () => 0.5,
      log: silentLog,
      observer: { pass() {}, asked() {}, wrote() {}, blocked() {} },
      mode: 'run',
    });
  }

  async function settle(isOver?: () => boolean): Promise<void> {
    let seen = -1;
    let quiet = 0;
    for (let leaps = 0; leaps < 300; leaps++) {
      await line.idle();
      // What is undefined is asked again for ever: nothing comes of it.
      quiet = seen === fake.requests.length && line.targets.every(lane => lane.settled()) ? quiet + 1 : 0;
      seen = fake.requests.length;
      if (line.settled() || quiet > 5 || isOver?.()) return;
      clock.leap();
      await new Promise(resolve => setTimeout(resolve, 1));
    }
    throw new Error(`it does not come to rest: ${world.said()}`);
  }

  function now(): SdkData {
    const project = projectOf(fake.account, 'default');
    return structuredClone(sdkData(project, environmentOf(project, 'production')));
  }

  /** Everybody whom a rule knows, or a flag or segment names in any way. */
  function people(states: readonly SdkData[]): readonly string[] {
    const all = new Set(strangers);
    for (const answer of source.rules.values()) if (Array.isArray(answer)) for (const one of answer) all.add(one);
    for (const state of states) collectKeys([...Object.values(state.flags), ...Object.values(state.segments)], all);
    return [...all];
  }

  /** What policy says: nobody where it is off or gone. */
  function byPolicy(key: string, before: Served | undefined): Served {
    const toggle = toggles.get(key);
    if (toggle === undefined || toggle.state === 'off') return new Set<string>();
    const answer = source.rules.get(`app.${toggle.usersPolicy.rule}`);
    return Array.isArray(answer) ? new Set(answer) : (before ?? 'missing');
  }

  async function step(act: () => void | Promise<void>, ends: Ends = {}, isOver?: () => boolean): Promise<void> {
    const first = now();
    history.take();
    const from = fake.requests.length;
    await act();
    await settle(isOver);
    writes = fake.requests.slice(from).filter(({ method }) => method !== 'GET');
    const states = [first, ...history.take(), now()];
    const keys = [...new Set([...toggles.keys(), ...store.applied(target.address).keys()])];
    const asked = people(states);
    const before = await servedSets(first, keys, asked);
    const wanted = new Map<string, Served>();
    for (const key of keys) {
      const end = ends[key];
      wanted.set(key, end === undefined ? byPolicy(key, before.get(key)) : end === 'missing' ? end : new Set(end));
    }
    let last: SdkData | undefined;
    for (const [at, state] of states.entries()) {
      const changed = keys.filter(key => last === undefined || isOther(last, state, key));
      last = state;
      const served = await servedSets(state, changed, asked);
      for (const key of changed)
        judge(
          key,
          at,
          served.get(key),
          [before, wanted].flatMap(one => one.get(key) ?? []),
          asked,
        );
    }
    const end = await servedSets(now(), keys, asked);
    for (const key of keys) {
      const [is, should] = [end.get(key), wanted.get(key)];
      if (is === 'missing' && should === 'missing') continue;
      expect(differing(is, should), `${key} in the end; said: ${world.said()}`).toEqual({ letIn: [], keptOut: [] });
    }
  }

  function judge(
    key: string,
    at: number,
    is: Served | undefined,
    allowed: readonly Served[],
    asked: readonly string[],
  ): void {
    for (const one of asked) {
      const served = has(is, one);
      if (allowed.some(either => has(either, one) === served)) continue;
      const so = served ? 'is let in' : 'is kept out';
      throw new Error(`${key}: after change ${at} ${one} ${so}, neither as before nor as it is to be`);
    }
  }

  const world: LdWorld = {
    fake,
    source,
    store,
    clock,
    toggles,
    get line() {
      return line;
    },
    get writes() {
      return writes;
    },
    policy(rule, members) {
      source.rules.set(`app.${rule}`, members);
    },
    settle,
    async look() {
      line.syncAll();
      await settle();
    },
    step,
    callback: () => line.sources[0]?.wake({ kind: 'callback' }),
    status: toggle =>
      line.targets.flatMap(lane => toggleStatuses(lane, line.audiences)).find(one => one.key === toggle),
    said() {
      const [lane] = line.targets;
      const plan = lane?.plan;
      const problems = [
        ...(plan?.held ?? []).map(({ problem }) => problem),
        ...(plan?.refused ?? []).map(({ problem }) => problem),
        ...(plan?.warnings ?? []),
        ...(plan?.changes ?? []).flatMap(change => lane?.retries.entry(change.id)?.problem ?? []),
        ...(lane?.retries.held ? [lane.retries.held.problem] : []),
      ];
      return [...problems.map(formatProblem), ...(plan?.blocked ?? []).map(({ message }) => message)].join('\n');
    },
    async restart() {
      await line.stop();
      await target.close?.();
      target = launchdarklyTarget.create(entry, { ...context, clock: clock.target });
      line = build();
      await line.start();
      await settle();
    },
  };
  onTestFinished(async () => {
    await line.stop();
    await target.close?.();
    await fake.close();
  });
  return world;
}

/** What the tests of users are not about. */
const openGuard: Partial<Config['guard']> = { maxRevokedShare: 1, maxGrantedShare: 1000, maxRemovedToggles: 1 };
