import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { openBundle } from '../../../src/audience/bundle/files.ts';
import { compilePolicy, type Policy, startPolicy } from '../../../src/audience/bundle/policy.ts';
import { strictWasm } from '../../../src/audience/bundle/strict-wasm.ts';
import { ProblemError } from '../../../src/domain/problem.ts';

const fixtures = join(import.meta.dirname, 'fixtures');

async function wasmOf(name: string): Promise<Uint8Array> {
  const files = new Map([['', await readFile(join(fixtures, `${name}.tar.gz`))]]);
  return (await openBundle({ hash: '', marks: '', files }, name)).wasm;
}

const recorded = JSON.parse(await readFile(join(fixtures, 'builtins.answers.json'), 'utf8')) as Record<string, unknown>;

// Where compiled policies differ from OPA and nobody can help it: never an empty answer instead of an error.
const known: Readonly<Record<string, unknown>> = {
  // The wasm of OPA answers where OPA itself fails.
  x_idx_empty: [0],
  x_oun_ok: 'failed',
  x_spr_bad: 'failed',
  // Not there at all.
  x_apm_ok: 'failed',
};

describe('strict builtin errors in a compiled policy', () => {
  let policy: Policy;
  beforeAll(async () => {
    const data = await readFile(join(fixtures, 'builtins.data.json'));
    policy = await startPolicy(await compilePolicy(await wasmOf('builtins'), 'builtins'), data, 512);
  });

  const answer = (rule: string): unknown => {
    try {
      return policy.evaluate(`t/${rule}`, undefined, rule) ?? 'undefined';
    } catch (error) {
      if (error instanceof ProblemError && error.problem.hint !== undefined) return 'failed';
      throw error;
    }
  };
  const sorted = (value: unknown) => (Array.isArray(value) ? value.map(one => JSON.stringify(one)).sort() : value);

  it.each(Object.entries(recorded))('%s is what OPA answers', (rule, value) => {
    expect(sorted(answer(rule))).toEqual(sorted(known[rule] ?? value));
  });

  it('has both kinds to compare', () => {
    const values = Object.values(recorded);
    expect(values.filter(value => value === 'failed').length).toBeGreaterThan(60);
    expect(values.filter(value => value !== 'failed').length).toBeGreaterThan(40);
  });

  it.each([
    ['x_div0', 'policy-builtin-failed', 'x_div0: the builtin div failed.'],
    ['x_yaml_bad', 'policy-builtin-failed', 'x_yaml_bad: the builtin yaml.unmarshal failed.'],
    [
      'x_apm_ok',
      'policy-builtin-missing',
      'x_apm_ok: the builtin strings.any_prefix_match does not exist in compiled policies here.',
    ],
  ])('%s says which builtin it was', (rule, code, message) => {
    const call = () => policy.evaluate(`t/${rule}`, undefined, rule);
    expect(call).toThrow(ProblemError);
    try {
      call();
    } catch (error) {
      expect((error as ProblemError).problem).toMatchObject({ code, message });
    }
  });

  it('forgets a failure with the next evaluation', () => {
    expect(answer('x_div0')).toBe('failed');
    expect(answer('x_plus_ok')).toEqual([3]);
  });
});

describe('strictWasm', () => {
  it('tells a module without function names apart', async () => {
    const wasm = await wasmOf('odd');
    const module = await (
      globalThis as unknown as { WebAssembly: { compile(b: Uint8Array): Promise<object> } }
    ).WebAssembly.compile(wasm);
    expect(module).toBeDefined();
    expect(strictWasm(withoutNames(wasm))).toBeUndefined();
    await expect(compilePolicy(withoutNames(wasm), 'p')).rejects.toMatchObject({
      problem: { code: 'bundle-stripped' },
    });
  });

  it.each([
    ['nothing', Uint8Array.of()],
    ['text', Buffer.from('package app.rbac')],
    ['a cut module', undefined],
  ])('refuses %s', async (_what, bytes) => {
    const wasm = bytes ?? (await wasmOf('odd')).subarray(0, 5000);
    await expect(compilePolicy(wasm, 'p')).rejects.toMatchObject({ problem: { code: 'bundle-broken' } });
  });
});

/** The module without its custom sections. */
function withoutNames(wasm: Uint8Array): Uint8Array {
  const kept: Uint8Array[] = [wasm.subarray(0, 8)];
  for (let at = 8; at < wasm.length; ) {
    let length = 0;
    let end = at + 1;
    for (let shift = 0; ; shift += 7) {
      const byte = wasm[end++] as number;
      length |= (byte & 0x7f) << shift;
      if (byte < 0x80) break;
    }
    end += length;
    if (wasm[at] !== 0) kept.push(wasm.subarray(at, end));
    at = end;
  }
  return Buffer.concat(kept);
}
