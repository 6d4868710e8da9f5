import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, it } from 'vitest';
import { openFakeRestApi } from '../support/fake-rest-api.ts';
import { CHART, type Manifest, render } from './chart-tools.ts';
import { untilHolds } from './holds.ts';
import { mountFile, mountVolume } from './kubelet.ts';
import { createFolder } from './optoggles.ts';
import { freePort } from '../support/free-port.ts';
import { answers, start } from './process.ts';
import { createUndo } from './stack.ts';
import { until } from './until.ts';

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));

interface PodSpec {
  readonly terminationGracePeriodSeconds: number;
  readonly volumes: readonly {
    readonly name: string;
    readonly configMap?: { readonly name: string };
    readonly secret?: { readonly secretName: string; readonly items?: readonly { readonly key: string }[] };
  }[];
  readonly containers: readonly Container[];
}

type Probe = { readonly httpGet: { readonly path: string; readonly port: string } };

interface Container {
  readonly args: readonly string[];
  readonly env: readonly {
    readonly name: string;
    readonly value?: string;
    readonly valueFrom?: { readonly secretKeyRef: { readonly name: string; readonly key: string } };
  }[];
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string; readonly subPath?: string }[];
  readonly startupProbe: Probe;
  readonly livenessProbe: Probe;
  readonly readinessProbe: Probe;
}

/** What the cluster has besides the chart's objects. */
const secrets: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'rest-target': { token: 'canary-of-a-file', other: 'not asked for' },
  optoggles: { 'admin-token': 'canary-of-a-variable' },
};

const undo = createUndo();
afterEach(() => undo.all());

/** Lays out what the pod would find, below `root`. */
function mountAll(root: string, pod: PodSpec, manifests: readonly Manifest[], port: number): void {
  const container = pod.containers[0] as Container;
  for (const { name, mountPath, subPath } of container.volumeMounts) {
    const volume = pod.volumes.find(one => one.name === name);
    const path = join(root, mountPath);
    const map = manifests.find(
      ({ kind, metadata }) => kind === 'ConfigMap' && metadata.name === volume?.configMap?.name,
    );
    const secret = secrets[volume?.secret?.secretName ?? ''];
    if (subPath !== undefined) mountFile(path, here(map?.data?.[subPath] ?? '', root, port));
    else if (map !== undefined) mountVolume(path, map.data ?? {});
    else if (secret !== undefined) {
      const keys = volume?.secret?.items?.map(({ key }) => key) ?? Object.keys(secret);
      mountVolume(path, Object.fromEntries(keys.map(key => [key, secret[key] ?? ''])));
    } else mkdirSync(path, { recursive: true });
  }
}

/** The rendered configuration for this machine: a port of the loopback, and the state below the folder. */
function here(config: string, root: string, port: number): string {
  expect(config).toContain('bind: :8080\n');
  expect(config).toContain('stateDir: /var/lib/optoggles\n');
  return config
    .replace('bind: :8080\n', `bind: "127.0.0.1:${port}"\n`)
    .replace('stateDir: /var/lib/optoggles\n', `stateDir: ${join(root, 'var/lib/optoggles')}\n`);
}

function environmentOf({ env }: Container): Record<string, string> {
  return Object.fromEntries(
    env.map(({ name, value, valueFrom }) => {
      const { name: secret = '', key = '' } = valueFrom?.secretKeyRef ?? {};
      return [name, value ?? secrets[secret]?.[key] ?? ''];
    }),
  );
}

it('the program runs on what the chart renders, answers its probes, and takes what the kubelet brings later', async () => {
  const target = await openFakeRestApi();
  undo.later(() => target.close());
  const settings = { Authorization: 'Bearer ${file:secrets/rest-target/token}' };
  const values = [
    ['--values', join(CHART, 'ci/files-values.yaml')],
    ['--set', `config.targets[0].endpointUrl=${target.url}`],
    ['--set-json', `config.targets[0].extraHeaders=${JSON.stringify(settings)}`],
    ['--set-json', 'secretFiles=[{"name":"rest-target","items":["token"]}]'],
    ['--set-json', 'secretEnv.ADMIN={"name":"optoggles","key":"admin-token"}'],
    ['--set-json', 'config.adminTokens=[{"name":"oncall","token":"${ADMIN}"}]'],
    ['--set', 'serviceMonitor.enabled=true'],
  ].flat();
  const manifests = await render(values);
  const deployment = manifests.find(({ kind }) => kind === 'Deployment') as Manifest;
  const pod = (deployment.spec as { template: { spec: PodSpec } }).template.spec;
  const container = pod.containers[0] as Container;
  const root = await createFolder(undo);
  const port = await freePort();
  mountAll(root, pod, manifests, port);

  const url = `http://127.0.0.1:${port}`;
  const { startupProbe, livenessProbe, readinessProbe } = container;
  const program = await start({
    name: 'chart',
    command: process.execPath,
    args: [MAIN, ...container.args.map(arg => (arg.startsWith('/') ? join(root, arg) : arg))],
    cwd: root,
    env: environmentOf(container),
    ready: () => answers(url + startupProbe.httpGet.path),
    patienceMs: pod.terminationGracePeriodSeconds * 1_000,
  });
  undo.later(() => program.kill());
  await untilHolds(target, 'us-feature', ['alice', 'bob']);
  await untilHolds(target, 'beta', ['carol']);
  for (const probe of [startupProbe, livenessProbe, readinessProbe]) {
    expect(await answers(url + probe.httpGet.path)).toBe(true);
    expect(probe.httpGet.port).toBe('http');
  }
  const monitor = (manifests.find(({ kind }) => kind === 'ServiceMonitor') as Manifest).spec as {
    endpoints: { path: string }[];
  };
  const metrics = await (await fetch(url + monitor.endpoints[0]?.path)).text();
  expect(metrics).toContain('optoggles_authorized_users{toggle="us-feature",target="rest",environment="production"} 2');
  expect(target.writes.every(({ headers }) => headers.authorization === 'Bearer canary-of-a-file')).toBe(true);
  const asked = await fetch(`${url}/api/sync`, {
    method: 'POST',
    headers: { authorization: 'Bearer canary-of-a-variable' },
  });
  expect(asked.ok).toBe(true);

  const flags = manifests.find(({ metadata }) => metadata.name === 'rel-optoggles-flags')?.data ?? {};
  const beta = `${flags['beta.yaml']}state: off\n`;
  mountVolume(join(root, 'etc/optoggles/flags'), { ...flags, 'beta.yaml': beta });
  await untilHolds(target, 'beta', []);
  const lists = 'app.rbac.us_users: [alice, bob, dave]\napp.rbac.beta_users: [carol]\n';
  mountVolume(join(root, 'etc/optoggles/files'), { 'audiences.yaml': lists });
  await untilHolds(target, 'us-feature', ['alice', 'bob', 'dave'], 40_000);

  await program.stop();
  await until('it has ended', () => program.code() !== null);
  expect(program.code()).toBe(0);
});
