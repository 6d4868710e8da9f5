import type { Config, Receiver } from '../domain/config.ts';
import type { StateStore } from '../domain/state.ts';
import type { Clock } from '../lib/clock.ts';
import { createHttpClient, type HttpClient } from '../lib/http.ts';
import type { Log } from '../lib/log.ts';
import { addressSecrets } from '../load/secrets.ts';
import { type Notice, slackBody, webhookBody } from '../report/notice.ts';
import type { Line } from '../sync/line.ts';
import { createNotifier, type Notifier } from '../sync/notify.ts';
import { blockStatuses } from '../sync/status.ts';
import { troublesOf } from '../sync/troubles.ts';

export interface TellingOptions {
  readonly config: Config;
  readonly line: Pick<Line, 'sources' | 'targets' | 'definitions'>;
  readonly store: StateStore;
  /** How the repository of the flags stands; `ok` for a folder. */
  readonly flags: () => 'ok' | 'held' | 'failing';
  readonly clock: Clock;
  /** 0 ≤ x < 1. */
  readonly random: () => number;
  readonly log: Log;
  /** Applied to what is sent: messages were made without secrets, this is the second lock. */
  readonly redact: (text: string) => string;
}

const timeout = 10_000;
/** What a receiver answers is not looked at. */
const largestAnswer = 64 * 1024;

/** Tells those in `notify`, and the audit log, of blocks and troubles, until it is stopped. */
export function startTelling(options: TellingOptions): Notifier {
  const { config, line, store, clock, log, random } = options;
  const receivers = config.notify ?? [];
  const clients = receivers.map(({ url }, index) =>
    createHttpClient({
      name: `notify ${index + 1}`,
      baseUrl: url,
      timeout,
      maxBytes: largestAnswer,
      secrets: addressSecrets(url),
      clock,
    }),
  );
  const notifier = createNotifier({
    receivers,
    store,
    clock,
    random,
    log,
    blocks: () => blockStatuses(store.blocks()),
    troubles: () => troublesOf(line, options.flags()),
    async send(index, news, signal) {
      const notice = redacted({ ...news, instance: config.instance, time: clock.now() }, options.redact);
      await post(clients[index] as HttpClient, receivers[index] as Receiver, notice, signal);
    },
  });
  return {
    async stop() {
      await notifier.stop();
      await Promise.all(clients.map(client => client.close()));
    },
  };
}

async function post(client: HttpClient, { type }: Receiver, notice: Notice, signal: AbortSignal): Promise<void> {
  const request = { method: 'POST', json: type === 'slack' ? slackBody(notice) : webhookBody(notice), signal } as const;
  const response = await client.send(request);
  if (!response.ok)
    throw client.unexpected(request, response, 'Look at "notify" of the configuration: is the address right?');
}

function redacted(notice: Notice, redact: (text: string) => string): Notice {
  return {
    ...notice,
    blocked: notice.blocked.map(block => ({ ...block, reason: redact(block.reason) })),
    things: notice.things.map(({ what, message }) => ({ what, message: redact(message) })),
  };
}
