import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { loadConfig } from '../../src/load/config.ts';
import { sourceKinds, targetKinds } from '../../src/kinds.ts';
import { optoggles } from '../support/program.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const dockerfile = readFileSync(join(root, 'Dockerfile'), 'utf8');
const stages = dockerfile.split(/^(?=FROM )/m).slice(1);
const shipped = stages.at(-1) ?? '';

interface Service {
  readonly image: string;
  readonly user?: string;
  readonly read_only?: boolean;
  readonly cap_drop?: readonly string[];
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
  readonly depends_on?: readonly string[] | Readonly<Record<string, unknown>>;
}

const { services, volumes } = parse(readFileSync(join(root, 'docker-compose.yml'), 'utf8')) as {
  services: Record<string, Service>;
  volumes: Record<string, unknown>;
};
const mounts = (service: Service | undefined) =>
  (service?.volumes ?? []).map(text => {
    const [from = '', to = '', mode] = text.split(':');
    return { from, to, mode };
  });
const config = () =>
  loadConfig(join(root, 'examples/compose/optoggles.yaml'), {
    kinds: { sources: sourceKinds, targets: targetKinds },
    env: {},
    secrets: 'substitute',
  });

it('the image is made of bases named by their contents, and runs as nobody without a shell', () => {
  for (const stage of stages) expect(stage).toMatch(/^FROM [\w./-]+:[\w.-]+@sha256:[0-9a-f]{64}( AS \w+)?\n/);
  expect(shipped).toMatch(/^FROM gcr\.io\/distroless\/nodejs24-debian12:nonroot@/);
  expect(shipped).toContain('\nUSER 65532:65532\n');
  expect(shipped).not.toMatch(/^(RUN|ADD|SHELL) /m);
});

it('the image starts what the package names as its command, as npm start does', () => {
  const { bin, scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    bin: { optoggles: string };
    scripts: { start: string };
  };
  const [node, ...args] = JSON.parse(/^ENTRYPOINT (.+)$/m.exec(shipped)?.[1] ?? '[]') as string[];
  expect(node).toBe('/nodejs/bin/node');
  expect(args.at(-1)).toBe(`/app/${bin.optoggles}`);
  expect(args.length).toBeGreaterThan(1);
  expect(scripts.start).toBe(`exec node ${args.slice(0, -1).join(' ')} src/cli/main.ts run`);
  expect(shipped).toMatch(/CMD \["run", "--config", "\/etc\/optoggles\/optoggles\.yaml"\]/);
});

it('what the image is made of is there, and gets to the builder', () => {
  const letIn = readFileSync(join(root, '.dockerignore'), 'utf8')
    .split('\n')
    .filter(line => line.startsWith('!'))
    .map(line => line.slice(1));
  const copied = [...dockerfile.matchAll(/^COPY (?!--from)(.+)$/gm)].flatMap(([, args = '']) =>
    args.split(' ').slice(0, -1),
  );
  expect(copied.length).toBeGreaterThan(8);
  for (const path of copied) expect(existsSync(join(root, path)), path).toBe(true);
  expect(copied.filter(path => !letIn.includes(path))).toEqual([]);
});

it('everything that is mounted is there, and every port is open on this machine alone', () => {
  for (const service of Object.values(services)) {
    for (const { from } of mounts(service)) {
      if (from.startsWith('.')) expect(existsSync(join(root, from)), from).toBe(true);
      else expect(volumes).toHaveProperty(from);
    }
    for (const port of service.ports ?? []) expect(port).toMatch(/^127\.0\.0\.1:\d+:\d+$/);
    expect(service.image).not.toMatch(/:latest$/);
    const needs = service.depends_on ?? [];
    for (const name of Array.isArray(needs) ? needs : Object.keys(needs)) expect(services).toHaveProperty([name]);
  }
});

it('OPToggles may write its state and its files, and nothing else', async () => {
  const { optoggles: ours } = services;
  expect(ours).toMatchObject({ user: '65532:65532', read_only: true, cap_drop: ['ALL'] });
  const writable = mounts(ours).filter(({ mode }) => mode !== 'ro');
  const { stateDir, folder, targets } = (await config()).config;
  const path = String(targets[0]?.settings.path).replace('/{environment}.json', '');
  expect(writable.map(({ to }) => to)).toEqual([stateDir, join('/etc/optoggles', path)]);
  // The volumes are made from these folders of the image, so that they belong to its user.
  expect(shipped).toContain(`COPY --from=build --chown=65532:65532 /out/state ${stateDir}\n`);
  expect(dockerfile).toMatch(new RegExp(`mkdir -p .*/out/config/${path}\\b`));
  expect(folder).toBe(join(root, 'examples/compose'));
});

it('who is asked answers there: services and their ports', async () => {
  const { bind, sources, flags } = (await config()).config;
  expect(services.optoggles?.ports).toEqual([`127.0.0.1:${bind.port}:${bind.port}`]);
  expect(sources[0]?.settings).toMatchObject({
    url: 'http://opal-client:7000',
    opa: { url: 'http://opal-client:8181' },
    advertisedAddress: `optoggles:${bind.port}`,
  });
  const client = services['opal-client']?.environment;
  expect(client).toMatchObject({
    OPAL_SERVER_URL: 'http://opal-server:7002',
    OPAL_SHOULD_REPORT_ON_DATA_UPDATES: 'true',
  });
  const entries = JSON.parse(services['opal-server']?.environment?.OPAL_DATA_CONFIG_SOURCES ?? '') as {
    config: { entries: { url: string; dst_path: string }[] };
  };
  expect(entries.config.entries).toEqual([
    { url: 'http://data:8000/users.json', topics: ['policy_data'], dst_path: '/example/users' },
  ]);
  expect(existsSync(join(root, 'examples/compose/data/users.json'))).toBe(true);
  expect(mounts(services.optoggles).map(({ to }) => to)).toContain('/etc/optoggles/flags');
  expect(flags?.folder).toBe(join(root, 'examples/compose/flags'));
});

it('flagd reads the file that OPToggles writes', async () => {
  const { targets } = (await config()).config;
  const [entry] = targets;
  const served = mounts(services.optoggles).find(({ from }) => from === 'served')?.to ?? '';
  const seen = mounts(services.flagd).find(({ from }) => from === 'served')?.to ?? '';
  const file = String(entry?.settings.path).replace('{environment}', entry?.environments?.[0] ?? '');
  expect(join('/etc/optoggles', file).startsWith(`${served}/`)).toBe(true);
  expect(services.flagd?.command).toContain(`file:${join('/etc/optoggles', file).replace(served, seen)}`);
});

it('the configuration and its flags validate', async () => {
  const { code, stderr } = await optoggles(join(root, 'examples/compose'), ['validate']);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const policy = readFileSync(join(root, 'examples/compose/policy/rbac.rego'), 'utf8');
  const flag = parse(readFileSync(join(root, 'examples/compose/flags/us-feature.yaml'), 'utf8')) as {
    usersPolicy: { package: string; rule: string };
  };
  expect(policy).toContain(`package ${flag.usersPolicy.package}\n`);
  expect(policy).toContain(`${flag.usersPolicy.rule} contains`);
  const [source] = (await config()).config.sources;
  expect(source?.settings.sentinels).toEqual([`data.${flag.usersPolicy.package}.ready`]);
});
