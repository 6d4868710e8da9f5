import type { Config } from '../../src/domain/config.ts';
import type { StateStore } from '../../src/domain/state.ts';
import type { Toggle } from '../../src/domain/toggle.ts';
import { type Log, silentLog } from '../../src/lib/log.ts';
import { memoryState } from '../../src/state/store.ts';
import type { Loaded } from '../../src/sync/definitions.ts';
import { createLine, type Line, type LineOptions } from '../../src/sync/line.ts';
import { createFakeClock, type FakeClock } from './fake-clock.ts';
import { createFakeSource, type FakeSource } from './fake-source.ts';
import { createFakeTarget, type FakeTarget, type FakeTargetOptions } from './fake-target.ts';

/** A whole line between a fake source and fake targets, on a clock that a test moves. */
export interface World {
  readonly clock: FakeClock;
  readonly source: FakeSource;
  readonly target: FakeTarget;
  readonly targets: readonly FakeTarget[];
  readonly store: StateStore;
  readonly toggles: Map<string, Toggle>;
  line: Line;
  /** Sets who a toggle's rule answers, without telling anybody. */
  policy(rule: string, members: readonly string[] | undefined): void;
  /** The same with a callback, and lets everything happen that needs no time. */
  changes(rule: string, members: readonly string[] | undefined): Promise<void>;
  callback(): Promise<void>;
  start(mode?: LineOptions['mode']): Promise<void>;
  /** Stops the line and starts a new one on the same state, targets and source. */
  restart(): Promise<void>;
  /** The first target has another address from the next start on; its former ones are left behind. */
  move(address: string): FakeTarget;
}

export interface WorldOptions {
  readonly toggles?: readonly Toggle[];
  readonly targets?: readonly (FakeTargetOptions & { readonly name: string })[];
  readonly guard?: Partial<Config['guard']>;
  readonly reopen?: boolean;
  readonly maxHold?: number;
  readonly log?: Log;
}

/** A toggle `key` whose rule is `data.app.<key>` of the source `opal`. */
export function toggleOf(key: string, over: Partial<Toggle> = {}): Toggle {
  return {
    key,
    name: key,
    state: 'on',
    contextKind: 'user',
    adopt: false,
    usersPolicy: { source: 'opal', package: ['app'], rule: key },
    guard: {},
    file: `flags/${key}.yaml`,
    ...over,
  };
}

export const plainGuard: Config['guard'] = {
  maxRevokedShare: 0.3,
  alwaysAllowedRevocations: 5,
  maxGrantedShare: 1,
  alwaysAllowedGrants: 50,
  maxUsers: null,
  window: 600_000,
  maxRemovedToggles: 0.3,
};

export function createWorld(options: WorldOptions = {}): World {
  const clock = createFakeClock();
  const source = createFakeSource('opal', clock);
  const drafts = options.targets ?? [{ name: 'rest' }];
  const targets = drafts.map(draft => createFakeTarget(draft.name, draft));
  const former: FakeTarget[] = [];
  const store = memoryState({ instance: 'test', clock });
  const toggles = new Map((options.toggles ?? [toggleOf('beta')]).map(toggle => [toggle.key, toggle]));
  const config: Config = {
    file: 'optoggles.yaml',
    folder: '',
    instance: 'test',
    bind: { host: '127.0.0.1', port: 0 },
    flags: { folder: 'flags' },
    legacy: undefined,
    stateDir: '',
    sources: [{ id: 'opal', type: 'fake', settings: {} }],
    targets: targets.map(({ name }) => ({
      name,
      type: 'fake',
      policy: 'sync',
      environments: ['production'],
      settings: {},
    })),
    onRemoved: 'disable',
    drift: { interval: 600_000, reopen: options.reopen ?? false },
    guard: { ...plainGuard, ...options.guard },
    ...(options.maxHold !== undefined && { maxHold: options.maxHold }),
    callbackSecret: 'secret',
    adminTokens: [],
    readTokens: [],
    publicStatus: false,
  };

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

  function build(mode: LineOptions['mode']): Line {
    return createLine({
      config,
      sources: [source],
      targets,
      ...(former.length > 0 && { former: new Map([[former[0]?.name ?? '', former]]) }),
      load,
      store,
      clock,
      random: () => 1,
      log: options.log ?? silentLog,
      observer: { pass() {}, asked() {}, wrote() {}, blocked() {} },
      mode,
    });
  }

  const world: World = {
    clock,
    source,
    get target() {
      return targets[0] as FakeTarget;
    },
    targets,
    store,
    toggles,
    line: undefined as unknown as Line,
    policy(rule, members) {
      source.rules.set(`app.${rule}`, members);
    },
    async changes(rule, members) {
      world.policy(rule, members);
      await world.callback();
    },
    async callback() {
      world.line.sources[0]?.wake({ kind: 'callback' });
      await clock.advance(0);
    },
    async start(mode = 'run') {
      world.line = build(mode);
      await world.line.start();
      await clock.advance(0);
    },
    async restart() {
      await world.line.stop();
      await world.start();
    },
    move(address) {
      const { name } = world.target;
      former.push(world.target);
      targets[0] = createFakeTarget(name, { ...drafts[0], address });
      return world.target;
    },
  };
  return world;
}
