import type { IncomingMessage, ServerResponse } from 'node:http';
import { listenOn } from '../loopback-server.ts';
import { type AccountOptions, createAccount, DEFAULT_TOKEN } from './account.ts';
import { applyApproval } from './approval-routes.ts';
import { createFaults, type FaultMatch, type LaunchDarklyFault, strike } from './faults.ts';
import { createHand, type Hand } from './hand.ts';
import type { Account, ApprovalRequest, Flag, FlagConfig, Segment } from './model.ts';
import { createRateLimiter, type RateLimits } from './rate-limits.ts';
import { createRestSide, type LaunchDarklyRequest, type RestOptions } from './rest-side.ts';
import { createSdkSide } from './sdk-stream.ts';
import { environmentOf, projectOf } from './store.ts';

export interface FakeLaunchDarklyOptions extends AccountOptions, RestOptions {
  /** Of dates, versions and rate windows; default the real one. */
  readonly now?: () => number;
  readonly rateLimits?: RateLimits;
}

export interface FakeLaunchDarkly {
  /** The base of REST API, stream and polling alike. */
  readonly url: string;
  readonly streamUrl: string;
  /** The first token. */
  readonly token: string;
  readonly account: Account;
  readonly requests: readonly LaunchDarklyRequest[];
  /** Everything but GET. */
  readonly writes: readonly LaunchDarklyRequest[];
  /** Requests that a rate limit refused. */
  readonly rateLimited: number;
  /** Changes made past the API, as by a person in LaunchDarkly's own pages; approvals do not stop them. */
  readonly hand: Hand;
  sdkKey(project: string, environment: string): string;
  flag(project: string, key: string): Flag | undefined;
  config(project: string, key: string, environment: string): FlagConfig | undefined;
  segment(project: string, environment: string, key: string): Segment | undefined;
  /** Approval requests that wait. */
  pendingApprovals(): readonly ApprovalRequest[];
  /** A person approves and applies a request; refusals are thrown. */
  approve(id: string): void;
  /** A person declines it; it stays, declined. */
  decline(id: string): void;
  /** Returns what lifts the fault. */
  fault(fault: LaunchDarklyFault, match?: FaultMatch): () => void;
  setRateLimits(limits: RateLimits): void;
  /** SDK streams that are open. */
  readonly openStreams: number;
  dropStreams(): void;
  /** Resolves as soon as it is true; looked at whenever a request came or was answered. */
  waitFor(predicate: (fake: FakeLaunchDarkly) => boolean): Promise<void>;
  /** Goes away and comes back on the same port. */
  stop(): Promise<void>;
  start(): Promise<void>;
  /** What was wrong about requests or answers so far, and forgets it: for a test that does it on purpose. */
  takeViolations(): readonly string[];
  /** Ends; fails if a request or an answer was not as LaunchDarkly describes it. */
  close(): Promise<void>;
}

/** A strict LaunchDarkly on loopback: REST API and the SDK's stream of the same state. */
export async function createFakeLaunchDarkly(options: FakeLaunchDarklyOptions = {}): Promise<FakeLaunchDarkly> {
  const now = options.now ?? Date.now;
  const account = createAccount(options, now, changed => sdk.changed(changed));
  const sdk = createSdkSide(account);
  const faults = createFaults();
  let limits = options.rateLimits ?? {};
  const limiter = createRateLimiter(() => limits, now);
  const rest = createRestSide(account, limiter, options);
  const waiters = new Set<{ readonly predicate: (fake: FakeLaunchDarkly) => boolean; readonly done: () => void }>();

  const server = await listenOn('127.0.0.1', (request, text, response) => {
    const path = (request.url ?? '').split('?')[0] as string;
    if (sdk.handle(request, path, response)) return looked();
    serve(request, text, response).catch(() => request.destroy());
  });

  function looked(): void {
    for (const waiter of waiters) {
      if (!waiter.predicate(fake)) continue;
      waiters.delete(waiter);
      waiter.done();
    }
  }

  async function serve(request: IncomingMessage, text: string, response: ServerResponse): Promise<void> {
    const seen = rest.note(request, text);
    looked();
    const fault = faults.take(seen.method, seen.path, text);
    if (fault?.kind === 'hold' && fault.when !== 'after') await fault.until;
    if (fault === undefined || fault.kind === 'hold') {
      const said = rest.judge(request, seen);
      if (fault?.kind === 'hold' && fault.when === 'after') {
        looked();
        await fault.until;
      }
      seen.status = said.status;
      response.writeHead(said.status, said.headers).end(said.text);
    } else {
      if (fault.applied === true) rest.judge(request, seen);
      strike(fault, request, response, seen);
    }
    looked();
  }

  function requestOf(id: string): ApprovalRequest {
    const request = account.approvals.get(id);
    if (request === undefined) throw new Error(`no approval request ${id}`);
    return request;
  }

  const fake: FakeLaunchDarkly = {
    url: server.url,
    streamUrl: server.url,
    token: options.tokens?.[0]?.token ?? DEFAULT_TOKEN,
    account,
    requests: rest.requests,
    get writes() {
      return rest.requests.filter(({ method }) => method !== 'GET');
    },
    get rateLimited() {
      return limiter.refused;
    },
    hand: createHand(account),
    sdkKey: (project, environment) => environmentOf(projectOf(account, project), environment).sdkKey,
    flag: (project, key) => account.projects.get(project)?.flags.get(key),
    config: (project, key, environment) => account.projects.get(project)?.flags.get(key)?.environments.get(environment),
    segment: (project, environment, key) =>
      account.projects.get(project)?.environments.get(environment)?.segments.get(key),
    pendingApprovals: () =>
      [...account.approvals.values()].filter(
        ({ status, reviewStatus }) => status === 'pending' && reviewStatus === 'pending',
      ),
    approve: id => applyApproval(account, requestOf(id)),
    decline(id) {
      const request = requestOf(id);
      request.reviewStatus = 'declined';
      request.version++;
    },
    fault: faults.add,
    setRateLimits(next) {
      limits = next;
    },
    get openStreams() {
      return sdk.open;
    },
    dropStreams: sdk.drop,
    waitFor(predicate) {
      if (predicate(fake)) return Promise.resolve();
      return new Promise(done => waiters.add({ predicate, done }));
    },
    stop: server.stop,
    start: server.start,
    takeViolations: () => rest.violations.splice(0),
    async close() {
      await server.stop();
      const { violations } = rest;
      if (violations.length > 0) throw new Error(`LaunchDarkly's API was not kept:\n${violations.join('\n')}`);
    },
  };
  return fake;
}
