import type { LDClient } from '@launchdarkly/node-server-sdk';
import { ProblemError } from '../../domain/problem.ts';
import type { Evaluator } from '../../domain/target.ts';
import type { Names } from './names.ts';

export interface EvaluatorOptions {
  /** `target ld` */
  readonly target: string;
  readonly names: Names;
  /** Of the environment in a project. */
  readonly sdkKey: (project: string) => Promise<string>;
  readonly baseUrl: string | undefined;
  readonly streamUrl: string | undefined;
}

/** s; what the SDK fetches at its start is the whole environment. */
const startTime = 20;
const silent = { error() {}, warn() {}, info() {}, debug() {} };

/**
 * LaunchDarkly's own server SDK, fed from its stream; one client for each project that is asked about. `evaluate` throws
 * a ProblemError where an application would be served its own default, and when the SDK cannot start. Throws one that
 * says what to install when the SDK is not there.
 */
export async function launchDarklyEvaluator(options: EvaluatorOptions): Promise<Evaluator> {
  const { target, names } = options;
  const sdk = await import('@launchdarkly/node-server-sdk').catch((error: unknown) => {
    throw new ProblemError(
      {
        code: 'launchdarkly-sdk-missing',
        message: 'The server SDK of LaunchDarkly is not installed.',
        hint: 'Install it beside optoggles: npm install @launchdarkly/node-server-sdk.',
      },
      { cause: error },
    );
  });
  const clients = new Map<string, Promise<LDClient>>();

  async function started(project: string): Promise<LDClient> {
    const { baseUrl, streamUrl } = options;
    const client = sdk.init(await options.sdkKey(project), {
      ...(baseUrl !== undefined && { baseUri: baseUrl }),
      ...(streamUrl !== undefined && { streamUri: streamUrl }),
      sendEvents: false,
      diagnosticOptOut: true,
      logger: silent,
    });
    try {
      await client.waitForInitialization({ timeout: startTime });
      return client;
    } catch (error) {
      client.close();
      throw new ProblemError(
        {
          code: 'launchdarkly-sdk',
          message: `${target}: LaunchDarkly's SDK could not start.`,
          hint: 'Look at sdkKeys, sdkUrl and streamUrl, and at the way to stream.launchdarkly.com.',
        },
        { cause: error },
      );
    }
  }

  async function detail(remoteKey: string, contextKind: string, member: string) {
    const { project, key } = names.placeOf(remoteKey);
    const known = clients.get(project) ?? started(project);
    clients.set(project, known);
    const { value, reason } = await (await known).variationDetail(key, { kind: contextKind, key: member }, null);
    if (typeof value !== 'boolean') throw new ProblemError(notServed(target, remoteKey, reason.errorKind));
    return { value, reason };
  }

  return {
    async evaluate(key, contextKind, member) {
      return (await detail(key, contextKind, member)).value;
    },
    async why(key, contextKind, member) {
      const { reason } = await detail(key, contextKind, member);
      switch (reason.kind) {
        case 'RULE_MATCH':
          return `rule ${(reason.ruleIndex ?? 0) + 1}`;
        case 'TARGET_MATCH':
          return 'individual targets';
        case 'FALLTHROUGH':
          return 'the default';
        case 'OFF':
          return 'it is off';
        case 'PREREQUISITE_FAILED':
          return `the prerequisite ${reason.prerequisiteKey ?? ''} is not met`;
        default:
          return reason.kind;
      }
    },
    async close() {
      for (const client of await Promise.allSettled(clients.values())) {
        if (client.status === 'fulfilled') client.value.close();
      }
    },
  };
}

function notServed(target: string, key: string, why: string | undefined) {
  return {
    code: 'launchdarkly-not-served',
    message: `${target}: flag ${key} is not served (${why ?? 'no boolean value'}): applications get their own default.`,
    hint: 'Let optoggles write it again, or look for who archived, deleted or changed it.',
  };
}
