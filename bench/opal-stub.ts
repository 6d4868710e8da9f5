import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Pool } from 'undici';
import { until } from '../test/peers/until.ts';

interface Registration {
  readonly key: string;
  readonly url: string;
  readonly config?: { readonly headers?: Readonly<Record<string, string>> };
}

export interface OpalStub {
  readonly url: string;
  /** Sends one callback to whoever is registered, as OPAL does after an update. Resolves when it was answered. */
  callback(): Promise<void>;
  /** Resolves when somebody has registered. */
  registered(): Promise<void>;
  stop(): Promise<void>;
}

const REPORT = JSON.stringify({ update_id: 'bench', reports: [], policy_hash: null, user_data: {} });

/** An OPAL client's callback registry and nothing else: the cases need a callback at a known moment. */
export async function startOpalStub(connections: number): Promise<OpalStub> {
  const held = new Map<string, Registration>();
  const server = createServer((request, response) => {
    const key = decodeURIComponent((request.url ?? '').split('/')[2] ?? '');
    let text = '';
    request.on('data', chunk => (text += String(chunk)));
    request.on('end', () => {
      const answer = (status: number, body: unknown) => {
        response.writeHead(status, { 'content-type': 'application/json' });
        response.end(status === 204 ? undefined : JSON.stringify(body));
      };
      if (!request.url?.startsWith('/callbacks')) return answer(200, { status: 'ok' });
      if (request.method === 'POST') {
        const entry = JSON.parse(text) as Registration;
        held.set(entry.key, entry);
        return answer(200, entry);
      }
      if (key === '') return answer(200, [...held.values()]);
      if (!held.has(key)) return answer(404, { detail: 'callback not found' });
      if (request.method === 'DELETE') {
        held.delete(key);
        return answer(204, undefined);
      }
      return answer(200, held.get(key));
    });
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  let pool: Pool | undefined;
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async callback() {
      const [entry] = held.values();
      if (entry === undefined) throw new Error('nobody registered a callback');
      const { origin, pathname } = new URL(entry.url);
      pool ??= new Pool(origin, { connections });
      const headers = { 'content-type': 'application/json', ...entry.config?.headers };
      const { statusCode, body } = await pool.request({ method: 'POST', path: pathname, headers, body: REPORT });
      await body.dump();
      if (statusCode !== 200) throw new Error(`the callback was answered with ${statusCode}`);
    },
    async registered() {
      await until('a callback is registered', () => held.size > 0);
    },
    async stop() {
      await pool?.destroy();
      server.closeAllConnections();
      await new Promise<void>(resolve => server.close(() => resolve()));
    },
  };
}
