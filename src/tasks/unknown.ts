import type { Problem } from '../domain/problem.ts';
import type { Line } from '../sync/line.ts';

export interface Unknown {
  readonly source?: string;
  readonly target?: string;
  readonly problem: Problem;
}

/** Which sources and targets of a settled line could not tell what they were asked, and why. */
export function unknownIn({ sources, targets }: Line): readonly Unknown[] {
  const silent = sources.flatMap(lane => {
    const { problem, standing } = lane.view();
    const { id } = lane.source;
    if (problem === undefined && standing.state !== 'waiting') return [];
    return [{ source: id, problem: told(`source ${id}`, problem) }];
  });
  const unread = targets.flatMap(lane => {
    const { name } = lane.target;
    const problem = lane.retries.held?.problem;
    if (problem === undefined && lane.view() !== undefined) return [];
    return [{ target: name, problem: told(`target ${name}`, problem) }];
  });
  return [...silent, ...unread];
}

function told(who: string, problem: Problem | undefined): Problem {
  if (problem !== undefined) return { ...problem, message: `${who}: ${problem.message}` };
  return {
    code: 'no-answer',
    message: `${who}: no answer in time.`,
    hint: 'Give it more time, or see why it is slow.',
  };
}
