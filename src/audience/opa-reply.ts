import { createHash } from 'node:crypto';
import type { HttpResponse } from '../lib/http-response.ts';
import { isPrintableJson } from './answer.ts';

const marker = Buffer.from('"result":');
/** A `decision_id` and what else stands before the result is far shorter. */
const longestHead = 4096;

/**
 * Hashes an answer while it arrives, from `"result":` on: with decision logs on, OPA puts a `decision_id` before it that
 * is new each time. Equal hashes are equal answers.
 */
export class ReplyHash {
  readonly #hash = createHash('sha256');
  /** What arrived before the marker was found. */
  #head: Buffer | undefined = Buffer.alloc(0);

  /** Takes the next piece of the body. */
  add(chunk: Buffer): void {
    if (this.#head === undefined) {
      this.#hash.update(chunk);
      return;
    }
    this.#head = this.#head.length === 0 ? chunk : Buffer.concat([this.#head, chunk]);
    const at = this.#head.indexOf(marker);
    if (at < 0 && this.#head.length < longestHead) return;
    this.#hash.update(at < 0 ? this.#head : this.#head.subarray(at));
    this.#head = undefined;
  }

  /** Hex; call once, after the last piece. */
  digest(): string {
    if (this.#head !== undefined) this.#hash.update(this.#head);
    return this.#hash.digest('hex');
  }
}

/** The result of an answer; `undefined` where it has none. `printable` as `answerOf` wants it. */
export interface Result {
  readonly value: unknown;
  readonly printable: boolean;
}

/** Takes the result out of a 200 of `/v1/data`. `null`: the body is not what OPA answers. */
export function resultOf(response: HttpResponse): Result | null {
  let body: unknown;
  try {
    body = response.json();
  } catch {
    return null;
  }
  if (body === null || typeof body !== 'object' || Array.isArray(body)) return null;
  if (!Object.hasOwn(body, 'result')) return { value: undefined, printable: false };
  return { value: (body as { result: unknown }).result, printable: isPrintableJson(response.bytes()) };
}

/**
 * What an error answer of OPA says, as far as it can be shown: its codes and places in the policy. Its messages quote
 * data (`parsing "alice": invalid syntax`). Empty where it says nothing.
 */
export function errorDetails(response: HttpResponse): string {
  let body: unknown;
  try {
    body = response.json();
  } catch {
    return '';
  }
  const error = (body as { errors?: unknown[] } | null)?.errors?.[0] ?? body;
  const { code, location } = (error ?? {}) as { code?: unknown; location?: unknown };
  const { file, row, col } = (location ?? {}) as { file?: unknown; row?: unknown; col?: unknown };
  const words: string[] = [];
  if (typeof code === 'string' && /^[a-z_]{1,60}$/.test(code)) words.push(code);
  if (typeof file === 'string' && /^[\x21-\x7e]{1,200}$/.test(file) && Number.isInteger(row) && Number.isInteger(col)) {
    words.push(`at ${file}:${String(row)}:${String(col)}`);
  }
  return words.join(' ');
}
