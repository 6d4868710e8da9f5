import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Undo } from '../peers/stack.ts';
import { type FaultProxy, openFaultProxy } from '../support/fault-proxy.ts';
import { type Data, type Policy, startOpalPolicy, startPlainPolicy } from './policy.ts';
import { type Program, startProgram } from './program.ts';
import { type ListName, lists, rules, type Schedule, targets, type ToggleKey, toggles } from './schedule.ts';
import { startTargets, type Targets } from './target.ts';
import { Truth } from './truth.ts';

/** In every member's name, so that one search finds any of them. */
export const memberCanary = 'canary-member';

/** Everything that a seed runs: the program, policy and targets, each behind a network that fails. */
export interface World {
  readonly truth: Truth;
  readonly policy: Policy;
  readonly targets: Targets;
  readonly opa: FaultProxy;
  readonly opal: FaultProxy;
  readonly program: Program;
}

export function memberName(list: ListName, index: number): string {
  return `${memberCanary}-${list}-${String(index).padStart(4, '0')}`;
}

/** A flag file; JSON is YAML. */
export function flagText(key: ToggleKey, state: 'on' | 'off' = 'on'): string {
  const flag = {
    key,
    name: `The feature ${key}`,
    owner: 'team-growth',
    type: 'permission',
    created: '2026-11-01',
    state,
    usersPolicy: { source: 'policy', package: 'app.rbac', rule: rules[key] },
  };
  return `${JSON.stringify(flag, null, 2)}\n`;
}

/** Builds one. `main`: the program to run, where it is not the sources. */
export async function startWorld(
  undo: Undo,
  schedule: Schedule,
  broken: (what: string) => void,
  main: string | undefined,
): Promise<World> {
  const start = Object.fromEntries(
    lists.map(list => [list, Array.from({ length: schedule.members }, (_, index) => memberName(list, index))]),
  ) as unknown as Data;
  const sets = Object.fromEntries(lists.map(list => [list, new Set(start[list])])) as Record<ListName, Set<string>>;
  const truth = new Truth(sets);
  const policy = await (schedule.opal ? startOpalPolicy : startPlainPolicy)(undo, start);
  const opa = await openFaultProxy(policy.opaPort);
  undo.later(() => opa.close());
  const opal = await openFaultProxy(policy.opalPort);
  undo.later(() => opal.close());
  const judged = await startTargets(undo, truth, broken);
  const folder = await mkdtemp(join(tmpdir(), 'optoggles-campaign-'));
  undo.later(() => rm(folder, { recursive: true, force: true }));
  const config = (port: number) => ({
    version: 1,
    instance: 'campaign',
    bind: `127.0.0.1:${port}`,
    callbackSecret: '${CALLBACK_SECRET}',
    adminTokens: [{ name: 'oncall', token: '${ADMIN_TOKEN}' }],
    sources: [
      {
        id: 'policy',
        type: 'opal',
        url: `http://127.0.0.1:${opal.port}`,
        token: '${OPAL_TOKEN}',
        advertisedAddress: `127.0.0.1:${port}`,
        opa: { url: `http://127.0.0.1:${opa.port}`, token: '${OPA_TOKEN}' },
        resync: '4s',
        watch: '1s',
        ...(schedule.sentinels && { sentinels: lists.map(list => `data.people.${list}`) }),
        limits: { answerTime: '3s' },
      },
    ],
    targets: targets.map(name => ({
      name,
      type: 'restapi',
      endpointUrl: `http://127.0.0.1:${judged.byName[name].way.port}/toggles`,
      extraHeaders: { Authorization: 'Bearer ${TARGET_TOKEN}' },
      environment: 'production',
      read: true,
      timeout: '2s',
    })),
    drift: { interval: '3s' },
  });
  const program = await startProgram(
    folder,
    port => ({
      'optoggles.yaml': `${JSON.stringify(config(port), null, 2)}\n`,
      ...Object.fromEntries(toggles.map(key => [`flags/${key}.yaml`, flagText(key)])),
    }),
    main,
  );
  undo.later(() => program.kill());
  return { truth, policy, targets: judged, opa, opal, program };
}
