import { loadPolicy } from '@open-policy-agent/opa-wasm';
import { failedGlobal, strictWasm } from './strict-wasm.ts';
import { type Problem, ProblemError } from '../../domain/problem.ts';
import type { Json } from '../../domain/json.ts';

// What is used of WebAssembly's own interface; Node's types leave it to the browser's.
type WasmFunction = (...parameters: readonly number[]) => number;
interface WasmInstance {
  readonly exports: Readonly<Record<string, WasmFunction | undefined>>;
}
interface WasmApi {
  compile(bytes: Uint8Array<ArrayBuffer>): Promise<object>;
  instantiate: (module: object, imports: { readonly env: Record<string, unknown> }) => Promise<WasmInstance>;
}
const api = (globalThis as unknown as { WebAssembly: WasmApi }).WebAssembly;

/** A compiled policy, ready to be given data any number of times. */
export interface Compiled {
  readonly module: object;
  readonly builtins: readonly string[];
  readonly pages: number;
}

/** Compiles a bundle's wasm. `name` is the bundle's name in messages. Throws a ProblemError for what is no policy. */
export async function compilePolicy(wasm: Uint8Array, name: string): Promise<Compiled> {
  const strict = readStrictly(wasm, name);
  try {
    return { module: await api.compile(strict.wasm), builtins: strict.builtins, pages: strict.pages };
  } catch (error) {
    throw new ProblemError(notWasm(name), { cause: error });
  }
}

function readStrictly(wasm: Uint8Array, name: string) {
  try {
    const strict = strictWasm(wasm);
    if (strict !== undefined) return strict;
  } catch (error) {
    throw new ProblemError(notWasm(name), { cause: error });
  }
  throw new ProblemError({
    code: 'bundle-stripped',
    message: `The policy.wasm of ${name} has no function names, so a failing builtin could not be told from an empty answer.`,
    hint: 'Use the file as opa build writes it, not optimized or stripped by another tool.',
  });
}

function notWasm(name: string): Problem {
  return {
    code: 'bundle-broken',
    message: `The policy.wasm of ${name} is no WebAssembly module.`,
    hint: 'Build it again with opa build -t wasm.',
  };
}

/** One wasm instance with its data. Thrown away when the data changes. */
export interface Policy {
  /** `app/rbac/us_users`, by `entrypointKey` of its segments. */
  readonly entrypoints: ReadonlyMap<string, string>;
  /**
   * The value of an entrypoint; undefined = no result. `name` is how messages call it. Throws a ProblemError for what
   * OPA would fail at with strict builtin errors, and for builtins that are not there.
   */
  evaluate(entrypoint: string, input: Json | undefined, name: string): unknown;
}

const pageBytes = 65_536;
const mostPages = 65_536;
const packagePages = 5;

/** An instance that may use `memory` MiB. `data` is the text of a JSON object. Throws a ProblemError. */
export async function startPolicy(compiled: Compiled, data: Uint8Array | undefined, memory: number): Promise<Policy> {
  const initial = Math.max(compiled.pages, packagePages);
  const maximum = Math.max(initial, Math.min(mostPages, Math.floor((memory * 1024 * 1024) / pageBytes)));
  const seen: Watch = { instance: undefined, names: new Map(), failed: undefined };
  const policy = await withWatchedBuiltins(seen, () => loadPolicy(compiled.module as never, { initial, maximum }, {}));
  const instance = seen.instance;
  const flag = instance?.exports[failedGlobal] as unknown as { value: number } | undefined;
  if (instance === undefined || flag === undefined) throw new Error('the policy came without its instance');
  seen.names = builtinNames(instance, policy.mem as { readonly buffer: ArrayBuffer });
  const failing = (name: string, call: () => unknown) => {
    flag.value = 0;
    seen.failed = undefined;
    try {
      const value = call();
      if (flag.value !== 0) throw new ProblemError(failedBuiltin(compiled.builtins[flag.value - 1] ?? 'unknown', name));
      if (seen.failed !== undefined) throw new ProblemError(failedBuiltin(seen.failed, name));
      return value;
    } catch (error) {
      throw error instanceof ProblemError
        ? error
        : new ProblemError(thrown(error, seen.failed, name, memory), { cause: error });
    }
  };
  if (data !== undefined) failing('the data', () => policy.setData(exactBuffer(data)));
  return {
    entrypoints: new Map(
      Object.keys(policy.entrypoints as object).map(name => [entrypointKey(segmentsOf(name)), name]),
    ),
    evaluate(entrypoint, input, name) {
      // As text: the package takes false, 0 and null for no input at all.
      const text = input === undefined ? undefined : exactBuffer(Buffer.from(JSON.stringify(input)));
      const results = failing(name, () => policy.evaluate(text, entrypoint)) as readonly { readonly result: unknown }[];
      return results[0]?.result;
    },
  };
}

