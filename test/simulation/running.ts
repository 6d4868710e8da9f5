import { opalSource } from '../../src/audience/opal/index.ts';
import { opaSource } from '../../src/audience/opa/index.ts';
import type { Config } from '../../src/domain/config.ts';
import type { Source } from '../../src/domain/audience.ts';
import type { StateStore } from '../../src/domain/state.ts';
import type { Target } from '../../src/domain/target.ts';
import type { Clock } from '../../src/lib/clock.ts';
import type { Log } from '../../src/lib/log.ts';
import { callbackBearer } from '../../src/sync/bearers.ts';
import { createEngine, type RunningEngine } from '../../src/sync/engine.ts';
import { createLine, type Line } from '../../src/sync/line.ts';
import { launchdarklyTarget } from '../../src/targets/launchdarkly/index.ts';
import { restapiTarget } from '../../src/targets/restapi/index.ts';
import type { Files } from './files.ts';
import type { Life } from './life.ts';
import type { SimNetwork } from './network.ts';
import { origin, type Platform } from './platform.ts';
import type { Random } from './random.ts';
import type { PlatformSetup, Setup, SourceSetup } from './setup.ts';

/** One run of the program, from its start to its end, however it ends. */
export interface Running {
  readonly life: Life;
  readonly line: Line;
  readonly engine: RunningEngine;
  readonly store: StateStore;
  /** As at SIGTERM. */
  stop(): Promise<void>;
}

export interface Surroundings {
  readonly setup: Setup;
  readonly life: Life;
  readonly clock: Clock;
  readonly network: SimNetwork;
  readonly random: Random;
  readonly platforms: readonly Platform[];
  readonly files: Files;
  readonly store: StateStore;
  readonly log: Log;
}

/** ms */
const rescanEvery = 30_000;
const goodbye = 5_000;
export const resync = 60_000;
export const poll = 10_000;
/** Lists are short here: a request that is lost without a sign holds up the others no longer than this. */
const limits = { answerTime: '10s' };

let tokens = 0;

/** Starts the program; what takes time goes on by the clock. */
export function startRunning(around: Surroundings): Running {
  const { setup, life, clock, random, platforms, files, store, log } = around;
  const config = configOf(setup);
  const sources = setup.sources.map(one => sourceOf(one, around));
  const targets = platforms.map(platform => platform.target(life, clock) ?? targetOf(platform.setup, around));
  const line = createLine({
    config,
    sources,
    targets,
    load: lastGood => files.load(lastGood),
    store,
    clock,
    random: random.next,
    log,
    observer: { pass() {}, asked() {}, wrote() {}, blocked() {} },
    mode: 'run',
  });
  const engine = createEngine({ line, config, store, clock, version: '0', expired: () => [] });

  function rescanAgain(): void {
    clock.after(rescanEvery, () => {
      line.rescan();
      rescanAgain();
    });
  }

  line.start().catch((error: unknown) => log.error({ code: 'internal' }, `start: ${String(error)}`));
  rescanAgain();
  return {
    life,
    line,
    engine,
    store,
    async stop() {
      engine.stop();
      await line.stop();
      const late = new AbortController();
      clock.after(goodbye, () => late.abort(new Error('late')));
      await Promise.allSettled([
        ...sources.map(source => source.close(late.signal)),
        ...targets.map(target => target.close()),
      ]);
      store.close();
    },
  };

  function targetOf(
    { name, kind, readable, groups, environments }: PlatformSetup,
    { network, random }: Surroundings,
  ): Target {
    const context = {
      name,
      mark: 'optoggles:sim',
      instance: 'sim',
      folder: '/',
      environments,
      clock,
      random: random.next,
      log,
      network: network.of(life),
    };
    if (kind === 'rest') {
      const settings = { endpointUrl: `${origin(name)}/toggles`, environment: 'production', read: readable };
      return restapiTarget.create(settings, context);
    }
    // Targets of a process with the same token share how fast they may go: no other process does.
    const token = `api-${++tokens}`;
    const audienceAs = groups ? 'segment' : 'targets';
    const settings = { token, baseUrl: origin(name), projKey: 'default', environments, audienceAs, timeout: '10s' };
    return launchdarklyTarget.create(settings, context);
  }

  function sourceOf({ id, kind, shows }: SourceSetup, { network, random }: Surroundings): Source {
    const sentinels =
      shows === 'sentinel' ? ['data.app.ready'] : shows === 'sentinel-apart' ? ['data.example.users'] : [];
    const bearer = callbackBearer('secret', 'sim', id);
    const context = {
      id,
      instance: 'sim',
      folder: '/',
      clock,
      random: random.next,
      log,
      callback: { bearer, port: 8080 },
      network: network.of(life),
    };
    if (kind === 'opa')
      return opaSource.create({ url: origin(`opa-${id}`), sentinels, poll: `${poll / 1000}s`, limits }, context);
    const settings = {
      url: origin(`opal-${id}`),
      advertisedAddress: 'optoggles.test:8080',
      opa: { url: origin(`opa-${id}`) },
      sentinels,
      resync: `${resync / 1000}s`,
      limits,
    };
    return opalSource.create(settings, context);
  }
}

function configOf(setup: Setup): Config {
  return {
    file: 'optoggles.yaml',
    folder: '/',
    instance: 'sim',
    bind: { host: '127.0.0.1', port: 0 },
    flags: { folder: '/flags' },
    legacy: undefined,
    stateDir: '/state',
    sources: setup.sources.map(({ id, kind }) => ({ id, type: kind, settings: {} })),
    targets: setup.platforms.map(({ name, environments }) => ({
      name,
      type: 'any',
      policy: 'sync',
      environments,
      settings: {},
    })),
    onRemoved: setup.onRemoved,
    drift: { interval: driftEvery, reopen: setup.reopen },
    guard: setup.guard,
    callbackSecret: 'secret',
    adminTokens: [],
    readTokens: [],
    publicStatus: false,
  };
}

/** ms */
export const driftEvery = 90_000;
