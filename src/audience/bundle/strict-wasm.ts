/**
 * OPA compiles most builtins to functions inside the wasm; where one fails (`to_number("x")`, `1 / 0`, a cut JSON text)
 * its function returns 0, the rule goes on as undefined, and a set comes out empty as if nobody were meant. OPA's own
 * `strict-builtin-errors` does not exist there. So the module is changed before it runs: each such function moves to the
 * end, and its old place calls it and notes a result of 0 in a global that is read after the evaluation.
 * Names: `builtinsFunctions` in OPA's internal/compiler/wasm/wasm.go (1.22); results: wasm/src/*.c.
 */
const failing: Readonly<Record<string, string>> = {
  opa_arith_plus: 'plus',
  opa_arith_minus: 'minus',
  opa_arith_multiply: 'mul',
  opa_arith_divide: 'div',
  opa_arith_abs: 'abs',
  opa_arith_round: 'round',
  opa_arith_ceil: 'ceil',
  opa_arith_floor: 'floor',
  opa_arith_rem: 'rem',
  opa_array_concat: 'array.concat',
  opa_array_flatten: 'array.flatten',
  opa_array_reverse: 'array.reverse',
  opa_array_slice: 'array.slice',
  opa_set_diff: 'minus',
  opa_set_intersection: 'and',
  opa_set_union: 'or',
  opa_sets_intersection: 'intersection',
  opa_sets_union: 'union',
  opa_bits_or: 'bits.or',
  opa_bits_and: 'bits.and',
  opa_bits_negate: 'bits.negate',
  opa_bits_xor: 'bits.xor',
  opa_bits_shiftleft: 'bits.lsh',
  opa_bits_shiftright: 'bits.rsh',
  opa_agg_count: 'count',
  opa_agg_sum: 'sum',
  opa_agg_product: 'product',
  opa_agg_max: 'max',
  opa_agg_min: 'min',
  opa_agg_sort: 'sort',
  opa_agg_all: 'all',
  opa_agg_any: 'any',
  opa_base64_is_valid: 'base64.is_valid',
  opa_base64_decode: 'base64.decode',
  opa_base64_encode: 'base64.encode',
  opa_base64_url_encode: 'base64url.encode',
  opa_base64_url_decode: 'base64url.decode',
  opa_cidr_contains: 'net.cidr_contains',
  opa_cidr_intersects: 'net.cidr_intersects',
  opa_glob_match: 'glob.match',
  opa_json_marshal: 'json.marshal',
  opa_json_unmarshal: 'json.unmarshal',
  opa_json_is_valid: 'json.is_valid',
  builtin_object_filter: 'object.filter',
  builtin_object_get: 'object.get',
  builtin_object_keys: 'object.keys',
  builtin_object_remove: 'object.remove',
  builtin_object_union: 'object.union',
  builtin_object_union_n: 'object.union_n',
  opa_strings_concat: 'concat',
  opa_strings_format_int: 'format_int',
  opa_strings_indexof: 'indexof',
  opa_strings_substring: 'substring',
  opa_strings_lower: 'lower',
  opa_strings_upper: 'upper',
  opa_strings_contains: 'contains',
  opa_strings_startswith: 'startswith',
  opa_strings_endswith: 'endswith',
  opa_strings_any_prefix_match: 'strings.any_prefix_match',
  opa_strings_any_suffix_match: 'strings.any_suffix_match',
  opa_strings_reverse: 'strings.reverse',
  opa_strings_split: 'split',
  opa_strings_replace: 'replace',
  opa_strings_replace_n: 'strings.replace_n',
  opa_strings_trim: 'trim',
  opa_strings_trim_left: 'trim_left',
  opa_strings_trim_prefix: 'trim_prefix',
  opa_strings_trim_right: 'trim_right',
  opa_strings_trim_suffix: 'trim_suffix',
  opa_strings_trim_space: 'trim_space',
  opa_numbers_range: 'numbers.range',
  opa_to_number: 'to_number',
  opa_template_string: 'a template string',
  builtin_graph_reachable: 'graph.reachable',
  opa_regex_is_valid: 'regex.is_valid',
  opa_regex_match: 'regex.match',
  opa_regex_find_all_string_submatch: 'regex.find_all_string_submatch_n',
  builtin_json_remove: 'json.remove',
  builtin_json_filter: 'json.filter',
};

/** Their 0 for an empty array or set is Rego's undefined, no error; only another argument is one. */
const undefinedWhenEmpty: ReadonlySet<string> = new Set(['opa_agg_max', 'opa_agg_min']);
const opaArray = 5;
const opaSet = 7;

