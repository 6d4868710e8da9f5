import type { Audience, AudienceId } from '../domain/audience.ts';
import { rereading } from './retries.ts';
import type { SourceLane } from './source-lane.ts';
import type { TargetLane } from './target-lane.ts';

export interface Awaited {
  readonly sources: readonly SourceLane[];
  readonly targets: readonly TargetLane[];
  readonly audiences: ReadonlyMap<AudienceId, Audience>;
}

/** What a line that has not settled still waits for, one sentence a source and a target. No names of members. */
export function waitedFor({ sources, targets, audiences }: Awaited): readonly string[] {
  const sentences: string[] = [];
  for (const lane of sources) {
    if (lane.settled()) continue;
    const { source } = lane;
    const { problem, readiness } = lane.view();
    const failed = [...audiences.values()].filter(
      audience => audience.state === 'failed' && audience.from.source === source.id,
    );
    const [first] = failed;
    const suspect = readiness?.state === 'suspect' ? readiness.problems[0] : undefined;
    const why = problem ?? suspect ?? (first?.state === 'failed' ? first.error : undefined);
    const count = problem === undefined && failed.length > 1 ? ` (${failed.length} rules)` : '';
    sentences.push(`source ${source.id}${count}: ${why?.message ?? 'it is being asked.'}`);
  }
  for (const lane of targets) {
    if (lane.settled()) continue;
    const { target, retries, plan } = lane;
    const open = (plan?.changes ?? []).flatMap(change => retries.entry(change.id) ?? []);
    const why = retries.held?.problem ?? open[0]?.problem ?? retries.entry(rereading)?.problem;
    const count = open.length > 1 ? ` (${open.length} changes)` : '';
    sentences.push(`target ${target.name}${count}: ${why?.message ?? 'it is being written.'}`);
  }
  return sentences;
}
