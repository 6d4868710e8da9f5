import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Ajv } from 'ajv';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { CHART, check, KUBERNETES, type Manifest, render, runHelm } from './chart-tools.ts';
import { monitoringSchemas } from './monitoring-schemas.ts';

const examples = readdirSync(join(CHART, 'ci')).sort();
const ajv = new Ajv({ strict: true, strictTypes: false, allowUnionTypes: true, strictRequired: false });

function withValues(name: string): string[] {
  return ['--values', join(CHART, 'ci', `${name}-values.yaml`)];
}

function kinds(manifests: readonly Manifest[]): string[] {
  return manifests.map(({ kind, metadata }) => `${kind} ${metadata.name}`).sort();
}

function one(manifests: readonly Manifest[], kind: string): Manifest {
  const found = manifests.filter(manifest => manifest.kind === kind);
  expect(found).toHaveLength(1);
  return found[0] as Manifest;
}

interface Pod {
  readonly replicas: number;
  readonly strategy: unknown;
  readonly template: {
    readonly metadata: { readonly labels: object; readonly annotations: Readonly<Record<string, string>> };
    readonly spec: {
      readonly automountServiceAccountToken: boolean;
      readonly securityContext: object;
      readonly containers: readonly { readonly image: string; readonly securityContext: object }[];
    };
  };
}

describe.each(examples)('with %s', example => {
  const args = ['--values', join(CHART, 'ci', example)];

  it('Helm finds nothing to say', async () => {
    const { code, output } = await runHelm('lint', args);
    expect(output).not.toMatch(/\[(WARNING|ERROR)\]/);
    expect(code).toBe(0);
  });

  it.each(['1.29.0', KUBERNETES])('Kubernetes %s knows every field of every object', async kubernetes => {
    const manifests = await render(args);
    expect(manifests.length).toBeGreaterThan(3);
    const { manifests: said } = await check({ kubernetes, manifests });
    for (const [at, manifest] of manifests.entries()) {
      const schema = monitoringSchemas[manifest.kind];
      if (schema === undefined) expect(said[at], `${manifest.kind} ${manifest.metadata.name}`).toBeNull();
      else {
        expect(said[at]).toBe('unknown');
        expect(ajv.validate(schema, manifest), ajv.errorsText()).toBe(true);
      }
      expect(manifest.metadata.namespace).toBe('flags');
    }
  });

  it('one pod that may do as little as possible has the state for itself', async () => {
    const { replicas, strategy, template } = one(await render(args), 'Deployment').spec as Pod;
    expect({ replicas, strategy }).toEqual({ replicas: 1, strategy: { type: 'Recreate' } });
    expect(template.spec.automountServiceAccountToken).toBe(false);
    expect(template.spec.securityContext).toMatchObject({
      runAsNonRoot: true,
      runAsUser: 65532,
      fsGroup: 65532,
      seccompProfile: { type: 'RuntimeDefault' },
    });
    expect(template.spec.containers[0]?.securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    });
  });
});

it('what the examples switch on and off is there and is not', async () => {
  expect(kinds(await render(withValues('files')))).toEqual([
    'ConfigMap rel-optoggles',
    'ConfigMap rel-optoggles-files',
    'ConfigMap rel-optoggles-flags',
    'Deployment rel-optoggles',
    'NetworkPolicy rel-optoggles',
    'PersistentVolumeClaim rel-optoggles',
    'Service rel-optoggles',
    'ServiceAccount rel-optoggles',
  ]);
  expect(kinds(await render(withValues('full')))).toEqual([
    'ConfigMap rel-optoggles',
    'ConfigMap rel-optoggles-dashboard',
    'Deployment rel-optoggles',
    'NetworkPolicy rel-optoggles',
    'PersistentVolumeClaim rel-optoggles',
    'PrometheusRule rel-optoggles',
    'Service rel-optoggles',
    'ServiceAccount rel-optoggles',
    'ServiceMonitor rel-optoggles',
  ]);
  expect(kinds(await render(withValues('existing')))).toEqual([
    'ConfigMap toggles-files',
    'Deployment toggles',
    'PrometheusRule toggles',
    'Service toggles',
  ]);
});

it('the values on the page of Kubernetes render to what Kubernetes knows', async () => {
  const page = readFileSync(fileURLToPath(new URL('../../docs/kubernetes.md', import.meta.url)), 'utf8');
  const [, text = ''] = /```yaml\n(.*?)```/s.exec(page) ?? [];
  const digest = `sha256:${'0'.repeat(64)}`;
  const values = JSON.stringify(parse(text.replace('sha256:…', digest)));
  const manifests = await render(
    Object.entries(JSON.parse(values) as object).flatMap(([key, value]) => {
      return ['--set-json', `${key}=${JSON.stringify(value)}`];
    }),
  );
  expect(kinds(manifests)).toHaveLength(9);
  const { manifests: said } = await check({ kubernetes: KUBERNETES, manifests });
  expect(said.filter(one => one !== null && one !== 'unknown')).toEqual([]);
  expect(one(manifests, 'PrometheusRule').metadata.name).toBe('rel-optoggles');
});

