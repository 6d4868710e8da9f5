/** More than was expected by so much (bytes) still fits in. */
const slack = 65_536;

/**
 * Collects the pieces of a body. Where its size is known beforehand, about, they are put into one buffer as they come in,
 * while the other side still sends: joining 30 MB at the end costs time when nobody does anything else.
 */
export class Pieces {
  readonly #whole: Buffer | undefined;
  readonly #rest: Buffer[] = [];
  #filled = 0;
  /** Bytes so far. */
  size = 0;

  /** `expected`: bytes. */
  constructor(expected: number | undefined) {
    // Not of the pool, and not cleared: every byte that is shown was written.
    this.#whole = expected === undefined ? undefined : Buffer.allocUnsafeSlow(expected + slack);
  }

  add(chunk: Buffer): void {
    this.size += chunk.length;
    if (this.#rest.length === 0 && this.#whole && this.#filled + chunk.length <= this.#whole.length) {
      this.#filled += chunk.copy(this.#whole, this.#filled);
    } else this.#rest.push(chunk);
  }

  /** All of them in their order; with a good guess only one. */
  all(): Buffer[] {
    return this.#whole && this.#filled > 0 ? [this.#whole.subarray(0, this.#filled), ...this.#rest] : this.#rest;
  }
}
