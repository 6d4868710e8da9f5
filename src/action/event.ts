import { readFileSync } from 'node:fs';
import { UsageError } from '../domain/problem.ts';
import type { Command } from './inputs.ts';

type Env = Readonly<Record<string, string | undefined>>;

/** What started the run, and where it runs: GitHub's default variables and the event's payload. */
export interface RunEvent {
  /** `pull_request`, `push`, `schedule`, … */
  readonly name: string;
  /** `refs/heads/main` */
  readonly ref: string;
  readonly repository: { readonly owner: string; readonly repo: string };
  /** Of the repository's pages, `https://github.com/acme/flags`. */
  readonly repositoryUrl: string;
  readonly apiUrl: string;
  /** The page of this run. */
  readonly runUrl: string;
  readonly defaultBranch: string | undefined;
  readonly pull: PullRequest | undefined;
  /** Absolute: the checkout. */
  readonly workspace: string;
  /** Absolute: emptied after the job. */
  readonly temp: string;
}

export interface PullRequest {
  readonly number: number;
  /** The commits that GitHub names. */
  readonly base: string;
  readonly head: string;
}

/**
 * Reads the event from the variables and the file that a runner gives
 * (https://docs.github.com/en/actions/reference/workflows-and-actions/variables). Throws a UsageError where one is missing.
 */
export function readEvent(env: Env): RunEvent {
  const need = (name: string): string => {
    const value = env[name];
    if (value !== undefined && value !== '') return value;
    throw new UsageError({
      code: 'no-runner',
      message: `The variable ${name} is not set.`,
      hint: 'Run this as a step of a GitHub workflow; elsewhere use the command line.',
    });
  };
  const [owner = '', repo = ''] = need('GITHUB_REPOSITORY').split('/');
  const server = env.GITHUB_SERVER_URL || 'https://github.com';
  const repositoryUrl = `${server}/${owner}/${repo}`;
  const payload = readPayload(env.GITHUB_EVENT_PATH);
  const branch = recordOf(payload.repository).default_branch;
  const workspace = need('GITHUB_WORKSPACE');
  return {
    name: need('GITHUB_EVENT_NAME'),
    ref: env.GITHUB_REF ?? '',
    repository: { owner, repo },
    repositoryUrl,
    apiUrl: env.GITHUB_API_URL || 'https://api.github.com',
    runUrl: `${repositoryUrl}/actions/runs/${env.GITHUB_RUN_ID ?? ''}`,
    defaultBranch: typeof branch === 'string' ? branch : undefined,
    pull: pullOf(payload.pull_request),
    workspace,
    temp: env.RUNNER_TEMP || workspace,
  };
}

/** What an event asks for where no command is given. Throws a UsageError for one that asks for nothing. */
export function commandsOf(event: RunEvent): readonly Command[] {
  switch (event.name) {
    case 'pull_request':
      return ['validate', 'plan'];
    case 'merge_group':
      return ['validate'];
    case 'push':
      return isDefault(event) ? ['apply'] : ['validate'];
    case 'schedule':
      return ['stale'];
    default:
      throw new UsageError({
        code: 'no-command',
        message: `The event ${event.name} does not say what to do.`,
        hint: 'Give the input "command": validate, plan, apply or stale.',
      });
  }
}

function isDefault({ ref, defaultBranch }: RunEvent): boolean {
  return defaultBranch !== undefined && ref === `refs/heads/${defaultBranch}`;
}

/** A pull request's own code must never meet secrets: throws a UsageError for the event that would bring them together. */
export function refuseTarget(event: RunEvent): void {
  if (event.name !== 'pull_request_target') return;
  throw new UsageError({
    code: 'pull-request-target',
    message: 'pull_request_target gives secrets to what strangers wrote.',
    hint: 'Use "on: pull_request"; from a fork it validates and shows what can be known without secrets.',
  });
}

function pullOf(value: unknown): PullRequest | undefined {
  const { number, base, head } = recordOf(value);
  const [old, now] = [recordOf(base).sha, recordOf(head).sha];
  if (typeof number !== 'number' || typeof old !== 'string' || typeof now !== 'string') return undefined;
  return { number, base: old, head: now };
}

function readPayload(path: string | undefined): Readonly<Record<string, unknown>> {
  if (path === undefined || path === '') return {};
  return recordOf(JSON.parse(readFileSync(path, 'utf8')) as unknown);
}

function recordOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
}
