import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface SoakTarget {
  readonly port: number;
  /** Who has each toggle, as last written. */
  readonly held: ReadonlyMap<string, ReadonlySet<string>>;
  /** Writes that were answered with 2xx, and the steady members that any of them took out: none should. */
  readonly counts: { writes: number; wronged: number };
  stop(): Promise<void>;
}

/** A REST target on the loopback that remembers lists. `onWrite` is told each list that was taken. */
export async function startTarget(onWrite: (toggle: string, users: ReadonlySet<string>) => void): Promise<SoakTarget> {
  const held = new Map<string, ReadonlySet<string>>();
  const counts = { writes: 0, wronged: 0 };
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('error', () => {});
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = JSON.parse(Buffer.concat(chunks).toString() || '{}') as { key?: string; users?: string[] };
      const inPath = decodeURIComponent(new URL(request.url ?? '', 'http://target').pathname.split('/').at(-1) ?? '');
      const key = request.method === 'POST' ? (body.key ?? '') : inPath;
      const isNew = !held.has(key);
      if (request.method === 'POST' && !isNew) return void response.writeHead(409).end('{}');
      if (request.method === 'PATCH' && isNew) return void response.writeHead(404).end('{}');
      if (isNew) held.set(key, new Set());
      if (body.users !== undefined) {
        const users = new Set(body.users);
        for (const member of held.get(key) ?? []) {
          if (member.startsWith('user-') && !users.has(member)) counts.wronged += 1;
        }
        held.set(key, users);
        onWrite(key, users);
      }
      counts.writes += 1;
      response.writeHead(isNew ? 201 : 200, { 'content-type': 'application/json' }).end('{}');
    });
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    held,
    counts,
    async stop() {
      server.closeAllConnections();
      await new Promise<void>(resolve => server.close(() => resolve()));
    },
  };
}
