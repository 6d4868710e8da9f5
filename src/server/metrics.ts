import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { Engine, Gauges, Health, Observer, Status } from '../sync/view.ts';

export interface Metrics {
  /** What the engine tells while it works. */
  readonly observer: Observer;
  readonly registry: Registry;
  /** From now on gauges are computed from this engine at each scrape. */
  bind(engine: Engine): void;
}

/** What the engine says at one scrape. */
interface Look {
  readonly status: Status;
  readonly health: Health;
  readonly gauges: Gauges;
}

const seconds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/** The metrics of one process, with Node's own. A user is never a label. */
export function createMetrics(version: string): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  let engine: Engine | undefined;
  let look: Look | undefined;

  /** All gauges of one scrape show one moment, and the engine is asked once: they are collected in one go. */
  function lookNow(): Look | undefined {
    if (look === undefined && engine !== undefined) {
      look = { status: engine.status(), health: engine.health(), gauges: engine.gauges() };
      queueMicrotask(() => {
        look = undefined;
      });
    }
    return look;
  }

  function gauge<Label extends string>(
    name: string,
    help: string,
    labelNames: readonly Label[],
    fill: (set: (labels: Record<Label, string>, value: number) => void, look: Look) => void,
  ): void {
    const metric = new Gauge({
      name,
      help,
      labelNames,
      registers: [registry],
      collect: () => {
        const now = lookNow();
        // What is gone must not stay at its last value.
        metric.reset();
        if (now !== undefined)
          fill((labels, value) => metric.set(labels as Partial<Record<Label, string>>, value), now);
      },
    });
  }

  addGauges(gauge);
  new Gauge({
    name: 'optoggles_build_info',
    help: 'Always 1; the version is a label.',
    labelNames: ['version'],
    registers: [registry],
  }).set({ version }, 1);
  return {
    registry,
    observer: createObserver(registry),
    bind(bound) {
      engine = bound;
    },
  };
}

type AddGauge = <Label extends string>(
  name: string,
  help: string,
  labelNames: readonly Label[],
  fill: (set: (labels: Record<Label, string>, value: number) => void, look: Look) => void,
) => void;

function addGauges(gauge: AddGauge): void {
  gauge(
    'optoggles_last_sync_timestamp_seconds',
    'When the target last agreed with policy and definitions.',
    ['target'],
    (set, { gauges }) => {
      for (const [target, at] of Object.entries(gauges.lastSync)) set({ target }, at);
    },
  );
  gauge(
    'optoggles_authorized_users',
    'How many have the toggle now.',
    ['toggle', 'target', 'environment'],
    (set, { status }) => {
      for (const { key, target, environment, users } of status.toggles) {
        if (users !== null) set({ toggle: key, target, environment }, users);
      }
    },
  );
  gauge(
    'optoggles_held_seconds',
    'How long the users of a placement have been left as they are, for want of an answer.',
    ['toggle', 'target', 'environment'],
    (set, { gauges }) => {
      for (const { seconds, ...labels } of gauges.held) set(labels, seconds);
    },
  );
  gauge(
    'optoggles_blocked_seconds',
    'How long the guard has been stopping a change.',
    ['id', 'reason'],
    (set, { gauges }) => {
      for (const { id, reason, seconds } of gauges.blocked) set({ id, reason }, seconds);
    },
  );
  gauge(
    'optoggles_outstanding_revocations',
    'Revocations that are planned and not yet written.',
    ['target'],
    (set, { gauges }) => {
      for (const [target, { count }] of Object.entries(gauges.outstanding)) set({ target }, count);
    },
  );
  gauge(
    'optoggles_outstanding_revocations_oldest_seconds',
    'The age of the oldest revocation that is not yet written.',
    ['target'],
    (set, { gauges }) => {
      for (const [target, { oldest }] of Object.entries(gauges.outstanding)) set({ target }, oldest);
    },
  );
  gauge('optoggles_drift_toggles', 'Toggles that differ from what was last applied.', [], (set, { gauges }) => {
    set({}, gauges.drift);
  });
  gauge('optoggles_stale_toggles', 'Toggles past their expiry date.', [], (set, { gauges }) => {
    set({}, gauges.stale);
  });
  gauge('optoggles_overrides', 'What operators said against git and policy, in force.', ['kind'], (set, { status }) => {
    for (const kind of ['off', 'deny', 'pause']) {
      set({ kind }, status.overrides.filter(one => one.kind === kind).length);
    }
  });
  gauge('optoggles_toggles', 'Placements by state.', ['state'], (set, { health }) => {
    for (const [state, count] of Object.entries(health.toggles)) set({ state }, count);
  });
  gauge('optoggles_sources', 'Sources by state.', ['state'], (set, { health }) => {
    for (const [state, count] of Object.entries(health.sources)) set({ state }, count);
  });
  gauge('optoggles_targets', 'Targets by state.', ['state'], (set, { health }) => {
    for (const [state, count] of Object.entries(health.targets)) set({ state }, count);
  });
}

function createObserver(registry: Registry): Observer {
  const registers = [registry];
  const passes = new Counter({
    name: 'optoggles_sync_total',
    help: 'Passes over a target, by result.',
    labelNames: ['target', 'result'],
    registers,
  });
  const passSeconds = new Histogram({
    name: 'optoggles_sync_duration_seconds',
    help: 'How long a pass over a target takes.',
    labelNames: ['target'],
    buckets: seconds,
    registers,
  });
  const asks = new Counter({
    name: 'optoggles_source_asks_total',
    help: 'Times a source was asked, by result.',
    labelNames: ['source', 'result'],
    registers,
  });
  const askSeconds = new Histogram({
    name: 'optoggles_source_ask_duration_seconds',
    help: 'How long a source takes to answer.',
    labelNames: ['source'],
    buckets: seconds,
    registers,
  });
  const writes = new Counter({
    name: 'optoggles_writes_total',
    help: 'Changes sent to a target, by outcome.',
    labelNames: ['target', 'result'],
    registers,
  });
  const blocks = new Counter({
    name: 'optoggles_guard_blocked_total',
    help: 'Blocks of the guard, by reason.',
    labelNames: ['reason'],
    registers,
  });
  return {
    pass(target, result, took) {
      passes.inc({ target, result });
      passSeconds.observe({ target }, took);
    },
    asked(source, result, took) {
      asks.inc({ source, result });
      askSeconds.observe({ source }, took);
    },
    wrote: (target, result, count) => writes.inc({ target, result }, count),
    blocked: reason => blocks.inc({ reason }),
  };
}
