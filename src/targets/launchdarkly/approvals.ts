import { createHash } from 'node:crypto';
import { canonicalJson, type Json } from '../../domain/json.ts';
import { type Members, membersOf, subtract, union } from '../../domain/members.ts';
import type { Problem } from '../../domain/problem.ts';
import { type ApprovalAnswer, approvalShape, approvalsShape } from './answers.ts';
import { approvals } from './calls.ts';
import type { Client } from './client.ts';
import type { Variations } from './flag.ts';
import { type Instruction, keysIn } from './instructions.ts';
import type { FlagPlace } from './names.ts';
import { countsOf } from './patch.ts';
import { requestName, type Seen, type WaitingRequest } from './seen.ts';
import { unreadOf, type Verdict } from './verdicts.ts';

/** What requests for LaunchDarkly's own approval are made with. */
export interface Approvals {
  readonly client: Client;
  readonly seen: Seen;
  /** `optoggles:<instance>` */
  readonly mark: string;
  /** Of LaunchDarkly's pages. */
  readonly baseUrl: string;
  /** `target ld` */
  readonly target: string;
}

/** Names instructions, so that a request is known again however LaunchDarkly writes them down. */
export function hashOf(patch: readonly Instruction[]): string {
  return createHash('sha256')
    .update(canonicalJson(patch as unknown as Json))
    .digest('hex')
    .slice(0, 12);
}

function start(mark: string): string {
  return `optoggles ${mark} `;
}

/** The hash of our request's instructions; undefined: it is not ours, or done with. */
export function ownHash(request: ApprovalAnswer, mark: string): string | undefined {
  const { description, status } = request;
  if (!description?.startsWith(start(mark)) || status === 'completed' || status === 'failed') return undefined;
  return /#([0-9a-f]{12})$/.exec(description)?.[1] ?? '';
}

/** Where a person finds a request. */
export function linkOf(request: ApprovalAnswer, baseUrl: string, place: FlagPlace, environment: string): string {
  const href = request._links?.['site']?.href ?? `/${place.project}/${environment}/features/${place.key}`;
  return URL.parse(href, `${baseUrl}/`)?.href ?? baseUrl;
}

/** What has to be known of a request that waits. */
export function waitingOf(
  request: ApprovalAnswer,
  hash: string,
  baseUrl: string,
  place: FlagPlace,
  environment: string,
): WaitingRequest {
  const segments = request.instructions.flatMap(one => (one.kind === 'addRule' ? segmentsIn(one) : []));
  return {
    id: request._id,
    hash,
    link: linkOf(request, baseUrl, place, environment),
    segments: segments.map(key => ({ project: place.project, environment, key })),
  };
}

/** All requests of ours for a flag in an environment that wait. Throws as the client does. */
export async function ownRequests(
  { client, mark }: Pick<Approvals, 'client' | 'mark'>,
  place: FlagPlace,
  environment: string,
  signal: AbortSignal,
): Promise<readonly ApprovalAnswer[]> {
  const found = await client.find(approvals('GET', place, environment), approvalsShape, signal);
  return (found?.items ?? []).filter(request => ownHash(request, mark) !== undefined);
}

/** Takes a request back. Undefined: it is gone; else why it is not. */
export async function withdraw(
  { client, seen }: Pick<Approvals, 'client' | 'seen'>,
  place: FlagPlace,
  environment: string,
  id: string,
  signal: AbortSignal,
  mayStart: () => boolean,
): Promise<Verdict | undefined> {
  const written = await client.write(approvals('DELETE', place, environment, { id }), signal, mayStart);
  const isGone = written.result === 'ok' || (written.result === 'not' && isMissing(written.verdict));
  if (isGone) seen.requests.delete(requestName(place, environment));
  return written.result === 'ok' || isGone ? undefined : written.verdict;
}

function isMissing(verdict: Verdict): boolean {
  return verdict.result === 'conflict' && verdict.problem.code === 'launchdarkly-missing';
}

