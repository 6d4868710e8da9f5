import { noMembers } from '../../domain/members.ts';
import type { Change, ListingChange, PlacementChange } from '../../domain/plan.ts';
import type { Outcome } from '../../domain/target.ts';
import type { HttpClient, HttpRequest } from '../../lib/http.ts';
import { refusalOf, restOfBatch, type Standing, silenceOf, type Verdict } from './answers.ts';
import { createRequest, updateRequest, type UsersBytes, usersBytesOnce } from './wire.ts';

export interface WriterOptions {
  readonly client: HttpClient;
  readonly target: string;
  /** ms, for a small request. */
  readonly timeout: number;
  readonly standing: Standing;
  /** Called with the key after its metadata and users were written. */
  readonly written: (key: string) => void;
}

/** Writes one change of a batch. Never rejects. */
export type WriteOne = (change: Change) => Promise<Outcome>;

const longest = 60_000;

/** Makes the writer of one batch. Once the target as a whole refused, what is left of the batch is not sent. */
export function batchWriter(
  options: WriterOptions,
  signal: AbortSignal,
  mayStart: (change: Change) => boolean,
): WriteOne {
  const { client, target, standing } = options;
  const usersBytes = usersBytesOnce();
  let ended: Verdict | undefined;

  /** Sends one request for a change. `accepted` carries the status; everything else is the verdict. */
  async function send(change: Change, request: HttpRequest): Promise<{ status: number } | Verdict> {
    if (ended !== undefined) return ended;
    if (signal.aborted || !mayStart(change)) return { result: 'late' };
    let verdict: Verdict;
    let status: number | undefined;
    try {
      const response = await client.send({ ...request, signal, timeout: timeFor(request) });
      ({ status } = response);
      if (response.ok) standing.welcome = true;
      if (response.ok || isExpected(request, status)) return { status };
      verdict = refusalOf(client, target, request, response, standing);
    } catch (error) {
      verdict = signal.aborted ? abandoned(target) : silenceOf(error);
    }
    ended ??= restOfBatch(verdict, status);
    return verdict;
  }

  function timeFor(request: HttpRequest): number {
    const bytes = request.body?.length ?? 0;
    return Math.max(options.timeout, Math.min(longest, options.timeout + bytes / 1000));
  }

  async function create(change: Change): Promise<Verdict> {
    const answer = await send(change, createRequest(change.key, change.metadata));
    if ('result' in answer) return answer;
    return answer.status === 409 ? { result: 'done', existed: true } : { result: 'done' };
  }

  async function close(change: ListingChange & Change): Promise<Verdict> {
    const users = usersBytes(noMembers);
    const answer = await send(change, updateRequest(change.key, change.metadata, users));
    return 'result' in answer ? answer : { result: 'done' };
  }

  async function place(change: PlacementChange & Change): Promise<Verdict> {
    const users = usersOf(change, usersBytes);
    if (users === undefined) return { result: 'refused', problem: notAList(change) };
    const request = updateRequest(change.key, change.metadata, users);
    const first = await send(change, request);
    if ('result' in first) return first;
    // A toggle whose file went and that is gone here too stays gone.
    if (first.status !== 404 || change.removal) return placed(change);
    const created = await create(change);
    if (created.result !== 'done') return created;
    const second = await send(change, request);
    if ('result' in second) return second;
    return second.status === 404 ? { result: 'conflict', problem: vanished(change) } : placed(change);
  }

  function placed(change: Change): Verdict {
    options.written(change.key);
    return { result: 'done' };
  }

  async function verdictOn(change: Change): Promise<Verdict> {
    switch (change.kind) {
      case 'create':
        return create(change);
      case 'placement':
        return place(change);
      case 'retire':
        // Its placement was closed by a change that this one needed; else nobody has made sure yet.
        return change.needs.length > 0 ? { result: 'done' } : close(change);
      case 'adopt':
      case 'restore':
        // There is no mark to put on it and no archive to fetch it from; its placement is written next.
        return { result: 'done' };
      case 'update':
      case 'archive':
        break;
    }
    return { result: 'refused', problem: cannot(change) };
  }

  return async change => ({ change: change.id, ...(await verdictOn(change)) });
}

/** Statuses that the caller handles itself: a create that finds the toggle, an update that does not. */
function isExpected(request: HttpRequest, status: number): boolean {
  return request.method === 'POST' ? status === 409 : status === 404;
}

function usersOf(change: PlacementChange, usersBytes: UsersBytes): Uint8Array | undefined {
  if (!change.after.on) return usersBytes(noMembers);
  return change.after.who.kind === 'members' ? usersBytes(change.after.who.members) : undefined;
}

function abandoned(target: string): Verdict {
  const problem = {
    code: 'stopped',
    message: `target ${target}: OPToggles stopped before a write was answered.`,
    hint: 'The next start writes it again.',
  };
  return { result: 'unanswered', problem };
}

function notAList(change: Change & PlacementChange) {
  return {
    code: 'not-a-list',
    message: `${change.key}: target ${change.target} takes lists of users, not ${change.after.who.kind}.`,
    hint: 'Use a policy that answers with a list of users, or leave this target out.',
  };
}

function vanished(change: Change) {
  return {
    code: 'toggle-vanished',
    message: `${change.key}: target ${change.target} creates it and then does not know it.`,
    hint: 'Look at endpointUrl: a toggle created there has to be found at endpointUrl/key.',
  };
}

function cannot(change: Change) {
  return {
    code: 'not-supported',
    message: `${change.key}: target ${change.target} has no ${change.kind}.`,
    hint: 'Nothing was written. Please report this: such a change should not have been planned.',
  };
}
