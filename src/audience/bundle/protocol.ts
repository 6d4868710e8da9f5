import type { Problem } from '../../domain/problem.ts';
import type { Json } from '../../domain/json.ts';

/** What the worker gets at its start. Paths are absolute; the names are how messages call them. */
export interface WorkerSettings {
  readonly folder: string;
  readonly bundle: { readonly path: string; readonly name: string };
  readonly data: { readonly path: string; readonly name: string } | undefined;
  /** MiB that the evaluation may use. */
  readonly memory: number;
}

/** `look`: is what lies on disk still what is loaded? Else load it. `ask`: one rule, of what is loaded. */
export type Request =
  | { readonly kind: 'look' }
  | {
      readonly kind: 'ask';
      readonly package: readonly string[];
      readonly rule: string;
      /** Undefined: the rule gets no input, which is not the same as null. */
      readonly input: Json | undefined;
      /** How messages call the rule. */
      readonly name: string;
    };

/** What is loaded. Two loads of the same content have the same `stamp`. */
export interface Look {
  readonly stamp: string;
  readonly revision: string;
  readonly dataUpdate: string;
  /** `app/rbac/us_users`, sorted. */
  readonly entrypoints: readonly string[];
}

export type WorkerAnswer =
  /** Sorted, without doubles. */
  | { readonly state: 'defined'; readonly members: readonly string[] }
  /** `entrypoint` false: the bundle was built without one that reaches the rule. */
  | { readonly state: 'undefined'; readonly entrypoint: boolean }
  | { readonly state: 'failed'; readonly error: Problem };

export type Response = { readonly look: Look } | { readonly look: Look; readonly answer: WorkerAnswer };

/** Requests are answered in their order. */
export type Reply = { readonly response: Response } | { readonly problem: Problem };
