import type { FlagdCore } from '@openfeature/flagd-core';
import { ProblemError } from '../../domain/problem.ts';
import type { Evaluator } from '../../domain/target.ts';
import { type Excerpt, excerptOf } from './excerpt.ts';
import type { FlagStore } from './store.ts';

const silent = { error() {}, warn() {}, info() {}, debug() {} };

/** More than these at once and the engine searches the cut list longer than it takes to cut it again. */
const mostInExcerpt = 500;

/**
 * flagd's own engine over the file as it is now. Throws a ProblemError that says what to install when the engine is not
 * there, and one when it refuses the file. `evaluate` throws one where an application would be served its own default:
 * nobody can tell what that is.
 *
 * The engine searches a list from its start for every question (0.3 ms for 100,000 names), so the members announced by
 * `about` are asked of a second engine of the same kind, whose file holds the flag with its long lists cut to those
 * members. Everybody else is asked of the whole file.
 */
export async function flagdEvaluator(store: FlagStore): Promise<Evaluator> {
  const { FlagdCore } = await import('@openfeature/flagd-core').catch((error: unknown) => {
    throw new ProblemError(
      {
        code: 'flagd-engine-missing',
        message: 'The evaluation engine of flagd is not installed.',
        hint: 'Install it beside optoggles: npm install @openfeature/flagd-core @openfeature/core.',
      },
      { cause: error },
    );
  });
  const { text, file } = await store.read();
  const whole = engineOf(text ?? '{"flags":{}}');
  let announced: readonly string[] = [];
  let among: ReadonlySet<string> = new Set();
  let excerpt: { readonly key: string; readonly of: Excerpt | undefined } | undefined;
  let small: { readonly key: string; readonly engine: FlagdCore } | undefined;

  function engineOf(content: string): FlagdCore {
    const engine = new FlagdCore(undefined, silent);
    try {
      engine.setConfigurations(content);
    } catch (error) {
      throw new ProblemError(refused(store.name), { cause: error });
    }
    return engine;
  }

  function engineFor(key: string, member: string): FlagdCore {
    if (!among.has(member)) return whole;
    if (small?.key === key) return small.engine;
    if (excerpt?.key !== key) excerpt = { key, of: excerptOf(file, key) };
    if (excerpt.of === undefined) return whole;
    small = { key, engine: engineOf(excerpt.of.textFor(announced)) };
    return small.engine;
  }

  function resolved(key: string, member: string) {
    const engine = engineFor(key, member);
    if (engine.getFlag(key)?.state !== 'ENABLED') throw new ProblemError(notServed(key, store.name));
    return engine.resolveBooleanEvaluation(key, true, { targetingKey: member }, silent);
  }

  return {
    async evaluate(key, _contextKind, member) {
      const { value, variant, errorCode } = resolved(key, member);
      // Without a variant the value is the default that was handed in.
      if (errorCode !== undefined || variant === undefined) throw new ProblemError(notServed(key, store.name));
      return value;
    },
    async why(key, _contextKind, member) {
      const { reason, variant, errorCode } = resolved(key, member);
      return [reason ?? 'no reason', errorCode, variant === undefined ? undefined : `variant ${variant}`]
        .filter(part => part !== undefined)
        .join(', ');
    },
    about(members) {
      announced = members.length <= mostInExcerpt ? members : [];
      among = new Set(announced);
      small = undefined;
    },
    async close() {},
  };
}

function refused(name: string) {
  return {
    code: 'flagd-file-refused',
    message: `The engine of flagd does not take ${name}: nothing in it is served.`,
    hint: 'Look for flags that others wrote into it: a state that is neither ENABLED nor DISABLED, a default variant that is not there.',
  };
}

function notServed(key: string, name: string) {
  return {
    code: 'flagd-not-served',
    message: `flag ${key} is not served from ${name}: applications get their own default.`,
    hint: 'Let optoggles write it again, or look for who disabled or deleted it.',
  };
}
