import type { Dispatcher } from 'undici';

type Headers = Readonly<Record<string, string | string[] | undefined>>;

/** Status and headers of an answer that was read to its end. */
export interface Answered {
  readonly statusCode: number;
  readonly headers: Headers;
}

/**
 * One request and its answer, without a stream between: pieces are taken as they come in. For small answers that is half
 * of what a request costs, and of large ones nothing waits in a queue.
 */
export class Exchange implements Dispatcher.DispatchHandler {
  readonly answered: Promise<Answered>;
  readonly #take: (chunk: Buffer, statusCode: number) => void;
  readonly #resolve: (answered: Answered) => void;
  readonly #reject: (error: unknown) => void;
  #controller: Dispatcher.DispatchController | undefined;
  #aborted: Error | undefined;
  #statusCode = 0;
  #headers: Headers = {};

  /** `take` is called with each piece of the body; what it throws ends the exchange and rejects `answered`. */
  constructor(take: (chunk: Buffer, statusCode: number) => void) {
    this.#take = take;
    const { promise, resolve, reject } = Promise.withResolvers<Answered>();
    this.answered = promise;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  /** The answer has begun to arrive. */
  get begun(): boolean {
    return this.#statusCode !== 0;
  }

  /** Ends it: `answered` rejects with the reason, and nothing more is taken. */
  abort(reason: Error): void {
    this.#aborted ??= reason;
    this.#reject(reason);
    this.#controller?.abort(reason);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#aborted) controller.abort(this.#aborted);
  }

  onResponseStart(_: Dispatcher.DispatchController, statusCode: number, headers: Headers): void {
    // 1xx only says that the answer is to come.
    if (statusCode < 200) return;
    this.#statusCode = statusCode;
    this.#headers = headers;
  }

  onResponseData(_: Dispatcher.DispatchController, chunk: Buffer): void {
    if (!this.#aborted) this.#take(chunk, this.#statusCode);
  }

  onResponseEnd(): void {
    this.#resolve({ statusCode: this.#statusCode, headers: this.#headers });
  }

  onResponseError(_: Dispatcher.DispatchController, error: Error): void {
    this.#reject(error);
  }
}
