import type { AudienceId } from '../domain/audience.ts';
import type { PlanInput } from '../domain/plan.ts';
import { membersIn } from './contents.ts';
import type { Answer } from './draft.ts';
import { heldPaused } from './held.ts';
import { overridesOf } from './overrides.ts';

/** How the suspect sources were judged: whose candidates count as answers, and whose wait for a decision. */
export interface Suspects {
  readonly accepted: ReadonlySet<string>;
  readonly frozen: ReadonlySet<string>;
}

/** Gives what the plan may say of an audience; `source` is named where the audience was never asked. */
export function createAnswers(input: PlanInput, suspects: Suspects): (id: AudienceId, source: string) => Answer {
  const known = new Map<AudienceId, Answer>();
  return (id, source) => {
    let answer = known.get(id);
    if (answer === undefined) {
      answer = answerOf(input, suspects, id, source);
      known.set(id, answer);
    }
    return answer;
  };
}

function answerOf(input: PlanInput, suspects: Suspects, id: AudienceId, source: string): Answer {
  const pause = overridesOf(input).paused.source.get(source);
  if (pause !== undefined) return { state: 'held', ...heldPaused(pause) };
  const audience = input.audiences.get(id);
  const rule = audience === undefined ? `of ${source}` : `${audience.from.rule} of ${source}`;
  switch (audience?.state) {
    case 'defined': {
      const members = membersIn(audience.who);
      if (members !== undefined) return { state: 'defined', members, from: audience.from, accepted: false };
      return held(
        'failed',
        'audience-no-list',
        `policy ${rule} does not answer with a list.`,
        'Let the rule list its users.',
      );
    }
    case 'undefined':
      return held(
        'undefined',
        'audience-undefined',
        `policy ${rule} is undefined; its users stay as they are.`,
        'Check that the rule exists and that its data has arrived; it is asked again.',
      );
    case 'failed':
      return {
        state: 'held',
        reason: 'failed',
        problem: { hint: `Correct policy ${rule}; it is asked again.`, ...audience.error },
      };
    case 'not-ready': {
      const candidate = audience.candidate && membersIn(audience.candidate);
      if (candidate === undefined) break;
      if (suspects.accepted.has(source))
        return { state: 'defined', members: candidate, from: audience.from, accepted: true };
      if (suspects.frozen.has(source)) return { state: 'frozen' };
      break;
    }
    case undefined:
  }
  return notReady(input, source);
}

function notReady(input: PlanInput, source: string): Answer {
  const standing = input.sources.get(source);
  if (standing?.state === 'suspect') {
    return held(
      'suspect',
      'source-suspect',
      `source ${source} answers, but nothing shows yet that its policy and data are complete.`,
      standing.by === 'sentinels'
        ? 'Its sentinels have to hold; look at them in the policy engine.'
        : 'It is asked again until its policy and data have arrived; sentinels in its configuration would show it.',
    );
  }
  if (standing?.state === 'failing') {
    return held(
      'failed',
      'source-failing',
      `source ${source} cannot be asked at the moment.`,
      'Look at its error in the status; it is asked again.',
    );
  }
  return held(
    'waiting',
    'source-waiting',
    `source ${source} has not answered yet.`,
    'Its own error says why, in the log and in the status; it is asked again for ever.',
  );
}

function held(
  reason: 'undefined' | 'failed' | 'waiting' | 'suspect',
  code: string,
  message: string,
  hint: string,
): Answer {
  return { state: 'held', reason, problem: { code, message, hint } };
}