it('the schemas would see a mistake', async () => {
  const [deployment] = (await render(withValues('files'))).filter(({ kind }) => kind === 'Deployment');
  const spec = deployment?.spec as object;
  const wrong = [
    { ...deployment, spec: { ...spec, replica: 1 } },
    { ...deployment, spec: { ...spec, replicas: 'one' } },
  ];
  const { manifests } = await check({ kubernetes: KUBERNETES, manifests: wrong });
  expect(manifests[0]).toContain('replica');
  expect(manifests[1]).toContain('replicas');
  const monitor = one(await render(withValues('full')), 'ServiceMonitor');
  const misspelled = { ...monitor, spec: { ...(monitor.spec as object), endpoint: [] } };
  expect(ajv.validate(monitoringSchemas['ServiceMonitor'] as object, misspelled)).toBe(false);
});

it('a changed configuration makes a new pod, a changed flag file does not', async () => {
  const sums = [];
  for (const more of [[], ['--set', 'flags.files.beta=key: beta'], ['--set', 'config.onRemoved=keep']]) {
    const { template } = one(await render([...withValues('files'), ...more]), 'Deployment').spec as Pod;
    sums.push(template.metadata.annotations['checksum/config']);
  }
  expect(sums[0]).toMatch(/^[0-9a-f]{64}$/);
  expect(sums[1]).toBe(sums[0]);
  expect(sums[2]).not.toBe(sums[0]);
});

it('an image is a tag or a digest; without either the chart’s own version, which is the program’s', async () => {
  const image = async (name: string) =>
    (one(await render(withValues(name)), 'Deployment').spec as Pod).template.spec.containers[0]?.image;
  const root = fileURLToPath(new URL('../../package.json', import.meta.url));
  const { version } = JSON.parse(readFileSync(root, 'utf8')) as { version: string };
  expect(await image('files')).toBe(`optoggles:${version}`);
  expect(await image('full')).toBe(`example/optoggles@sha256:${'0'.repeat(64)}`);
});

describe('the network policy', () => {
  it('lets the namespace’s pods in, and nobody where nobody is named', async () => {
    const [all, none] = await Promise.all([
      render(withValues('files')),
      render([...withValues('files'), '--set-json', 'networkPolicy.from=[]']),
    ]);
    const ports = [{ port: 'http', protocol: 'TCP' }];
    expect(one(all, 'NetworkPolicy').spec).toMatchObject({
      policyTypes: ['Ingress'],
      ingress: [{ from: [{ podSelector: {} }], ports }],
    });
    expect(one(none, 'NetworkPolicy').spec).toMatchObject({ ingress: [] });
  });

  it('that restricts what may be reached leaves names resolvable', async () => {
    const { policyTypes, egress } = one(await render(withValues('full')), 'NetworkPolicy').spec as {
      policyTypes: string[];
      egress: { ports: { port: number }[] }[];
    };
    expect(policyTypes).toEqual(['Ingress', 'Egress']);
    expect(egress.map(({ ports }) => ports.map(({ port }) => port))).toEqual([[53, 53], [7000, 8181], [443]]);
  });
});

describe('values that cannot be right are refused with what to do', () => {
  it.each([
    ['nothing at all', [], 'config.instance is needed'],
    ['a second pod', [...withValues('files'), '--set', 'replicas=2'], "'replicas' not allowed"],
    ['an address of one’s own', [...withValues('files'), '--set', 'config.bind=:1'], 'config.bind is set by the chart'],
    [
      'a state elsewhere',
      [...withValues('files'), '--set', 'config.stateDir=/x'],
      'config.stateDir is set by the chart',
    ],
    ['no flags', [...withValues('files'), '--set-json', 'flags.files=null'], 'there are no flags'],
    ['flags twice', [...withValues('full'), '--set', 'flags.existingConfigMap=x'], 'not from both'],
    ['a configuration twice', [...withValues('files'), '--set', 'existingConfigMap=x'], 'not in both'],
    ['a shared volume', [...withValues('files'), '--set', 'persistence.accessMode=ReadWriteMany'], 'persistence'],
    ['a secret in clear', [...withValues('files'), '--set', 'secretEnv.TOKEN=hunter2'], 'secretEnv'],
  ])('%s', async (_, args, message) => {
    const { code, output } = await runHelm('template', args);
    expect(code).not.toBe(0);
    expect(output).toContain(message);
  });
});