/** The exported global that `strictWasm` adds: 0, or 1 + the index in `builtins` of the builtin that failed last. */
export const failedGlobal = 'optoggles_failed_builtin';

export interface StrictWasm {
  readonly wasm: Uint8Array<ArrayBuffer>;
  /** Rego's names of the watched builtins. */
  readonly builtins: readonly string[];
  /** How much memory (in pages of 64 KiB) the module wants at least. */
  readonly pages: number;
}

const sectionId = { custom: 0, type: 1, import: 2, function: 3, global: 6, export: 7, code: 10 } as const;
// The order in which sections must stand, where one has to be added.
const order = [1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 10, 11];

interface Section {
  readonly id: number;
  readonly bytes: Uint8Array;
}

/**
 * The same module, telling of builtins that fail. Undefined: the module has no function names (they were stripped), so
 * nobody could tell a failed builtin from an empty answer. Throws a RangeError for what is no wasm module.
 */
export function strictWasm(wasm: Uint8Array): StrictWasm | undefined {
  const sections = readSections(wasm);
  const names = functionNames(sections);
  if (names.size === 0) return undefined;
  const types = readTypes(only(sections, sectionId.type));
  const imports = readImports(only(sections, sectionId.import));
  const imported = imports.filter(({ kind }) => kind === 0x00).length;
  const functions = readVector(only(sections, sectionId.function), reader => reader.number());
  const bodies = readVector(only(sections, sectionId.code), reader => reader.bytes(reader.number()));
  const globals = only(sections, sectionId.global);
  const flag = globals === undefined ? 0 : new Reader(globals).number();

  const builtins: string[] = [];
  const added: number[] = [];
  const moved: Uint8Array[] = [];
  for (const [index, name] of names) {
    const builtin = Object.hasOwn(failing, name) ? failing[name] : undefined;
    const own = index - imported;
    const type = functions[own];
    const body = bodies[own];
    if (builtin === undefined || type === undefined || body === undefined || types[type]?.result !== 'i32') continue;
    builtins.push(builtin);
    added.push(type);
    moved.push(body);
    const movedTo = imported + functions.length + moved.length - 1;
    bodies[own] = watcher(types[type].params, movedTo, flag, builtins.length, undefinedWhenEmpty.has(name));
  }

  const replaced = new Map<number, Uint8Array>([
    [sectionId.function, vector([...functions, ...added].map(leb))],
    [sectionId.code, vector([...bodies, ...moved].map(body => join([leb(body.length), body])))],
    // (global (mut i32) (i32.const 0))
    [sectionId.global, extended(globals, Uint8Array.of(0x7f, 0x01, 0x41, 0x00, 0x0b))],
    [
      sectionId.export,
      extended(only(sections, sectionId.export), join([text(failedGlobal), Uint8Array.of(0x03), leb(flag)])),
    ],
  ]);
  return {
    wasm: writeSections(wasm.subarray(0, 8), sections, replaced),
    builtins,
    pages: imports.find(({ kind }) => kind === 0x02)?.atLeast ?? 0,
  };
}

/** A function body: calls `target` with its own parameters and notes `id` in the global `flag` when that gives 0. */
function watcher(params: number, target: number, flag: number, id: number, emptyIsFine: boolean): Uint8Array {
  const result = leb(params);
  const typeOfFirst = [0x20, 0x00, 0x2d, 0x00, 0x00];
  const code: number[] = [0x01, 0x01, 0x7f];
  for (let index = 0; index < params; index++) code.push(0x20, ...leb(index));
  code.push(0x10, ...leb(target), 0x22, ...result, 0x45);
  if (emptyIsFine) {
    for (const type of [opaArray, opaSet]) code.push(...typeOfFirst, 0x41, type, 0x47, 0x71);
  }
  code.push(0x04, 0x40, 0x41, ...signedLeb(id), 0x24, ...leb(flag), 0x0b, 0x20, ...result, 0x0b);
  return Uint8Array.from(code);
}

function readSections(wasm: Uint8Array): readonly Section[] {
  const magic = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];
  if (magic.some((byte, index) => wasm[index] !== byte)) throw new RangeError('not a WebAssembly module');
  const reader = new Reader(wasm.subarray(8));
  const sections: Section[] = [];
  while (!reader.done) sections.push({ id: reader.byte(), bytes: reader.bytes(reader.number()) });
  return sections;
}