/**
 * Sees to it that exactly one request of ours waits, and that it asks for this patch; older ones are withdrawn first.
 * A patch that was declined is not asked for again.
 */
export async function askApproval(
  options: Approvals,
  place: FlagPlace,
  environment: string,
  patch: readonly Instruction[],
  signal: AbortSignal,
  mayStart: () => boolean,
): Promise<Verdict> {
  const { client, seen, mark, baseUrl, target } = options;
  const hash = hashOf(patch);
  let found: readonly ApprovalAnswer[];
  try {
    found = await ownRequests(options, place, environment, signal);
  } catch (error) {
    return unreadOf(error, signal);
  }
  const same = found.find(request => ownHash(request, mark) === hash);
  for (const request of found) {
    if (request === same) continue;
    const failure = await withdraw(options, place, environment, request._id, signal, mayStart);
    if (failure !== undefined) return failure;
  }
  if (same?.reviewStatus === 'declined') {
    const link = linkOf(same, baseUrl, place, environment);
    return { result: 'refused', problem: declined(target, place, environment, link) };
  }
  let request = same;
  if (request === undefined) {
    const description = `${start(mark)}${countsOf(patch)} #${hash}`;
    const call = approvals('POST', place, environment, {
      json: { description, instructions: patch },
      names: patch.flatMap(keysIn),
    });
    const written = await client.write(call, signal, mayStart);
    if (written.result !== 'ok') return written.verdict;
    if (!approvalShape.fits(written.body)) return { result: 'unanswered', problem: unclear(target, place) };
    request = written.body;
  }
  const waiting = waitingOf(request, hash, baseUrl, place, environment);
  seen.requests.set(requestName(place, environment), waiting);
  return { result: 'pending', link: waiting.link };
}

/** Who would have it, and whether it would be on, once a request is approved. */
export function approved(
  request: ApprovalAnswer,
  now: { readonly on: boolean; readonly listed: Members; readonly grouped: Members },
  { true: yes }: Variations,
  contextKind: string,
  membersIn: (segment: string) => Members,
): { readonly on: boolean; readonly members: Members } {
  let { on, listed, grouped } = now;
  for (const one of request.instructions) {
    const { kind, variationId, values } = one;
    if (kind === 'turnFlagOn') on = true;
    if (kind === 'turnFlagOff') on = false;
    if (kind === 'removeRule') grouped = subtract(grouped, grouped);
    if (kind === 'addRule') for (const segment of segmentsIn(one)) grouped = membersIn(segment);
    if (variationId !== yes.id || (one['contextKind'] ?? 'user') !== contextKind || !isStrings(values)) continue;
    if (kind === 'addTargets') listed = union(listed, membersOf(values));
    if (kind === 'removeTargets') listed = subtract(listed, membersOf(values));
  }
  return { on, members: union(grouped, listed) };
}

function segmentsIn(instruction: Readonly<Record<string, unknown>>): readonly string[] {
  const clauses = Array.isArray(instruction['clauses']) ? (instruction['clauses'] as unknown[]) : [];
  return clauses.flatMap(clause => {
    const { values } = clause as { values?: unknown };
    return isStrings(values) ? values : [];
  });
}

function isStrings(value: unknown): value is string[] {
  return Array.isArray(value) && value.every(one => typeof one === 'string');
}

function declined(target: string, place: FlagPlace, environment: string, link: string): Problem {
  return {
    code: 'launchdarkly-declined',
    message: `${target}: the change of flag ${place.key} in ${environment} was declined in LaunchDarkly (${link}).`,
    hint: 'Delete the declined request to have it asked for again, or change the policy or the flag file.',
  };
}

function unclear(target: string, place: FlagPlace): Problem {
  return {
    code: 'launchdarkly-answer',
    message: `${target}: the answer to a request for approval of flag ${place.key} cannot be understood.`,
    hint: 'It is looked at again before another one is made.',
  };
}