/** Names a path whatever its segments hold. */
export function entrypointKey(segments: readonly string[]): string {
  return JSON.stringify(segments);
}

/** OPA writes an entrypoint as a path with its segments percent-encoded. */
function segmentsOf(entrypoint: string): readonly string[] {
  try {
    return entrypoint.split('/').map(decodeURIComponent);
  } catch {
    return [entrypoint];
  }
}

interface Watch {
  instance: WasmInstance | undefined;
  names: ReadonlyMap<number, string>;
  /** Rego's name of the builtin outside the wasm that failed. */
  failed: string | undefined;
}

/**
 * The package makes the imports of the module itself, and hides when a builtin of its own gave nothing. So they are
 * wrapped on their way into the instance: nothing counts as a failure, and `print` stays silent (it could print names).
 */
function withWatchedBuiltins<T>(seen: Watch, load: () => Promise<T>): Promise<T> {
  const { instantiate } = api;
  api.instantiate = async (module, imports) => {
    for (let arity = 0; arity <= 4; arity++) {
      const call = imports.env[`opa_builtin${arity}`] as (...parameters: readonly number[]) => number;
      imports.env[`opa_builtin${arity}`] = (id: number, ...parameters: readonly number[]) => {
        const outer = seen.failed;
        seen.failed = seen.names.get(id) ?? 'unknown';
        const result = call(id, ...parameters);
        if (result !== 0) seen.failed = outer;
        return result;
      };
    }
    imports.env['opa_println'] = () => {};
    seen.instance = await instantiate(module, imports);
    return seen.instance;
  };
  try {
    // The package instantiates before it first waits, so nobody else sees the wrapped function.
    return load();
  } finally {
    api.instantiate = instantiate;
  }
}

function builtinNames(instance: WasmInstance, memory: { readonly buffer: ArrayBuffer }): ReadonlyMap<number, string> {
  const { builtins, opa_json_dump: dump } = instance.exports;
  if (builtins === undefined || dump === undefined) return new Map();
  const from = dump(builtins());
  const bytes = Buffer.from(memory.buffer);
  const ids = JSON.parse(bytes.toString('utf8', from, bytes.indexOf(0, from))) as Readonly<Record<string, number>>;
  return new Map(Object.entries(ids).map(([name, id]) => [id, name]));
}

function exactBuffer(bytes: Uint8Array): ArrayBuffer {
  return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer;
}

function failedBuiltin(builtin: string, name: string): Problem {
  return {
    code: 'policy-builtin-failed',
    message: `${name}: the builtin ${builtin} failed.`,
    hint: 'Let the rule handle what the builtin cannot, or correct the data.',
  };
}

/** What was thrown out of the wasm. Messages of builtins may quote data, so only OPA's own aborts are passed on. */
function thrown(error: unknown, builtin: string | undefined, name: string, memory: number): Problem {
  const text = error instanceof Error ? '' : typeof error === 'string' ? error : textOf(error);
  const missing = /^not implemented: built-in function [0-9]+: ([a-z0-9_.]+)$/.exec(text)?.[1];
  if (missing !== undefined) {
    return {
      code: 'policy-builtin-missing',
      message: `${name}: the builtin ${missing} does not exist in compiled policies here.`,
      hint: 'Put what it would yield into the data, or ask a running OPA (a source of type opa).',
    };
  }
  if (builtin !== undefined) return failedBuiltin(builtin, name);
  if (text.includes('malloc') || error instanceof RangeError) {
    return {
      code: 'policy-memory',
      message: `${name}: the evaluation needs more than ${memory} MiB.`,
      hint: 'Raise limits.memory of the source, or make the data smaller.',
    };
  }
  return {
    code: 'policy-failed',
    message: text === '' ? `${name}: the evaluation broke off.` : `${name}: the evaluation broke off: ${text}.`,
    hint: 'Evaluate the rule with opa eval to see why.',
  };
}

function textOf(error: unknown): string {
  return error !== null && typeof error === 'object' && 'message' in error ? String(error.message) : '';
}
