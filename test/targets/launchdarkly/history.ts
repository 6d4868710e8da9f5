import { init } from '@launchdarkly/node-server-sdk';
import { listenOn } from '../../support/loopback-server.ts';
import { sdkData, type SdkData } from '../../support/fake-launchdarkly/sdk-payload.ts';
import type { FakeLaunchDarkly } from '../../support/fake-launchdarkly/server.ts';
import { environmentOf, projectOf } from '../../support/fake-launchdarkly/store.ts';

const silent = { error() {}, warn() {}, info() {}, debug() {} };

/** What an environment served after each single change of it. */
export interface History {
  /** Since the last call. */
  take(): readonly SdkData[];
}

/** Keeps what is served in an environment of project `default` after every change, from now on. */
export function recordHistory(fake: FakeLaunchDarkly, environment: string): History {
  const { account } = fake;
  let states: SdkData[] = [];
  const announce = account.announce;
  const listening = account as { announce: typeof announce };
  listening.announce = changed => {
    const project = projectOf(account, 'default');
    states.push(structuredClone(sdkData(project, environmentOf(project, environment))));
    announce(changed);
  };
  return {
    take() {
      const taken = states;
      states = [];
      return taken;
    },
  };
}

/** Who of these is served true of each flag, by the real SDK, were this what is served. A flag that is not there: undefined. */
export async function servedIn(
  state: SdkData,
  flags: readonly string[],
  people: readonly string[],
  kind = 'user',
): Promise<Readonly<Record<string, readonly string[] | undefined>>> {
  const server = await listenOn('127.0.0.1', (_request, _body, response) => {
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(state));
  });
  const client = init('sdk-any', {
    baseUri: server.url,
    stream: false,
    sendEvents: false,
    diagnosticOptOut: true,
    logger: silent,
  });
  try {
    await client.waitForInitialization({ timeout: 5 });
    const served: Record<string, readonly string[] | undefined> = {};
    for (const flag of flags) {
      const inside: string[] = [];
      let isThere = true;
      for (const key of people) {
        const { value } = await client.variationDetail(flag, { kind, key }, null);
        if (typeof value !== 'boolean') isThere = false;
        if (value === true) inside.push(key);
      }
      served[flag] = isThere ? inside : undefined;
    }
    return served;
  } finally {
    client.close();
    await server.stop();
  }
}
