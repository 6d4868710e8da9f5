import { type Members, membersOf } from '../domain/members.ts';
import type { Block, Plan } from '../domain/plan.ts';
import { type Problem, ProblemError, UsageError } from '../domain/problem.ts';
import type { Recorded } from '../domain/state.ts';
import { approvalHolds } from '../sync/engine.ts';
import { type Opened, openLine, type OpenOptions } from './open.ts';
import { preview } from './preview.ts';
import { exitCode, exitCodes, type Findings, findingsOf } from './result.ts';
import { settle } from './settle.ts';

export interface ApplyOptions extends Omit<OpenOptions, 'mode' | 'reviewed'> {
  /** ms. */
  readonly timeout: number;
  readonly signal: AbortSignal;
  /** Only if the definition-caused changes are exactly those of the plan with this checksum. */
  readonly checksum?: string;
  /** Block ids to let through. */
  readonly approve: readonly string[];
}

export interface Applied extends Findings {
  readonly done: readonly Pick<Recorded, 'change' | 'outcome'>[];
  /** What is still to be done, blocked or held. */
  readonly left: Plan;
  /** Ids of changes for which a platform's own approval is waited for, and of those that come after them. */
  readonly awaiting: ReadonlySet<string>;
}

/** The line run once: everything that may be written is written, within the time. */
export async function apply(options: ApplyOptions): Promise<Applied> {
  const { clock, timeout, signal } = options;
  const deadline = clock.now() + timeout;
  const { blocks: known, commit } = await reviewed(options);
  const opened = openLine({ ...options, mode: 'once', reviewed: options.checksum !== undefined, commit });
  try {
    approve(opened, options, known);
    await opened.line.start();
    const inTime = await settle(opened.line, clock, deadline - clock.now(), signal);
    const { failed, warnings } = findingsOf(opened.line);
    const late: Problem[] = inTime || failed.length > 0 ? [] : [notInTime(timeout)];
    const unread = opened.line.targets.some(lane => !lane.view());
    const left = opened.line.planAll();
    return {
      done: opened.line.targets.flatMap(lane => lane.takeOutcomes()),
      left,
      awaiting: awaitingIn(left, opened.line),
      failed: [...failed, ...(unread ? late : [])],
      warnings,
    };
  } finally {
    await opened.close();
  }
}

/** The exit status of an apply: what waits only for a platform's own approval counts as held. */
export function applyExit({ left, failed, awaiting }: Pick<Applied, 'left' | 'failed' | 'awaiting'>): number {
  const code = exitCode(left, failed.length > 0, true);
  if (code !== exitCodes.pending) return code;
  return left.changes.every(({ id }) => awaiting.has(id)) ? exitCodes.held : exitCodes.failed;
}

/** Ids of changes for which a platform's own approval is waited for, and of those that come after them. */
export function awaitingIn({ changes }: Plan, { targets }: Opened['line']): ReadonlySet<string> {
  const awaiting = new Set<string>();
  for (const change of changes) {
    const isAsked = targets.some(lane => lane.target.name === change.target && lane.waitsFor(change) !== undefined);
    if (isAsked || change.needs.some(id => awaiting.has(id))) awaiting.add(change.id);
  }
  return awaiting;
}

interface Reviewed {
  readonly blocks: readonly Block[];
  /** Of the flags repository: what is applied is what was looked at, though the ref may move meanwhile. */
  readonly commit: string | undefined;
}

/** A plan beforehand, where a checksum or an id speaks of one. */
async function reviewed(options: ApplyOptions): Promise<Reviewed> {
  if (options.checksum === undefined && options.approve.length === 0) return { blocks: [], commit: undefined };
  const opened = openLine({ ...options, mode: 'preview' });
  try {
    const { plan } = await preview({ ...options, line: opened.line });
    if (options.checksum !== undefined && plan.checksum !== options.checksum) {
      throw new ProblemError({
        code: 'checksum-differs',
        message: `The changes are not those that were reviewed: the plan's checksum is ${plan.checksum}.`,
        hint: 'Look at a new plan and apply with its checksum.',
      });
    }
    return { blocks: plan.blocked.map(withoutState), commit: opened.line.definitions.current?.commit };
  } finally {
    await opened.close();
  }
}

/** Its members as they are now: the state that they are read from is about to be closed. */
function withoutState(block: Block): Block {
  const copy = (members: Members) => membersOf([...members.values()]);
  return { ...block, revoked: copy(block.revoked), granted: copy(block.granted) };
}

function approve(opened: Opened, { approve: ids, clock }: ApplyOptions, known: readonly Block[]): void {
  const now = clock.now();
  for (const id of ids) {
    const block = known.find(one => one.id === id);
    const by = 'apply --approve';
    if (block) opened.store.approveBlock(block, by, now + approvalHolds, now);
    else if (!opened.store.approve(id, by, now + approvalHolds, now)) {
      throw new UsageError({
        code: 'unknown-approval',
        message: `Nothing with the id ${id} is blocked.`,
        hint: 'optoggles plan shows what is blocked now, with its ids.',
      });
    }
  }
}

function notInTime(timeout: number): Problem {
  return {
    code: 'not-in-time',
    message: `Not everything was settled within ${timeout / 1000} s.`,
    hint: 'Run it again, or give it more time with --timeout.',
  };
}
