import { createServer } from 'node:http';

export interface DataServer {
  /** Where OPAL fetches `path`: any path that was `set`. */
  url(path: string): string;
  /** The JSON that `path` answers from now on. */
  set(path: string, value: unknown): void;
  /** While it is set, every request is answered with this status. */
  failWith(status: number | undefined): void;
  /** Paths asked so far, in order. */
  readonly asked: readonly string[];
  stop(): Promise<void>;
}

/** What stands for the customer's own API that OPAL fetches data from. */
export async function startDataServer(): Promise<DataServer> {
  const values = new Map<string, string>();
  const asked: string[] = [];
  let failing: number | undefined;
  const server = createServer((request, response) => {
    const path = request.url ?? '/';
    asked.push(path);
    const body = values.get(path);
    response.writeHead(failing ?? (body === undefined ? 404 : 200), { 'content-type': 'application/json' });
    response.end(failing === undefined ? (body ?? '{}') : '{}');
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return {
    url: path => `http://127.0.0.1:${port}${path}`,
    set: (path, value) => void values.set(path, JSON.stringify(value)),
    failWith: status => {
      failing = status;
    },
    asked,
    stop: () =>
      new Promise(resolve => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
