import { request } from 'node:http';
import { onTestFinished } from 'vitest';
import { listenOn } from './loopback-server.ts';

/** One host in front of several services: the first segment of a path says which. */
export interface Routed {
  readonly url: string;
  /** From now on that segment goes to this `endpointUrl`. */
  route(segment: string, endpointUrl: string): void;
}

/** A host on loopback that passes requests on; ends with the test. What it does not know is a 404. */
export async function routed(): Promise<Routed> {
  const routes = new Map<string, string>();
  const server = await listenOn('127.0.0.1', (incoming, body, response) => {
    const [, segment = '', rest = ''] = /^\/([^/]+)(.*)$/.exec(incoming.url ?? '') ?? [];
    const endpoint = routes.get(segment);
    if (endpoint === undefined) {
      response.writeHead(404).end();
      return;
    }
    const { method, headers } = incoming;
    const onward = request(`${endpoint}${rest}`, { method, headers, agent: false }, answer => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    onward.on('error', () => response.destroy());
    response.on('close', () => onward.destroy());
    onward.end(body);
  });
  onTestFinished(() => server.stop());
  return { url: server.url, route: (segment, endpointUrl) => void routes.set(segment, endpointUrl) };
}
