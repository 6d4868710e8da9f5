import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { createMetrics } from '../../src/server/metrics.ts';
import { fakeEngine } from '../support/engine.ts';
import { CHART, check, KUBERNETES, type Manifest, render, type Selector } from './chart-tools.ts';

/** What a scrape shows of one metric: each label with the values seen. */
type Series = ReadonlyMap<string, ReadonlyMap<string, ReadonlySet<string>>>;

/** What Prometheus adds to each series when a ServiceMonitor scrapes it. */
const added = ['namespace', 'job', 'pod', 'service', 'instance', 'endpoint', 'container'];

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly datasource?: { readonly uid: string };
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly { readonly refId: string; readonly expr: string; readonly legendFormat: string }[];
}

interface Dashboard {
  readonly uid: string;
  readonly templating: { readonly list: readonly { readonly name: string; readonly query: unknown }[] };
  readonly panels: readonly Panel[];
}

let series: Series;
let manifests: readonly Manifest[];

beforeAll(async () => {
  series = await scrape();
  manifests = await render(['--values', join(CHART, 'ci', 'full-values.yaml')]);
});

/** The program's own metrics, with one of everything in them. */
async function scrape(): Promise<Series> {
  const metrics = createMetrics('1.2.3');
  metrics.bind(fakeEngine());
  metrics.observer.pass('local', 'success', 1);
  metrics.observer.asked('opal', 'failed', 1);
  metrics.observer.wrote('local', 'done', 1);
  metrics.observer.blocked('revocations');
  const found = new Map<string, Map<string, Set<string>>>();
  for (const line of (await metrics.registry.metrics()).split('\n')) {
    const [, name, labels = ''] = /^([a-z_0-9]+)(?:\{(.*)\})? /i.exec(line) ?? [];
    if (name === undefined) continue;
    const of = found.get(name) ?? new Map<string, Set<string>>();
    found.set(name, of);
    for (const [, label = '', value = ''] of labels.matchAll(/([a-z_]+)="([^"]*)"/gi)) {
      of.set(label, (of.get(label) ?? new Set()).add(value));
    }
  }
  return found;
}

function rules(): readonly Rule[] {
  const spec = manifests.find(({ kind }) => kind === 'PrometheusRule')?.spec as { groups: { rules: Rule[] }[] };
  return spec.groups.flatMap(group => group.rules);
}

function dashboard(): Dashboard {
  const text = manifests.find(({ metadata }) => metadata.name.endsWith('-dashboard'))?.data?.['optoggles.json'];
  return JSON.parse(text ?? '') as Dashboard;
}

/** What is asked for and is not there. `exact`: labels whose values the program fixes. */
function missing(selectors: readonly Selector[]): string[] {
  return selectors.flatMap(({ metric, matchers, by }) => {
    const labels = series.get(metric);
    if (labels === undefined) return [`no metric ${metric}`];
    const names = [...by, ...matchers.map(({ name }) => name)].filter(
      name => !added.includes(name) && name !== '__name__',
    );
    const unknown = names.filter(name => !labels.has(name)).map(name => `${metric} has no label ${name}`);
    const states = matchers.filter(({ name }) => name === 'state').flatMap(({ value }) => value.split('|'));
    const never = states.filter(state => labels.get('state')?.has(state) !== true);
    return [...unknown, ...never.map(state => `${metric} has no state ${state}`)];
  });
}

async function selectorsOf(expressions: readonly string[]): Promise<readonly Selector[]> {
  const plain = expressions.map(text => text.replaceAll('$__rate_interval', '5m'));
  const { expressions: said } = await check({ kubernetes: KUBERNETES, expressions: plain });
  return said.flatMap((found, at) => {
    if (typeof found === 'string') throw new Error(`${expressions[at]}: ${found}`);
    expect(found, expressions[at]).not.toEqual([]);
    return found;
  });
}

