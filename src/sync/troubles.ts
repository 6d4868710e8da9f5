import { formatProblem } from '../domain/problem.ts';
import { keepsFailing } from './status.ts';
import type { Line } from './line.ts';
import type { SourceLane } from './source-lane.ts';
import type { TargetLane } from './target-lane.ts';

/** Something that an operator has to know, for as long as it lasts. Holds no secret and no member. */
export interface Trouble {
  /** `source example-opal`, `target ld`, `flags` */
  readonly what: string;
  readonly message: string;
  readonly source?: string;
  readonly target?: string;
}

/** What cannot be reached, believed or written right now, each thing once. */
export function troublesOf(line: Pick<Line, 'sources' | 'targets' | 'definitions'>, flags: FlagsHealth): Trouble[] {
  const troubles = [...line.sources.flatMap(ofSource), ...line.targets.flatMap(ofTarget)];
  const unreadable = line.definitions.current?.unreadable;
  if (unreadable) troubles.push({ what: 'flags', message: formatProblem(unreadable) });
  else if (flags === 'failing') troubles.push({ what: 'flags', message: 'Their repository cannot be asked.' });
  return troubles;
}

type FlagsHealth = 'ok' | 'held' | 'failing';

function ofSource(lane: SourceLane): Trouble[] {
  const { problem, failures, failingAudiences, standing, readiness } = lane.view();
  const source = lane.source.id;
  const about = { what: `source ${source}`, source };
  if (failures >= keepsFailing && problem) return [{ ...about, message: formatProblem(problem) }];
  if (failingAudiences > 0) {
    const rules = failingAudiences === 1 ? 'A rule' : `${failingAudiences} rules`;
    return [{ ...about, message: `${rules} cannot be answered; optoggles status says which toggles are held.` }];
  }
  if (standing.state !== 'suspect') return [];
  const [why] = readiness?.problems ?? [];
  return [
    { ...about, message: why ? formatProblem(why) : 'It may not have loaded everything; nothing is believed yet.' },
  ];
}

function ofTarget(lane: TargetLane): Trouble[] {
  const target = lane.target.name;
  const about = { what: `target ${target}`, target };
  const held = lane.retries.held;
  if (held && held.failures >= keepsFailing) return [{ ...about, message: formatProblem(held.problem) }];
  if (lane.retries.worst() < keepsFailing) return [];
  return [{ ...about, message: 'Some toggles cannot be written; optoggles status says which and why.' }];
}
