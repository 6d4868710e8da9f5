import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What is answered to the next requests. */
export interface RawAnswer {
  readonly status?: number;
  readonly type?: string;
  readonly body: string | Uint8Array;
}

export interface RawServer {
  readonly url: string;
  /** Answers of a path that contains a key of it; else `other`. */
  say(answers: Readonly<Record<string, RawAnswer>>, other?: RawAnswer): void;
  /** Takes requests over: for what no answer can say. */
  takeOver(handle: ((request: IncomingMessage, response: ServerResponse) => void) | undefined): void;
  close(): Promise<void>;
}

/** A server on loopback that answers whatever it was told to. */
export async function openRawServer(): Promise<RawServer> {
  let known: Readonly<Record<string, RawAnswer>> = {};
  let rest: RawAnswer = { status: 404, body: '' };
  let taken: ((request: IncomingMessage, response: ServerResponse) => void) | undefined;
  const server = createServer((request, response) => {
    request.resume();
    if (taken !== undefined) return taken(request, response);
    const url = request.url ?? '';
    const answer = Object.entries(known).find(([part]) => url.includes(part))?.[1] ?? rest;
    response.writeHead(answer.status ?? 200, { 'content-type': answer.type ?? 'application/json' });
    response.end(answer.body);
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    say(answers, other = { status: 404, body: '' }) {
      known = answers;
      rest = other;
    },
    takeOver(handle) {
      taken = handle;
    },
    close() {
      server.closeAllConnections();
      return new Promise(resolve => server.close(() => resolve()));
    },
  };
}
