import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startOpa } from '../test/peers/opa.ts';
import { freePort } from '../test/support/free-port.ts';
import { now, pause } from './clock.ts';
import { createFolder } from './files.ts';
import { type Counts, type LaunchDarkly, startLaunchDarkly } from './launchdarkly.ts';
import { createOpaClient, type OpaClient } from './opa-client.ts';
import { type OpalStub, startOpalStub } from './opal-stub.ts';
import type { BenchPolicy, BenchToggle } from './policies.ts';
import { type Program, startProgram } from './program.ts';

/** As `World`, with LaunchDarkly where the REST target is, and its SDK. */
export interface LaunchDarklyWorld {
  readonly policy: BenchPolicy;
  readonly opa: OpaClient;
  readonly opal: OpalStub;
  readonly program: Program;
  /** From nothing until everything was written: ms, and requests. */
  readonly first: { readonly ms: number; readonly counts: Counts };
  change(present: boolean): Promise<void>;
  /** A callback, until the SDK answers that of the one who comes and goes: ms. */
  callbackToAnswer(present: boolean, timeoutMs: number): Promise<number>;
  /** Does something; the requests that followed, once there were none for a second. */
  requestsOf(act: () => Promise<unknown>): Promise<Counts>;
}

export const member = 'zz-extra';
const QUIET_MS = 1_000;

/** Builds one, lets `act` measure in it, and takes it down whatever happens. */
export async function inLaunchDarklyWorld<T>(
  policy: BenchPolicy,
  environments: readonly string[],
  act: (world: LaunchDarklyWorld) => Promise<T>,
): Promise<T> {
  const undo: (() => unknown)[] = [];
  try {
    const { folder, remove } = await createFolder();
    undo.push(remove);
    const opa = await startOpa();
    undo.push(() => opa.stop());
    for (const [name, value] of Object.entries(policy.data)) await opa.putData(name, value);
    await opa.putPolicy('bench', policy.rego);
    const client = createOpaClient(opa.url);
    undo.push(() => client.stop());
    const opal = await startOpalStub(1);
    undo.push(() => opal.stop());
    const launchDarkly = await startLaunchDarkly();
    undo.push(() => launchDarkly.stop());
    const port = await freePort();
    const source = { type: 'opal', url: opal.url, advertisedAddress: `127.0.0.1:${port}`, opa: { url: opa.url } };
    const asked = { sentinels: ['data.bench.ready'], resync: '12h', watch: '1h' };
    const config = await writeLaunchDarkly(
      folder,
      port,
      { ...source, ...asked },
      launchDarkly,
      policy.toggles,
      environments,
    );
    const began = now();
    const program = await startProgram(config, port, 300_000);
    const took = now() - began;
    undo.push(() => program.stop());
    await opal.registered();
    const sdk = await launchDarkly.openSdk();
    const first = { ms: took, counts: await untilQuiet(launchDarkly) };
    return await act({
      policy,
      opa: client,
      opal,
      program,
      first,
      change: present => client.edit(present ? policy.add : policy.remove),
      async callbackToAnswer(present, timeoutMs) {
        const answered = sdk.until(policy.changing, member, present, timeoutMs);
        const sent = now();
        const [at] = await Promise.all([answered, opal.callback()]);
        return at - sent;
      },
      async requestsOf(action) {
        const before = await untilQuiet(launchDarkly);
        await action();
        const after = await untilQuiet(launchDarkly);
        return { reads: after.reads - before.reads, writes: after.writes - before.writes };
      },
    });
  } finally {
    for (const step of undo.toReversed()) await step();
  }
}

async function untilQuiet(launchDarkly: LaunchDarkly): Promise<Counts> {
  let seen = await launchDarkly.counts();
  let last = now();
  while (now() - last < QUIET_MS) {
    await pause(20);
    const counts = await launchDarkly.counts();
    if (counts.reads !== seen.reads || counts.writes !== seen.writes) last = now();
    seen = counts;
  }
  return seen;
}

/** `optoggles.yaml` (JSON is YAML) with one source `policy`, and a flag file for each toggle. Resolves to its path. */
export async function writeLaunchDarkly(
  folder: string,
  port: number,
  source: Readonly<Record<string, unknown>>,
  { url, token }: LaunchDarkly,
  toggles: readonly BenchToggle[],
  environments: readonly string[],
): Promise<string> {
  const config = {
    version: 1,
    instance: 'bench',
    bind: `127.0.0.1:${port}`,
    sources: [{ id: 'policy', ...source }],
    targets: [{ name: 'ld', type: 'launchdarkly', token, baseUrl: url, projKey: 'default', environments }],
    drift: { interval: '12h' },
  };
  const file = join(folder, 'optoggles.yaml');
  await writeFile(file, JSON.stringify(config));
  await mkdir(join(folder, 'flags'), { recursive: true });
  for (const { key, rule } of toggles) {
    const flag = {
      key,
      name: `Toggle ${key}`,
      owner: 'bench',
      type: 'permission',
      created: '2026-01-01',
      usersPolicy: { source: 'policy', package: 'bench', rule },
    };
    await writeFile(join(folder, 'flags', `${key}.yaml`), JSON.stringify(flag));
  }
  return file;
}
