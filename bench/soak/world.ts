import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Opa, startOpa } from '../../test/peers/opa.ts';
import { freePort } from '../../test/support/free-port.ts';
import { type FakeOpal, startFakeOpal } from '../../test/support/fake-opal.ts';
import { type FaultProxy, openFaultProxy } from '../../test/support/fault-proxy.ts';
import { createFolder, writeFlags } from '../files.ts';
import { type Program, startProgram } from '../program.ts';
import { createModel, type Edit, type Model } from './model.ts';
import { type SoakTarget, startTarget } from './target.ts';

export interface SoakWorld {
  readonly model: Model;
  readonly opa: Opa;
  readonly opal: FakeOpal;
  /** Between the program and OPA, and between it and the target. */
  readonly opaWay: FaultProxy;
  readonly targetWay: FaultProxy;
  readonly target: SoakTarget;
  readonly program: Program;
  readonly url: string;
  /** ms from a change to the write that showed it; emptied by who reads it. */
  readonly latencies: number[];
  /** Puts a change into OPA, and reports it. */
  apply(edit: Edit): Promise<void>;
  /** Policy and all data, as after a start of OPA. */
  load(): Promise<void>;
}

const REGO = (toggles: readonly string[]) =>
  `package bench\nimport rego.v1\n\nready := true\n${toggles
    .map(toggle => `\n${toggle} contains name if some name, _ in data.members.${toggle}\n`)
    .join('')}`;

/** Builds it, runs `act` in it, takes it down whatever happens. */
export async function inSoakWorld<T>(seed: number, act: (world: SoakWorld) => Promise<T>): Promise<T> {
  const undo: (() => unknown)[] = [];
  try {
    const model = createModel(seed);
    const latencies: number[] = [];
    const { folder, remove } = await createFolder();
    undo.push(remove);
    const opa = await startOpa();
    undo.push(() => opa.stop());
    const opal = await startFakeOpal();
    undo.push(() => opal.close());
    const target = await startTarget((toggle, users) => latencies.push(...model.wrote(toggle, users)));
    undo.push(() => target.stop());
    const opaWay = await openFaultProxy(opa.port);
    const targetWay = await openFaultProxy(target.port);
    undo.push(() => Promise.all([opaWay.close(), targetWay.close()]));
    const port = await freePort();
    await writeFlags(
      folder,
      model.toggles.map(key => ({ key, rule: key })),
    );
    await writeConfig(folder, { port, opal: opal.port, opa: opaWay.port, target: targetWay.port });
    let turn: Promise<unknown> = Promise.resolve();
    // One at a time: an older edit must not overtake a newer one, or what was loaded.
    const inTurn = <R>(work: () => Promise<R>): Promise<R> => {
      const mine = turn.then(work);
      turn = mine.catch(() => {});
      return mine;
    };
    const load = () =>
      inTurn(async () => {
        await opa.putData('members', model.data());
        await opa.putPolicy('bench', REGO(model.toggles));
      });
    await load();
    const program = await startProgram(join(folder, 'optoggles.yaml'), port, 120_000);
    undo.push(() => program.stop());
    return await act({
      model,
      opa,
      opal,
      opaWay,
      targetWay,
      target,
      program,
      url: `http://127.0.0.1:${port}`,
      latencies,
      load,
      async apply({ toggle, member, present }) {
        const init = present
          ? { method: 'PUT', headers: { 'content-type': 'application/json' }, body: 'true' }
          : { method: 'DELETE' };
        // While OPA is down, changes are in the model only, and come with the load.
        const path = `${opa.url}/v1/data/members/${toggle}/${member}`;
        await inTurn(() => fetch(path, init).then(answer => answer.arrayBuffer())).catch(() => {});
        await opal.fire();
      },
    });
  } finally {
    for (const step of undo.toReversed()) await step();
  }
}

interface Ports {
  readonly port: number;
  readonly opal: number;
  readonly opa: number;
  readonly target: number;
}

async function writeConfig(folder: string, { port, opal, opa, target }: Ports): Promise<void> {
  const text = `version: 1
instance: soak
bind: "127.0.0.1:${port}"
sources:
  - id: policy
    type: opal
    url: http://127.0.0.1:${opal}
    advertisedAddress: "127.0.0.1:${port}"
    opa: { url: "http://127.0.0.1:${opa}" }
    sentinels: [data.bench.ready]
    resync: 1m
    watch: 5s
targets:
  - { name: rest, type: restapi, endpointUrl: "http://127.0.0.1:${target}/toggles", environment: production, read: false }
drift: { interval: 1m }
`;
  await writeFile(join(folder, 'optoggles.yaml'), text);
}
