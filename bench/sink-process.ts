/**
 * The REST target of the benchmarks, in a process of its own: takes any POST and PATCH, stamps the moment at which the
 * whole body was read, tells the parent, and keeps the last body of each key unparsed until it is asked for.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { now } from './clock.ts';
import type { FromSink, ToSink } from './sink.ts';

const bodies = new Map<string, Buffer[]>();

const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  let bytes = 0;
  request.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    bytes += chunk.length;
  });
  request.on('end', () => {
    const at = now();
    const creating = request.method === 'POST';
    response.writeHead(creating ? 201 : 200, { 'content-type': 'application/json' });
    response.end('{}');
    const key = decodeURIComponent((request.url ?? '').split('/').at(-1) ?? '');
    if (!creating) bodies.set(key, chunks);
    tell({ type: 'write', method: request.method ?? '', key, bytes, at });
  });
});
server.requestTimeout = 0;
server.keepAliveTimeout = 120_000;
server.listen(0, '127.0.0.1', () => tell({ type: 'listening', port: (server.address() as AddressInfo).port }));

process.on('message', (asked: ToSink) => {
  const body: unknown = JSON.parse(Buffer.concat(bodies.get(asked.key) ?? []).toString() || '{}');
  const users = (body as { users?: unknown[] }).users;
  tell({ type: 'users', id: asked.id, count: users?.length ?? null, holds: users?.includes(asked.member) ?? false });
});
process.on('disconnect', () => process.exit());

function tell(message: FromSink): void {
  process.send?.(message);
}
