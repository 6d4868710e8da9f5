import { createServer, type Server } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import type { Source } from '../domain/audience.ts';
import type { CallbackTrial, Check } from '../domain/checkup.ts';
import type { Config } from '../domain/config.ts';
import { toProblem } from '../domain/problem.ts';
import { createHttpClient } from '../lib/http.ts';

export interface TrialOptions {
  readonly config: Pick<Config, 'bind' | 'readTokens' | 'adminTokens'>;
  readonly signal: AbortSignal;
  /** ms; for tests. */
  readonly patience?: number;
}

/** OPAL reports once it has loaded everything again, and tries five times over up to 35 s (seen on 0.9). */
const patience = 40_000;
const lookEvery = 250;
const silence = 'No callback came.';
const silenceHint =
  'Start the OPAL client with OPAL_SHOULD_REPORT_ON_DATA_UPDATES=true (it is off by default), and look whether it reaches the address that "advertisedAddress" or "callbackUrl" names.';

/**
 * Whether a callback arrives when OPAL is made to send one. Where an instance runs at `bind`, its status tells; else a
 * listener of our own waits there, under a registration of its own.
 */
export async function* checkCallbacks(source: Source, options: TrialOptions): AsyncGenerator<Check> {
  if (!source.announces || source.callbackTrial === undefined) return;
  const { signal } = options;
  let listener: Listener | undefined;
  let trial: CallbackTrial | undefined;
  try {
    listener = await listen(options.config.bind);
    trial = await source.callbackTrial(listener !== undefined, signal);
    const before = listener ? null : await lastCallback(options, source.id);
    await trial.trigger();
    const limit = Date.now() + (options.patience ?? patience);
    let came = false;
    while (!came && Date.now() < limit) {
      await delay(lookEvery, undefined, { signal });
      came = listener ? listener.heard(trial.bearer) : (await lastCallback(options, source.id)) !== before;
    }
    if (came) {
      const where = listener ? 'here' : 'at the running instance';
      yield {
        what: 'called back',
        state: 'ok',
        message: `OPAL loaded everything again, and its callback arrived ${where}.`,
      };
    } else yield { what: 'called back', state: 'fail', message: silence, hint: silenceHint };
  } catch (error) {
    if (signal.aborted) throw error;
    const { message, hint } = toProblem(error);
    yield { what: 'called back', state: 'fail', message, ...(hint !== undefined && { hint }) };
  } finally {
    await trial?.end().catch(() => {});
    await listener?.close();
  }
}

interface Listener {
  /** A callback with this bearer came. */
  heard(bearer: string): boolean;
  close(): Promise<void>;
}

/** Undefined: somebody listens there already. */
async function listen({ host, port }: Config['bind']): Promise<Listener | undefined> {
  const heard = new Set<string>();
  const server: Server = createServer((request, response) => {
    request.resume();
    heard.add(request.headers.authorization ?? '');
    response.end('{}');
  });
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, host === '' ? undefined : host, resolve);
    });
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EADDRINUSE') return undefined;
    throw error;
  }
  return {
    heard: bearer => heard.has(`Bearer ${bearer}`),
    async close() {
      server.closeAllConnections();
      await new Promise(resolve => server.close(resolve));
    },
  };
}

/** When the running instance was last called back for that source, as it says it. */
async function lastCallback({ config }: TrialOptions, id: string): Promise<string | null> {
  const { host, port } = config.bind;
  const here =
    host === '' || host === '0.0.0.0' || host === '::' ? 'localhost' : host.includes(':') ? `[${host}]` : host;
  const token = [...config.readTokens, ...config.adminTokens].find(one => one.token !== '')?.token;
  const client = createHttpClient({
    name: 'the running instance',
    baseUrl: `http://${here}:${port}`,
    timeout: 10_000,
    maxBytes: 64 * 1024 * 1024,
    ...(token !== undefined && { headers: { authorization: `Bearer ${token}` } }),
  });
  try {
    const status = (await client.json({ path: '/api/status' })) as { readonly sources?: unknown } | null;
    const sources = Array.isArray(status?.sources) ? (status.sources as unknown[]) : [];
    const found = sources.find(one => typeof one === 'object' && one !== null && 'id' in one && one.id === id);
    const isKnown = typeof found === 'object' && found !== null && 'lastCallbackAt' in found;
    return isKnown && typeof found.lastCallbackAt === 'string' ? found.lastCallbackAt : null;
  } finally {
    await client.close();
  }
}
