import { gunzipSync } from 'node:zlib';

/** An answer read to its end. */
export class HttpResponse {
  readonly status: number;
  readonly #headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly #chunks: readonly Buffer[];
  #whole: Buffer | undefined;

  constructor(
    status: number,
    headers: Readonly<Record<string, string | string[] | undefined>>,
    chunks: readonly Buffer[],
  ) {
    this.status = status;
    this.#headers = headers;
    this.#chunks = chunks;
  }

  /** True for 200 to 299. */
  get ok(): boolean {
    return this.status >= 200 && this.status < 300;
  }

  /** By lower-case name; the first, where the header came several times. */
  header(name: string): string | undefined {
    const value = this.#headers[name];
    return Array.isArray(value) ? value[0] : value;
  }

  /** The body as it came. Joined on the first call only: who knows its hash already may never ask. */
  bytes(): Buffer {
    const [first, ...rest] = this.#chunks;
    this.#whole ??= first !== undefined && rest.length === 0 ? first : Buffer.concat(this.#chunks);
    return this.#whole;
  }

  /** The body as UTF-8. */
  text(): string {
    return this.bytes().toString('utf8');
  }

  /** The body as JSON. Throws a SyntaxError, whose message quotes the body: do not show it. */
  json(): unknown {
    return JSON.parse(this.text());
  }
}

/** Unpacks a gzip body. Throws a RangeError when it would be larger than `maxBytes`. */
export function gunzip(body: Buffer, maxBytes: number): Buffer {
  return gunzipSync(body, { maxOutputLength: maxBytes });
}
