import { startOpa } from '../test/peers/opa.ts';
import { freePort } from '../test/support/free-port.ts';
import { now } from './clock.ts';
import { createFolder, writeConfig, writeFlags } from './files.ts';
import { createOpaClient, type OpaClient } from './opa-client.ts';
import { type OpalStub, startOpalStub } from './opal-stub.ts';
import type { BenchPolicy } from './policies.ts';
import { type Program, startProgram } from './program.ts';
import { type Sink, startSink } from './sink.ts';

/** Everything that a case runs: real OPA, a callback registry, the REST target and the program, each a process of its own. */
export interface World {
  readonly policy: BenchPolicy;
  readonly opa: OpaClient;
  readonly opal: OpalStub;
  readonly sink: Sink;
  readonly program: Program;
  /** Adds or removes the one member in OPA; nobody is told. */
  change(present: boolean): Promise<void>;
  /** A callback, and the write that follows: ms from sending until the target had read all of it. */
  callbackToWrite(timeoutMs: number): Promise<number>;
  /** Throws when the target does not hold what policy says. */
  verify(present: boolean): Promise<void>;
}

/** Builds a world, lets `act` measure in it, and takes it down whatever happens. */
export async function inWorld<T>(
  policy: BenchPolicy,
  act: (world: World) => Promise<T>,
  { callbacksAtOnce = 1, startMs = 180_000 }: { callbacksAtOnce?: number; startMs?: number } = {},
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
    const opal = await startOpalStub(callbacksAtOnce);
    undo.push(() => opal.stop());
    const sink = await startSink();
    undo.push(() => sink.stop());
    const port = await freePort();
    await writeFlags(folder, policy.toggles);
    const config = await writeConfig(folder, { port, opal: opal.url, opa: opa.url, sink: sink.url });
    const program = await startProgram(config, port, startMs);
    undo.push(() => program.stop());
    await opal.registered();
    return await act({
      policy,
      opa: client,
      opal,
      sink,
      program,
      change: present => client.edit(present ? policy.add : policy.remove),
      async callbackToWrite(timeoutMs) {
        const written = sink.next(policy.changing, timeoutMs);
        const began = now();
        const [write] = await Promise.all([written, opal.callback()]);
        return write.at - began;
      },
      async verify(present) {
        const { count, holds } = await sink.users(policy.changing, 'zz-extra');
        const wanted = policy.members + (present ? 1 : 0);
        if (count !== wanted || holds !== present) {
          throw new Error(`the target holds ${count} users of ${policy.changing}, policy says ${wanted}`);
        }
      },
    });
  } finally {
    for (const step of undo.toReversed()) await step();
  }
}