describe('every alert', () => {
  it('asks for metrics, labels and states that the program has', async () => {
    expect(rules().length).toBeGreaterThan(9);
    expect(missing(await selectorsOf(rules().map(({ expr }) => expr)))).toEqual([]);
  });

  it('would be seen to be wrong if it did not', async () => {
    const wrong = ['optoggles_held > 1', 'sum by (user) (optoggles_held_seconds)', 'optoggles_sources{state="broken"}'];
    expect(missing(await selectorsOf(wrong))).toEqual([
      'no metric optoggles_held',
      'optoggles_held_seconds has no label user',
      'optoggles_sources has no state broken',
    ]);
    await expect(selectorsOf(['sum by (x'])).rejects.toThrow('sum by (x');
  });

  it('looks at this release only, and what it says uses labels that its expression leaves', async () => {
    for (const { alert, expr, labels, annotations } of rules()) {
      if (alert === 'OPTogglesStale') continue;
      expect(expr).toContain('namespace="flags", job="rel-optoggles"');
      expect(labels['severity']).toMatch(/^(critical|warning)$/);
      expect(annotations['summary']).not.toBe('');
      expect(annotations['description']).not.toBe('');
      const [, by = ''] = /\bby \(([^)]*)\)/.exec(expr) ?? [];
      for (const [, name = ''] of Object.values(annotations)
        .join(' ')
        .matchAll(/\$labels\.([a-z]+)/g)) {
        expect(by.split(', '), `${alert}: ${name}`).toContain(name);
      }
    }
    const names = rules().map(({ alert }) => alert);
    expect(new Set(names).size).toBe(names.length);
  });

  it('is explained on the page of Kubernetes, and none that is not there', () => {
    const page = readFileSync(fileURLToPath(new URL('../../docs/kubernetes.md', import.meta.url)), 'utf8');
    const named = new Set([...page.matchAll(/`(OPToggles[A-Za-z]+)`/g)].map(([, name]) => name));
    const mine = rules()
      .map(({ alert }) => alert)
      .filter(alert => alert !== 'OPTogglesStale');
    expect(named).toEqual(new Set(mine));
  });

  it('that is promised is there: held, blocked, outstanding revocations', () => {
    const expressions = rules()
      .map(({ expr }) => expr)
      .join('\n');
    for (const name of ['held_seconds', 'blocked_seconds', 'outstanding_revocations_oldest_seconds']) {
      expect(expressions).toContain(`optoggles_${name}{`);
    }
  });
});

describe('the dashboard', () => {
  it('asks for metrics, labels and states that the program has', async () => {
    const queries = dashboard().panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));
    expect(queries.length).toBeGreaterThan(20);
    expect(missing(await selectorsOf(queries))).toEqual([]);
    for (const query of queries) expect(query).toContain('namespace=~"$namespace", job=~"$job"');
  });

  it('fills its variables from metrics that are there', () => {
    const { list } = dashboard().templating;
    expect(list.map(({ name }) => name)).toEqual(['datasource', 'namespace', 'job']);
    const asked = JSON.stringify(list).matchAll(/label_values\(([a-z_]+)/g);
    for (const [, metric = ''] of asked) expect([...series.keys()]).toContain(metric);
  });

  it('shows every metric of ours at least once', () => {
    const all = JSON.stringify(dashboard());
    const ours = [...series.keys()].filter(name => name.startsWith('optoggles_') && !/_(sum|count)$/.test(name));
    expect(ours.length).toBeGreaterThan(15);
    expect(ours.filter(name => !all.includes(name))).toEqual([]);
  });

  it('has panels that say what they are, beside each other and not on top of each other', () => {
    const { panels } = dashboard();
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    const taken = new Set<string>();
    for (const { title, type, description, datasource, gridPos, targets = [] } of panels) {
      expect(title).not.toBe('');
      if (type !== 'row') {
        expect(description, title).not.toBe('');
        expect(datasource?.uid).toBe('${datasource}');
        expect(targets.length, title).toBeGreaterThan(0);
      }
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x += 1) {
        expect(x).toBeLessThan(24);
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y += 1) {
          expect(taken.has(`${x} ${y}`), title).toBe(false);
          taken.add(`${x} ${y}`);
        }
      }
    }
  });

  it('is found by Grafana', () => {
    const found = manifests.find(({ metadata }) => metadata.name === 'rel-optoggles-dashboard');
    expect(found?.metadata.labels).toMatchObject({ grafana_dashboard: '1' });
  });
});
