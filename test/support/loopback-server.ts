import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A server for a fake: it keeps its port from the first start on, so that it can go away and come back. */
export interface LoopbackServer {
  readonly url: string;
  readonly port: number;
  readonly start: () => Promise<void>;
  /** Does nothing while nobody listens. */
  readonly stop: () => Promise<void>;
  /** Ends all connections and goes on listening. */
  readonly dropConnections: () => void;
}

/** Listens on a free port of `host`; `handle` gets each request with its whole body as text. */
export async function listenOn(
  host: string,
  handle: (request: IncomingMessage, body: string, response: ServerResponse) => void,
): Promise<LoopbackServer> {
  let server: Server;
  let port = 0;

  function start(): Promise<void> {
    server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => handle(request, Buffer.concat(chunks).toString(), response));
    });
    return new Promise(resolve =>
      server.listen(port, host, () => {
        ({ port } = server.address() as AddressInfo);
        resolve();
      }),
    );
  }

  await start();
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${port}`,
    port,
    start,
    async stop() {
      if (!server.listening) return;
      server.closeAllConnections();
      await new Promise(resolve => server.close(resolve));
    },
    dropConnections: () => server.closeAllConnections(),
  };
}
