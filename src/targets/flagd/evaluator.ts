import { ProblemError } from '../../domain/problem.ts';
import type { Evaluator } from '../../domain/target.ts';
import type { FlagStore } from './store.ts';

/**
 * flagd's own engine over the file as it is now. Throws a ProblemError that says what to install when the engine is not
 * there. `evaluate` throws one where an application would be served its own default: nobody can tell what that is.
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
  const silent = { error() {}, warn() {}, info() {}, debug() {} };
  const engine = new FlagdCore(undefined, silent);
  const { text } = await store.read();
  engine.setConfigurations(text ?? '{"flags":{}}');
  return {
    async evaluate(key, _contextKind, member) {
      if (engine.getFlag(key)?.state !== 'ENABLED') throw new ProblemError(notServed(key, store.name));
      const answer = engine.resolveBooleanEvaluation(key, true, { targetingKey: member }, silent);
      if (answer.errorCode !== undefined) throw new ProblemError(notServed(key, store.name));
      return answer.value;
    },
    async close() {},
  };
}

function notServed(key: string, name: string) {
  return {
    code: 'flagd-not-served',
    message: `flag ${key} is not served from ${name}: applications get their own default.`,
    hint: 'Let optoggles write it again, or look for who disabled or deleted it.',
  };
}
