/** One thing that `doctor` looked at. */
export interface Check {
  /** What was looked at, in a word or two: `token`, `callback`, `clock`. */
  readonly what: string;
  /** `warn`: it works, and may not for long, or not as well as it could. */
  readonly state: 'ok' | 'warn' | 'fail';
  /** What was found, in a sentence. Holds no secret and no member. */
  readonly message: string;
  /** What to do; with `warn` and `fail`. */
  readonly hint?: string;
}

/** What is needed to see whether callbacks arrive. */
export interface CallbackTrial {
  /** What a callback has to carry. */
  readonly bearer: string;
  /** Asks for what makes the other side call back. */
  trigger(): Promise<void>;
  /** Takes back what was registered for this. */
  end(): Promise<void>;
}
