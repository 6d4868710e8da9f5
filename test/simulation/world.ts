import type { Log } from '../../src/lib/log.ts';
import { firstUsers, lettersOf } from './generate.ts';
import { createFiles } from './files.ts';
import { createJudge, type Judge } from './judge.ts';
import { launchDarklyPlatform } from './launchdarkly.ts';
import { createLife, Dead } from './life.ts';
import { createNetwork } from './network.ts';
import { createPolicySide, type PolicySide } from './opa.ts';
import { createPlatform, type Eye, origin } from './platform.ts';
import { createRandom, hash, type Random } from './random.ts';
import { type Running, startRunning } from './running.ts';
import type { Setup } from './setup.ts';
import type { Scene } from './scene.ts';
import { createSimClock } from './sim-clock.ts';
import { createDisk } from './state.ts';
import type { Told } from './steps.ts';

/** Everything outside the program, the program in it, and who judges it. */
export interface World extends Scene {
  readonly random: Random;
  readonly judge: Judge;
  start(): void;
  /** Nothing more of the running program has an effect. */
  crash(): void;
  terminate(): Promise<void>;
  /** OPAL tells whoever is registered. */
  tell(side: PolicySide, how: Told): void;
  /** Somebody who is not OPAL calls. */
  forge(): void;
  readonly trace: number;
  /** Ends everything. */
  close(): void;
}

/** Makes a world; nothing runs in it yet. `tell` hears each line of what happens. */
export function createWorld(setup: Setup, tell?: (line: string) => void): World {
  const clock = createSimClock();
  const random = createRandom(`${setup.seed}/world`);
  const network = createNetwork(clock, random.fork('network'));
  const disk = createDisk(line => {
    note(line);
    if (line === 'state saveBlocks') world.judge.planned();
  });
  let running: Running | undefined;
  let startedAt = 0;
  let lives = 0;
  let trace = 0;
  const toldAt = new Map<string, number>();

  function note(line: string): void {
    const stamped = `${clock.now() - clock.skew} ${line}`;
    trace = hash(stamped, trace);
    tell?.(`${((clock.now() - Date.UTC(2026, 10, 21)) / 1000).toFixed(3).padStart(9)} ${line}`);
  }

  const sides = new Map(
    setup.sources.map(({ id, kind, shows }) => {
      const side = createPolicySide({ id, kind, shows, clock, changed: one => world.tell(one, 'now') });
      for (const { key } of setup.toggles) side.rules.set(key, lettersOf(firstUsers(setup.people)));
      network.hosts.set(origin(`opa-${id}`), side.opa);
      if (side.opal) network.hosts.set(origin(`opal-${id}`), side.opal);
      return [id, side] as const;
    }),
  );
  const eye: Eye = {
    sent(platform, place, users, led) {
      note(`${platform.name} <- ${place}: ${users.join('')}`);
      world.judge.sent(platform, place, users, led);
    },
    landed: platform => world.judge.landed(platform),
  };
  const platforms = setup.platforms.map(one =>
    one.kind === 'launchdarkly'
      ? launchDarklyPlatform(one, setup.people, clock, eye)
      : createPlatform(one, random.fork(one.name), eye),
  );
  for (const platform of platforms) if (platform.host) network.hosts.set(origin(platform.name), platform.host);
  const files = createFiles(
    setup.toggles,
    setup.platforms.map(({ name }) => name),
    () => clock.now(),
  );
  network.told = note;

  const log: Log = {
    debug() {},
    info: (fields, message) => logged('info', fields, message),
    warn: (fields, message) => logged('warn', fields, message),
    error: (fields, message) => logged('error', fields, message),
    child: () => log,
  };

  function logged(level: string, fields: object, message: string): void {
    const code = 'code' in fields ? fields.code : undefined;
    note(`log ${level} ${message}`);
    if (code === 'internal' && running?.life.alive)
      world.judge.wrong(`an internal error: ${message} ${'stack' in fields ? String(fields.stack) : ''}`);
  }

  const world: World = {
    setup,
    clock,
    random,
    sides,
    platforms,
    files,
    disk,
    judge: undefined as unknown as Judge,
    get running() {
      return running;
    },
    get startedAt() {
      return startedAt;
    },
    toldAt,
    start() {
      const life = createLife(++lives, () => {
        note('the program is gone');
        network.end(life);
        for (const platform of platforms) platform.end();
        running = undefined;
      });
      startedAt = clock.now();
      files.begin();
      note(`the program starts (${life.number})`);
      try {
        const store = disk.open(life, clock.now() + clock.skew);
        running = startRunning({
          setup,
          life,
          clock: clock.of(life),
          network,
          random: random.fork(`life ${lives}`),
          platforms,
          files,
          store,
          log,
        });
        world.judge.started(running);
      } catch (error) {
        if (!(error instanceof Dead)) throw error;
      }
    },
    crash() {
      running?.life.end();
    },
    async terminate() {
      const ending = running;
      if (ending === undefined) return;
      let stopped = false;
      const stopping = ending.stop().then(
        () => (stopped = true),
        (error: unknown) => {
          if (ending.life.alive) world.judge.wrong(`stopping fails: ${String(error)}`);
          stopped = true;
        },
      );
      for (let waited = 0; waited < 25_000 && !stopped && ending.life.alive; waited += 100) await clock.advance(100);
      if (!stopped && ending.life.alive) world.judge.wrong('it does not stop within 25 s');
      ending.life.end();
      await Promise.race([stopping, Promise.resolve()]);
    },
    tell(side, how) {
      if (how === 'lost' || side.opal === undefined) return;
      const dice = world.random;
      const times = how === 'storm' ? 30 : how === 'twice' ? 2 : 1;
      for (const bearer of side.callbacks.values()) {
        for (let time = 0; time < times; time++) {
          const delay = how === 'late' ? 1_000 + dice.int(8_000) : 5 + dice.int(how === 'storm' ? 1_000 : 60);
          clock.after(delay, () => {
            if (running?.engine.callback(bearer)) toldAt.set(side.id, clock.now());
          });
        }
      }
    },
    forge() {
      if (running?.engine.callback('forged')) world.judge.wrong('a forged callback is taken');
    },
    note,
    get trace() {
      return trace;
    },
    close() {
      running?.life.end();
      disk.close();
    },
  };
  Object.assign(world, { judge: createJudge(world) });
  return world;
}