function writeSections(head: Uint8Array, sections: readonly Section[], replaced: ReadonlyMap<number, Uint8Array>) {
  const left = new Map(replaced);
  const parts: Uint8Array[] = [head];
  const write = (id: number, bytes: Uint8Array) => parts.push(Uint8Array.of(id), leb(bytes.length), bytes);
  for (const { id, bytes } of sections) {
    if (id !== sectionId.custom) {
      for (const [missing, content] of left) {
        if (order.indexOf(missing) >= order.indexOf(id)) continue;
        write(missing, content);
        left.delete(missing);
      }
    }
    write(id, left.get(id) ?? bytes);
    left.delete(id);
  }
  return join(parts);
}

function only(sections: readonly Section[], id: number): Uint8Array | undefined {
  return sections.find(section => section.id === id)?.bytes;
}

function functionNames(sections: readonly Section[]): ReadonlyMap<number, string> {
  const names = new Map<number, string>();
  for (const { id, bytes } of sections) {
    if (id !== sectionId.custom) continue;
    const reader = new Reader(bytes);
    if (reader.text() !== 'name') continue;
    while (!reader.done) {
      const kind = reader.byte();
      const part = new Reader(reader.bytes(reader.number()));
      if (kind !== 1) continue;
      for (let left = part.number(); left > 0; left--) names.set(part.number(), part.text());
    }
  }
  return names;
}

function readTypes(bytes: Uint8Array | undefined) {
  return readVector(bytes, reader => {
    reader.byte();
    const params = reader.bytes(reader.number());
    const results = reader.bytes(reader.number());
    return { params: params.length, result: results.length === 1 && results[0] === 0x7f ? 'i32' : 'other' } as const;
  });
}

/** Kinds: 0 function, 1 table, 2 memory, 3 global. `atLeast`: of tables and memories. */
function readImports(bytes: Uint8Array | undefined) {
  return readVector(bytes, reader => {
    reader.text();
    reader.text();
    const kind = reader.byte();
    let atLeast = 0;
    if (kind === 0x00) reader.number();
    else if (kind === 0x03) reader.bytes(2);
    else {
      if (kind === 0x01) reader.byte();
      const bounded = (reader.byte() & 1) === 1;
      atLeast = reader.number();
      if (bounded) reader.number();
    }
    return { kind, atLeast };
  });
}

function readVector<T>(bytes: Uint8Array | undefined, read: (reader: Reader) => T): T[] {
  if (bytes === undefined) return [];
  const reader = new Reader(bytes);
  return Array.from({ length: reader.number() }, () => read(reader));
}

class Reader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get done(): boolean {
    return this.#at >= this.#bytes.length;
  }

  byte(): number {
    const byte = this.#bytes[this.#at++];
    if (byte === undefined) throw new RangeError('a WebAssembly module that ends in the middle');
    return byte;
  }

  /** Unsigned LEB128, at most 32 bits. */
  number(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.byte();
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) break;
    }
    return value >>> 0;
  }

  bytes(length: number): Uint8Array {
    if (length > this.#bytes.length - this.#at) throw new RangeError('a WebAssembly module that ends in the middle');
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  rest(): Uint8Array {
    return this.#bytes.subarray(this.#at);
  }

  text(): string {
    return Buffer.from(this.bytes(this.number())).toString('utf8');
  }
}

function leb(value: number): Uint8Array {
  const bytes: number[] = [];
  let left = value;
  do {
    const low = left & 0x7f;
    left >>>= 7;
    bytes.push(left === 0 ? low : low | 0x80);
  } while (left !== 0);
  return Uint8Array.from(bytes);
}

/** For positive numbers: the last byte must not look negative. */
function signedLeb(value: number): Uint8Array {
  const bytes = leb(value);
  const last = bytes[bytes.length - 1] as number;
  return (last & 0x40) === 0 ? bytes : join([bytes.subarray(0, -1), Uint8Array.of(last | 0x80, 0x00)]);
}

function text(value: string): Uint8Array {
  const bytes = Buffer.from(value, 'utf8');
  return join([leb(bytes.length), bytes]);
}

function vector(items: readonly Uint8Array[]): Uint8Array {
  return join([leb(items.length), ...items]);
}

/** A vector's bytes with one item more. */
function extended(bytes: Uint8Array | undefined, item: Uint8Array): Uint8Array {
  if (bytes === undefined) return vector([item]);
  const reader = new Reader(bytes);
  return join([leb(reader.number() + 1), reader.rest(), item]);
}

function join(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
