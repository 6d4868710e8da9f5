import type { Dispatcher } from 'undici';
import type { Network } from '../../src/lib/http-connections.ts';
import type { Life } from './life.ts';
import type { Random } from './random.ts';
import type { SimClock } from './sim-clock.ts';

export interface Request {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

export interface Reply {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly text?: string;
  /** Called when all of it has arrived. */
  readonly arrived?: () => void;
}

/** What goes wrong with one request. `done`: it is carried out all the same. */
export type Mishap =
  | { readonly kind: 'refused' }
  | { readonly kind: 'reset' | 'half' | 'silent'; readonly done: boolean }
  | { readonly kind: 'status'; readonly status: number; readonly retryAfter?: number; readonly done: boolean }
  /** It is carried out after `before` ms, and answered after `after` more. */
  | { readonly kind: 'slow'; readonly before: number; readonly after: number };

/** Who answers at an address. */
export interface Host {
  serve(request: Request): Reply;
  /** Decides when a request is sent. */
  mishap?(request: Request): Mishap | undefined;
  /** A request leaves for it. */
  sent?(request: Request): void;
}

/** A network without sockets. What is on its way when its sender ends may arrive or not. */
export interface SimNetwork {
  /** By origin, `http://opa:8181`. */
  readonly hosts: Map<string, Host>;
  of(life: Life): Network;
  /** What that process had under way is carried out now or never. */
  end(life: Life): void;
  /** Called for each answer that arrived, or did not: a line for the story. */
  told: (line: string) => void;
}

/** Ways take so long (ms). */
const quickest = 1;
const slowest = 15;

export function createNetwork(clock: SimClock, random: Random): SimNetwork {
  const hosts = new Map<string, Host>();
  const underWay = new Map<Life, Set<() => void>>();

  function send(life: Life, options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): void {
    const origin = String(options.origin);
    const request: Request = {
      method: options.method,
      path: options.path,
      headers: (options.headers ?? {}) as Readonly<Record<string, string>>,
      text: textOf(options.body),
    };
    const host = hosts.get(origin);
    const mishap: Mishap | undefined = host ? host.mishap?.(request) : { kind: 'refused' };
    let over = false;
    let isExecuted = false;
    const name = `${life.number} ${request.method} ${origin}${request.path}`;

    function execute(): Reply {
      isExecuted = true;
      return (host as Host).serve(request);
    }
    function finish(act: () => void): void {
      if (over || !life.alive) return;
      over = true;
      underWay.get(life)?.delete(orphan);
      act();
    }
    function fail(code: string): void {
      finish(() => {
        network.told(`${name} -> ${code}`);
        handler.onResponseError?.(controller, Object.assign(new Error(code), { code }));
      });
    }
    function answer({ status, headers = {}, text = '', arrived }: Reply, half: boolean): void {
      finish(() => {
        network.told(`${name} -> ${status}${half ? ' half' : ''}`);
        handler.onResponseStart?.(controller, status, { 'content-type': 'application/json', ...headers }, '');
        const body = Buffer.from(half ? text.slice(0, text.length >> 1) : text);
        if (body.length > 0) handler.onResponseData?.(controller, body);
        if (half) {
          const error = Object.assign(new Error('other side closed'), { code: 'UND_ERR_SOCKET' });
          handler.onResponseError?.(controller, error);
          return;
        }
        arrived?.();
        handler.onResponseEnd?.(controller, {});
      });
    }
    /** Nobody waits for it any more: it is carried out now, or got lost on its way. */
    function orphan(): void {
      if (over) return;
      over = true;
      if (!isExecuted && mayBeDone(mishap) && host && random.chance(0.5)) execute();
    }
    const controller = {
      aborted: false,
      paused: false,
      reason: null,
      pause() {},
      resume() {},
      abort(reason: Error) {
        if (over) return;
        underWay.get(life)?.delete(orphan);
        orphan();
        network.told(`${name} -> given up`);
        handler.onResponseError?.(controller, reason);
      },
    } as Dispatcher.DispatchController;

    let waiting = underWay.get(life);
    if (waiting === undefined) underWay.set(life, (waiting = new Set()));
    waiting.add(orphan);
    handler.onRequestStart?.(controller, {});
    const way = (): number => quickest + random.int(slowest - quickest);
    if (mishap?.kind === 'refused') {
      clock.after(way(), () => fail('ECONNREFUSED'));
      return;
    }
    host?.sent?.(request);
    clock.after(way() + (mishap?.kind === 'slow' ? mishap.before : 0), () => {
      if (over) return;
      if (mishap === undefined || mishap.kind === 'slow') {
        const reply = execute();
        clock.after(way() + (mishap?.after ?? 0), () => answer(reply, false));
        return;
      }
      const reply = mishap.done ? execute() : undefined;
      if (mishap.kind === 'silent') return;
      clock.after(way(), () => {
        if (mishap.kind === 'status') {
          answer({ status: mishap.status, headers: retryAfter(mishap.retryAfter), text: '{}' }, false);
        } else if (mishap.kind === 'reset') fail('ECONNRESET');
        else answer(reply ?? { status: 200, text: '{"half":"answer"}' }, true);
      });
    });
  }

  const network: SimNetwork = {
    hosts,
    told() {},
    of: life => () => ({
      dispatch(options, handler) {
        // Before it is sent, and after: either may be the last thing that happens.
        life.effect();
        send(life, options, handler);
        life.effect();
        return true;
      },
      async destroy() {},
    }),
    end(life) {
      for (const orphan of underWay.get(life) ?? []) orphan();
      underWay.delete(life);
    },
  };
  return network;
}

function mayBeDone(mishap: Mishap | undefined): boolean {
  if (mishap === undefined || mishap.kind === 'slow') return true;
  return mishap.kind !== 'refused' && mishap.done;
}

function retryAfter(seconds: number | undefined): Readonly<Record<string, string>> {
  return seconds === undefined ? {} : { 'retry-after': String(seconds) };
}

function textOf(body: unknown): string {
  if (typeof body === 'string') return body;
  return body instanceof Uint8Array ? Buffer.from(body).toString('utf8') : '';
}
