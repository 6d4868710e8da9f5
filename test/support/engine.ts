import type { Engine, Gauges, Health, Status } from '../../src/sync/view.ts';

/** A status with one of everything. */
export function exampleStatus(): Status {
  const toggle = {
    target: 'local',
    environment: 'production',
    lastAppliedAt: '2026-11-01T12:00:00.000Z',
    source: 'opal',
    rule: 'app.rbac.us_users',
    revision: '3f2a',
  };
  return {
    version: '1.2.3',
    instance: 'acme-prod',
    started: '2026-11-01T11:00:00.000Z',
    commit: null,
    restartNeeded: false,
    problems: [
      {
        code: 'flag-invalid',
        message: 'The flag is not valid.',
        hint: 'Correct it.',
        at: { file: 'flags/a.yaml', line: 3, column: 1 },
      },
    ],
    sources: [
      {
        id: 'opal',
        type: 'opal',
        state: 'suspect',
        revision: '3f2a',
        dataUpdate: '17',
        lastAnswerAt: '2026-11-01T12:00:00.000Z',
        error: 'OPA restarted: its data are not known to be complete.',
        warnings: ['OPAL reports a failed data update.'],
      },
    ],
    targets: [{ name: 'local', type: 'flagd', state: 'failing', error: 'The folder cannot be written.' }],
    toggles: [
      { ...toggle, key: 'us-feature', state: 'in-sync', users: 3, reason: null },
      { ...toggle, key: 'beta', state: 'blocked', users: null, reason: 'Blocked by the guard.' },
    ],
    blocked: [
      {
        id: 'b1c2',
        scope: 'audience',
        source: 'opal',
        toggle: 'beta',
        target: 'local',
        environment: 'production',
        placements: [{ toggle: 'beta', target: 'local', environment: 'production' }],
        revoked: 40,
        granted: 0,
        of: 50,
        revision: '3f2a',
        also: { changes: 2, granted: 5, revoked: 1 },
        reason: '40 of 50 users would lose it.',
        since: '2026-11-01T12:00:00.000Z',
        approve: 'optoggles approve b1c2',
      },
    ],
    overrides: [
      {
        id: '0a1b2c3d4e5f',
        kind: 'off',
        what: 'beta is switched off in production',
        since: '2026-11-01T12:00:00.000Z',
        until: null,
        by: 'oncall',
        reason: 'an incident',
        resume: 'optoggles resume 0a1b2c3d4e5f',
      },
    ],
  };
}

export const exampleHealth: Health = {
  phase: 'ok',
  sources: { waiting: 0, suspect: 0, ready: 1, failing: 0 },
  targets: { ok: 1, failing: 0 },
  toggles: { 'in-sync': 1, pending: 0, held: 0, blocked: 1, off: 0, failed: 0, removed: 0 },
  blocked: 1,
  overrides: 1,
};

export const exampleGauges: Gauges = {
  lastSync: { local: 1_793_000_000 },
  held: [{ toggle: 'us-feature', target: 'local', environment: 'production', seconds: 12 }],
  blocked: [{ id: 'b1c2', reason: 'revocations', seconds: 60 }],
  outstanding: { local: { count: 2, oldest: 3.5 } },
  drift: 1,
  stale: 4,
};

export interface FakeEngine extends Engine {
  now: { status: Status; health: Health; gauges: Gauges };
  readonly callbacks: string[];
  readonly syncs: string[];
  readonly approvals: { readonly id: string; readonly by: string }[];
}

/** An engine that remembers what it was told. `bearer` is the one that callbacks carry. */
export function fakeEngine(bearer = 'callback-bearer'): FakeEngine {
  const engine: FakeEngine = {
    now: { status: exampleStatus(), health: exampleHealth, gauges: exampleGauges },
    callbacks: [],
    syncs: [],
    approvals: [],
    status: () => engine.now.status,
    health: () => engine.now.health,
    gauges: () => engine.now.gauges,
    callback(given) {
      if (given !== bearer) return false;
      engine.callbacks.push(given);
      return true;
    },
    sync: by => void engine.syncs.push(by),
    approve(id, by) {
      if (id !== 'b1c2') return undefined;
      engine.approvals.push({ id, by });
      return { id, until: '2026-11-01T13:00:00.000Z' };
    },
  };
  return engine;
}
