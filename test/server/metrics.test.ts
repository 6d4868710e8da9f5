import { describe, expect, it } from 'vitest';
import { createMetrics } from '../../src/server/metrics.ts';
import { fakeEngine } from '../support/engine.ts';

async function lines(metrics: ReturnType<typeof createMetrics>): Promise<string[]> {
  return (await metrics.registry.metrics()).split('\n').filter(line => line.startsWith('optoggles_'));
}

describe('metrics', () => {
  it('shows what the engine says at the moment of the scrape', async () => {
    const metrics = createMetrics('1.2.3');
    const engine = fakeEngine();
    metrics.bind(engine);
    expect(await lines(metrics)).toEqual(
      expect.arrayContaining([
        'optoggles_build_info{version="1.2.3"} 1',
        'optoggles_last_sync_timestamp_seconds{target="local"} 1793000000',
        'optoggles_authorized_users{toggle="us-feature",target="local",environment="production"} 3',
        'optoggles_held_seconds{toggle="us-feature",target="local",environment="production"} 12',
        'optoggles_blocked_seconds{id="b1c2",reason="revocations"} 60',
        'optoggles_outstanding_revocations{target="local"} 2',
        'optoggles_outstanding_revocations_oldest_seconds{target="local"} 3.5',
        'optoggles_drift_toggles 1',
        'optoggles_stale_toggles 4',
        'optoggles_toggles{state="blocked"} 1',
        'optoggles_sources{state="ready"} 1',
        'optoggles_targets{state="ok"} 1',
      ]),
    );
    engine.now.gauges = { ...engine.now.gauges, held: [], blocked: [], drift: 0 };
    const later = await lines(metrics);
    expect(later.filter(line => /optoggles_(held|blocked)_seconds/.test(line))).toEqual([]);
    expect(later).toContain('optoggles_drift_toggles 0');
  });

  it('has no line for a count that nobody knows', async () => {
    const metrics = createMetrics('1');
    metrics.bind(fakeEngine());
    expect((await lines(metrics)).join()).not.toContain('toggle="beta"');
  });

  it('asks the engine once a scrape', async () => {
    const metrics = createMetrics('1');
    const engine = fakeEngine();
    let asked = 0;
    engine.gauges = () => {
      asked++;
      return engine.now.gauges;
    };
    metrics.bind(engine);
    await metrics.registry.metrics();
    await metrics.registry.metrics();
    expect(asked).toBe(2);
  });

  it('counts what the engine did', async () => {
    const metrics = createMetrics('1');
    const { observer } = metrics;
    observer.pass('local', 'success', 0.02);
    observer.pass('local', 'success', 0.02);
    observer.asked('opal', 'failed', 1);
    observer.wrote('local', 'done', 3);
    observer.blocked('grants');
    expect(await lines(metrics)).toEqual(
      expect.arrayContaining([
        'optoggles_sync_total{target="local",result="success"} 2',
        'optoggles_sync_duration_seconds_count{target="local"} 2',
        'optoggles_source_asks_total{source="opal",result="failed"} 1',
        'optoggles_source_ask_duration_seconds_count{source="opal"} 1',
        'optoggles_writes_total{target="local",result="done"} 3',
        'optoggles_guard_blocked_total{reason="grants"} 1',
      ]),
    );
  });

  it('has the process and Node, before any engine', async () => {
    const text = await createMetrics('1').registry.metrics();
    expect(text).toContain('process_resident_memory_bytes');
    expect(text).toContain('nodejs_eventloop_lag_seconds');
  });
});
