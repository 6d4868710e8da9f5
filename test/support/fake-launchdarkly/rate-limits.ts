/** Budgets per window of ten seconds. What is left out has no limit and no header. */
export interface RateLimits {
  /** All requests of the account. */
  readonly global?: number;
  /** Of each route: method and pattern. */
  readonly route?: number;
  /** Of each token. */
  readonly token?: number;
  /** Of the address; over it there is `Retry-After` and none of the other headers. */
  readonly ip?: number;
  /** Default 10,000. */
  readonly windowMs?: number;
  /** The reset that is told lies in the past, as happens. */
  readonly staleReset?: boolean;
}

export interface Verdict {
  readonly allowed: boolean;
  readonly headers: Readonly<Record<string, string>>;
}

export interface RateLimiter {
  /** Counts the request, also one that is refused. */
  readonly take: (token: string, route: string) => Verdict;
  /** How many requests were refused. */
  readonly refused: number;
}

/** `limits` is asked at each request, so that a test can change it. */
export function createRateLimiter(limits: () => RateLimits, now: () => number): RateLimiter {
  let windowStart = now();
  let used = new Map<string, number>();
  let refused = 0;

  function count(name: string): number {
    const next = (used.get(name) ?? 0) + 1;
    used.set(name, next);
    return next;
  }

  return {
    take(token, route) {
      const { windowMs = 10_000, staleReset = false, ...budgets } = limits();
      const at = now();
      if (at >= windowStart + windowMs) {
        windowStart = at - ((at - windowStart) % windowMs);
        used = new Map();
      }
      const resetAt = windowStart + windowMs;
      const headers: Record<string, string> = {};
      let allowed = true;
      const spend = (budget: number | undefined, name: string, header: string): void => {
        if (budget === undefined) return;
        const left = budget - count(name);
        if (left < 0) allowed = false;
        headers[header] = String(Math.max(0, left));
        headers['X-Ratelimit-Reset'] = String(staleReset ? at - 1_000 : resetAt);
      };
      if (budgets.ip !== undefined && count('ip') > budgets.ip) {
        refused++;
        return { allowed: false, headers: { 'Retry-After': String(Math.max(1, Math.ceil((resetAt - at) / 1_000))) } };
      }
      spend(budgets.global, 'global', 'X-Ratelimit-Global-Remaining');
      spend(budgets.route, `route ${route}`, 'X-Ratelimit-Route-Remaining');
      spend(budgets.token, `token ${token}`, 'X-Ratelimit-Auth-Token-Remaining');
      if (!allowed) refused++;
      return { allowed, headers };
    },
    get refused() {
      return refused;
    },
  };
}
