import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { BenchToggle } from './policies.ts';

/** Beside the checkout's other files, not in /tmp: there it could be memory, and the state's writes would cost nothing. */
const WORK = fileURLToPath(new URL('.work', import.meta.url));

/** An empty folder for one case; `remove` takes it away. */
export async function createFolder(): Promise<{ folder: string; remove: () => Promise<void> }> {
  await mkdir(WORK, { recursive: true });
  const folder = await mkdtemp(join(WORK, 'case-'));
  return { folder, remove: () => rm(folder, { recursive: true, force: true }) };
}

/** `flags/` with a file for each toggle. */
export async function writeFlags(folder: string, toggles: readonly BenchToggle[]): Promise<void> {
  await mkdir(join(folder, 'flags'), { recursive: true });
  for (const { key, rule } of toggles) {
    const text = [
      `key: ${key}`,
      `name: Toggle ${key}`,
      'owner: bench',
      'type: permission',
      'created: 2026-01-01',
      `usersPolicy: { source: policy, package: bench, rule: ${rule} }`,
      'environments:',
      '  production: {}',
      '',
    ];
    await writeFile(join(folder, 'flags', `${key}.yaml`), text.join('\n'));
  }
}

export interface Addresses {
  readonly port: number;
  readonly opal: string;
  readonly opa: string;
  readonly sink: string;
}

/** `optoggles.yaml` for one OPAL source and one REST target. Nothing but callbacks makes it look. Resolves to its path. */
export async function writeConfig(folder: string, { port, opal, opa, sink }: Addresses): Promise<string> {
  const text = `version: 1
instance: bench
bind: "127.0.0.1:${port}"
flags: flags
stateDir: .optoggles
sources:
  - id: policy
    type: opal
    url: ${opal}
    advertisedAddress: "127.0.0.1:${port}"
    opa: { url: "${opa}" }
    sentinels: [data.bench.ready]
    resync: 12h
    watch: 1h
targets:
  - { name: rest, type: restapi, endpointUrl: "${sink}", environment: production, read: false }
drift: { interval: 12h }
`;
  const file = join(folder, 'optoggles.yaml');
  await writeFile(file, text);
  return file;
}
