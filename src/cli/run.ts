import { resolve } from 'node:path';
import { systemClock } from '../lib/clock.ts';
import { version } from '../lib/version.ts';
import { expiredWarnings } from '../load/expired.ts';
import { watchFile, watchFlags } from '../load/watch.ts';
import { reportOutcome } from '../report/outcome.ts';
import { reportStatus } from '../report/status.ts';
import { createMetrics } from '../server/metrics.ts';
import { createServer } from '../server/server.ts';
import { createEngine } from '../sync/engine.ts';
import type { Line } from '../sync/line.ts';
import { followSecrets } from '../tasks/follow-secrets.ts';
import { openLine } from '../tasks/open.ts';
import { createOperator } from '../tasks/operator.ts';
import { createPlanService } from '../tasks/serve-plan.ts';
import { createSyncService } from '../tasks/serve-sync.ts';
import { settle } from '../tasks/settle.ts';
import { startTelling } from '../tasks/tell.ts';
import { type Context, lookOf, openLiveConfig } from './context.ts';

export interface RunFlags {
  readonly config?: string | undefined;
}

/** The first table is printed when everything was done that can be done now, or after this time (ms). */
const firstLook = 10_000;

/** `optoggles run`: keeps the targets in agreement until it is told to stop. */
export async function runCommand(context: Context, asked: RunFlags): Promise<void> {
  const { live, secretFiles, secrets, log } = await openLiveConfig(context, asked.config);
  const { config } = live;
  const metrics = createMetrics(version);
  const opened = openLine({
    config,
    mode: 'run',
    clock: systemClock,
    random: Math.random,
    log,
    observer: metrics.observer,
  });
  const { line, store, flags } = opened;
  const engine = createEngine({
    line,
    config,
    store,
    clock: systemClock,
    version,
    expired: expiredWarnings,
    repository: flags.git,
  });
  metrics.bind(engine);
  const { host, port } = config.bind;
  const server = createServer({
    engine,
    operator: createOperator({ config, store, clock: systemClock, line }),
    config: {
      get adminTokens() {
        return config.adminTokens;
      },
      get readTokens() {
        return config.readTokens;
      },
      publicStatus: config.publicStatus,
      loopback: isLoopback(host),
    },
    metrics,
    log,
    redact: secrets.redact,
    get webhookSecret() {
      return config.flags?.git?.webhookSecret;
    },
    services: {
      plan: createPlanService({ config, clock: systemClock, random: Math.random, log }),
      sync: createSyncService({ engine, line, instance: config.instance, store, git: flags.git, clock: systemClock }),
    },
  });
  const { redact } = secrets;
  const tell = () =>
    startTelling({
      config,
      line,
      store,
      flags: () => flags.git?.state.state ?? 'ok',
      clock: systemClock,
      random: Math.random,
      log,
      redact,
    });
  let telling = tell();
  const closing = new AbortController();
  function configChanged(): void {
    log.warn({ file: config.file }, `${config.file} changed: it is read at the next start`);
    engine.configChanged();
  }
  try {
    const url = urlOf(await server.listen(host, port));
    // The table comes when everything has settled; whoever waits for it can look there meanwhile.
    log.info({ url }, `serving ${url}`);
    store.audit({ at: systemClock.now(), what: 'started', message: version });
    if (flags.git) void flags.git.watch(() => line.rescan(), closing.signal);
    else if (config.flags) void watchFlags(config.flags.folder, systemClock, () => line.rescan(), closing.signal);
    void watchFile(resolve(config.folder, config.file), systemClock, configChanged, closing.signal);
    void followSecrets({
      live,
      files: secretFiles,
      opened,
      secrets,
      clock: systemClock,
      log,
      signal: closing.signal,
      async renewed({ notify, callbackSecret }) {
        if (notify) {
          await telling.stop();
          telling = tell();
        }
        if (!callbackSecret) return;
        log.warn({ code: 'restart-needed' }, '"callbackSecret" is another now: it is used from the next start on');
        engine.configChanged();
      },
    });
    await line.start();
    await settle(line, systemClock, firstLook, context.signal, () => line.started() && !isDoubted(line));
    const look = lookOf(context.stdout, context.env);
    context.stdout.write(
      reportOutcome(
        line.targets.flatMap(lane => lane.takeOutcomes()),
        look,
      ),
    );
    context.stdout.write(`\n${reportStatus(engine.status(), look)}\nServing ${url}\n`);
    await aborted(context.signal);
    log.info({}, 'stopping');
  } finally {
    closing.abort();
    engine.stop();
    await telling.stop();
    await server.close();
    store.audit({ at: systemClock.now(), what: 'stopped' });
    await opened.close();
  }
}

/** Something is suspect, and evidence may come at any moment. */
function isDoubted(line: Line): boolean {
  return line.sources.some(lane => {
    const { state, by } = lane.view().standing;
    return state === 'suspect' && by !== 'nothing';
  });
}

function urlOf({ host, port }: { readonly host: string; readonly port: number }): string {
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host.startsWith('127.');
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
