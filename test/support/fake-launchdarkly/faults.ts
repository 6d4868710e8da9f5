import type { IncomingMessage, ServerResponse } from 'node:http';

/** What the fake does instead of answering as it should. `applied`: the request takes effect nevertheless. */
export type LaunchDarklyFault =
  | {
      readonly kind: 'status';
      readonly status: number;
      readonly code?: string;
      readonly message?: string;
      readonly headers?: Readonly<Record<string, string>>;
      readonly applied?: boolean;
    }
  /** Answers as it should, once the promise resolves; whether it takes effect before or after waiting. */
  | { readonly kind: 'hold'; readonly until: Promise<unknown>; readonly when?: 'before' | 'after' }
  /** `reset` with `applied` is "done but unanswered"; `half-answer`: a head that promises more than comes. */
  | { readonly kind: 'hang' | 'reset' | 'half-answer'; readonly applied?: boolean };

/** Which requests; what is left out fits all. */
export interface FaultMatch {
  readonly method?: string;
  /** A part of the path with its query, or a pattern. */
  readonly path?: string | RegExp;
  /** A part of the body's text, or a pattern. */
  readonly body?: string | RegExp;
  /** How often; without it until lifted. */
  readonly times?: number;
  /** So many fitting requests are answered first. */
  readonly after?: number;
  /** Called as the fault strikes, before it: somebody else's change at that very moment. */
  readonly meanwhile?: () => void;
}

/** 409 as LaunchDarkly answers when another write was faster. */
export const OPTIMISTIC_LOCK: LaunchDarklyFault = {
  kind: 'status',
  status: 409,
  code: 'optimistic_locking_error',
  message: 'Conflict. Optimistic lock error. Try again later.',
};

export interface Faults {
  /** Returns what lifts the fault. The oldest that fits is taken. */
  readonly add: (fault: LaunchDarklyFault, match?: FaultMatch) => () => void;
  readonly take: (method: string, path: string, body: string) => LaunchDarklyFault | undefined;
}

interface Standing {
  readonly fault: LaunchDarklyFault;
  readonly match: FaultMatch;
  left: number;
  spared: number;
}

export function createFaults(): Faults {
  const standing = new Set<Standing>();
  return {
    add(fault, match = {}) {
      const one = { fault, match, left: match.times ?? Number.POSITIVE_INFINITY, spared: match.after ?? 0 };
      standing.add(one);
      return () => standing.delete(one);
    },
    take(method, path, body) {
      for (const one of standing) {
        const { match } = one;
        if (match.method !== undefined && match.method !== method) continue;
        if (!fits(match.path, path) || !fits(match.body, body)) continue;
        if (one.spared > 0) {
          one.spared--;
          continue;
        }
        one.left--;
        if (one.left <= 0) standing.delete(one);
        match.meanwhile?.();
        return one.fault;
      }
      return undefined;
    },
  };
}

function fits(wanted: string | RegExp | undefined, text: string): boolean {
  if (wanted === undefined) return true;
  return typeof wanted === 'string' ? text.includes(wanted) : wanted.test(text);
}

/** Answers, or does not answer, as the fault says; `seen.status` is what went out. */
export function strike(
  fault: Exclude<LaunchDarklyFault, { kind: 'hold' }>,
  request: IncomingMessage,
  response: ServerResponse,
  seen: { status: number },
): void {
  switch (fault.kind) {
    case 'status': {
      seen.status = fault.status;
      const body = { code: fault.code ?? 'fault', message: fault.message ?? 'a fault of the fake' };
      response.writeHead(fault.status, { ...fault.headers, 'content-type': 'application/json' });
      response.end(JSON.stringify(body));
      return;
    }
    case 'hang':
      return;
    case 'reset':
      request.socket.resetAndDestroy();
      return;
    case 'half-answer':
      request.socket.end('HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 900\r\n\r\n{"key":');
  }
}
