import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Account, Changed, Environment, Project } from './model.ts';
import { sdkData, sdkFlag, sdkSegment } from './sdk-payload.ts';
import { lastVersion } from './store.ts';

/** What the server SDKs ask: a stream of changes, or everything at once. */
export interface SdkSide {
  /** Answers `/all` and `/sdk/latest-all`; false: it was something else. */
  readonly handle: (request: IncomingMessage, path: string, response: ServerResponse) => boolean;
  readonly changed: (changed: Changed) => void;
  /** Streams that are open now. */
  readonly open: number;
  /** Ends all streams; SDKs come back after a while. */
  readonly drop: () => void;
}

interface Stream {
  readonly project: Project;
  readonly environment: Environment;
  readonly response: ServerResponse;
}

/** The SDK side of an account. An unknown SDK key is 401. */
export function createSdkSide(account: Account): SdkSide {
  const streams = new Set<Stream>();

  function placeOf(sdkKey: string | undefined): { project: Project; environment: Environment } | undefined {
    for (const project of account.projects.values()) {
      for (const environment of project.environments.values())
        if (environment.sdkKey === sdkKey) return { project, environment };
    }
    return undefined;
  }

  function send(response: ServerResponse, event: string, data: unknown): void {
    response.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
  }

  return {
    handle(request, path, response) {
      if (path !== '/all' && path !== '/sdk/latest-all') return false;
      const place = placeOf(request.headers.authorization);
      if (place === undefined) {
        response.writeHead(401).end();
        return true;
      }
      const data = sdkData(place.project, place.environment);
      if (path === '/sdk/latest-all') {
        response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(data));
        return true;
      }
      response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
      send(response, 'put', { path: '/', data });
      const stream = { ...place, response };
      streams.add(stream);
      response.once('close', () => streams.delete(stream));
      return true;
    },
    changed({ project, kind, key, environment }) {
      for (const stream of streams) {
        if (stream.project.key !== project) continue;
        if (environment !== undefined && stream.environment.key !== environment) continue;
        const path = `/${kind}s/${key}`;
        const found = kind === 'flag' ? liveFlag(stream, key) : liveSegment(stream, key);
        if (found !== undefined) send(stream.response, 'patch', { path, data: found });
        else
          send(stream.response, 'delete', {
            path,
            version: lastVersion(account, `${project}/${stream.environment.key}/${kind}/${key}`),
          });
      }
    },
    get open() {
      return streams.size;
    },
    drop() {
      for (const { response } of streams) response.destroy();
    },
  };
}

function liveFlag({ project, environment }: Stream, key: string): Record<string, unknown> | undefined {
  const flag = project.flags.get(key);
  return flag === undefined || flag.archivedDate !== undefined ? undefined : sdkFlag(flag, environment.key);
}

function liveSegment({ environment }: Stream, key: string): Record<string, unknown> | undefined {
  const segment = environment.segments.get(key);
  return segment === undefined ? undefined : sdkSegment(segment);
}
