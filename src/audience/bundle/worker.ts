import { parentPort, workerData } from 'node:worker_threads';
import { ProblemError, toProblem } from '../../domain/problem.ts';
import { answerOf } from '../answer.ts';
import { type Mark, openBundle, readDocument, readSnapshot, type Snapshot, withDataFile } from './files.ts';
import { type Compiled, compilePolicy, entrypointKey, type Policy, startPolicy } from './policy.ts';
import type { Look, Reply, Request, Response, WorkerAnswer, WorkerSettings } from './protocol.ts';

// Runs in a thread of its own: a policy may compute for seconds, or for ever, and may eat all the memory it gets.

interface Loaded {
  readonly bundle: Mark;
  readonly file: Mark | undefined;
  readonly compiled: Compiled;
  readonly policy: Policy;
  readonly look: Look;
  /** What whole packages gave, by entrypoint and input. */
  readonly packages: Map<string, () => unknown>;
}

const settings = workerData as WorkerSettings;
let loaded: Loaded | undefined;

/** Loads what changed on disk. Contents are not kept beside the instance: they can be large. */
async function load(): Promise<Loaded> {
  const before = loaded;
  let bundle = await readBundle(before?.bundle);
  let file = await readData(before?.file);
  if (before !== undefined && bundle.hash === before.bundle.hash && file?.hash === before.file?.hash) {
    loaded = { ...before, bundle: markOf(bundle), file: file && markOf(file) };
    return loaded;
  }
  // The old instance goes first: two sets of data need not fit into the memory.
  loaded = undefined;
  if (bundle.files === undefined) bundle = await readBundle(undefined);
  if (file !== undefined && file.files === undefined) file = await readData(undefined);
  const content = await openBundle(bundle, settings.bundle.name);
  const document = file && readDocument(file.files?.get('') ?? new Uint8Array(), settings.data?.name ?? '');
  const compiled =
    before !== undefined && before.bundle.hash === bundle.hash
      ? before.compiled
      : await compilePolicy(content.wasm, settings.bundle.name);
  const policy = await startPolicy(compiled, withDataFile(content.data, document)?.bytes, settings.memory);
  const look = {
    stamp: `${bundle.hash} ${file?.hash ?? ''}`,
    revision: content.revision,
    dataUpdate: (file?.hash ?? bundle.hash).slice(0, 12),
    entrypoints: [...policy.entrypoints.values()].sort(),
  };
  loaded = { bundle: markOf(bundle), file: file && markOf(file), compiled, policy, look, packages: new Map() };
  return loaded;
}

function readBundle(before: Mark | undefined): Promise<Snapshot> {
  return readSnapshot(settings.folder, settings.bundle, 'The bundle', before);
}

async function readData(before: Mark | undefined): Promise<Snapshot | undefined> {
  return settings.data && (await readSnapshot(settings.folder, settings.data, 'The data file', before));
}

function markOf({ hash, marks }: Snapshot): Mark {
  return { hash, marks };
}

/** The entrypoint of the rule itself, else the nearest package above it. */
function ask({ policy, packages }: Loaded, request: Request & { kind: 'ask' }): WorkerAnswer {
  const path = [...request.package, request.rule];
  for (let length = path.length; length > 0; length--) {
    const entrypoint = policy.entrypoints.get(entrypointKey(path.slice(0, length)));
    if (entrypoint === undefined) continue;
    const rest = path.slice(length);
    const value = rest.length === 0 ? policy.evaluate(entrypoint, request.input, request.name) : whole(entrypoint);
    const answer = answerOf(rest.reduce(memberOf, value), request.name);
    if (answer.state === 'defined') return { state: 'defined', members: [...answer.members.values()] };
    return answer.state === 'failed' ? answer : { state: 'undefined', entrypoint: true };
  }
  return { state: 'undefined', entrypoint: false };

  function whole(entrypoint: string): unknown {
    const key = JSON.stringify([entrypoint, request.input ?? null, request.input === undefined]);
    const known = packages.get(key) ?? evaluated(() => policy.evaluate(entrypoint, request.input, request.name));
    packages.set(key, known);
    return known();
  }
}

/** The value, or the failure, to be had again without evaluating again. */
function evaluated(evaluate: () => unknown): () => unknown {
  try {
    const value = evaluate();
    return () => value;
  } catch (error) {
    return () => {
      throw error;
    };
  }
}

function memberOf(value: unknown, key: string): unknown {
  if (value === null || typeof value !== 'object' || Array.isArray(value) || !Object.hasOwn(value, key))
    return undefined;
  return (value as Readonly<Record<string, unknown>>)[key];
}

async function answer(request: Request): Promise<Response> {
  if (request.kind === 'look') return { look: (await load()).look };
  const current = loaded ?? (await load());
  try {
    return { look: current.look, answer: ask(current, request) };
  } catch (error) {
    if (!(error instanceof ProblemError)) throw error;
    // Where it broke off, the instance may be half-way through anything.
    if (error.problem.code === 'policy-failed' || error.problem.code === 'policy-memory') loaded = undefined;
    return { look: current.look, answer: { state: 'failed', error: error.problem } };
  }
}

let last: Promise<void> = Promise.resolve();
parentPort?.on('message', (request: Request) => {
  last = last.then(async () => {
    const reply: Reply = await answer(request).then(
      response => ({ response }),
      error => ({ problem: toProblem(error, 'bundle-failed') }),
    );
    parentPort?.postMessage(reply);
  });
});
