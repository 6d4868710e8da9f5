import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { Pool } from 'undici';
import { now } from './clock.ts';
import type { Edit } from './policies.ts';
import { median } from './stats.ts';

const run = promisify(execFile);

/** A way to ask OPA for everything a case needs; resolves to the ms that it took. */
export type Ask = () => Promise<number>;

export interface OpaClient {
  edit(edit: Edit): Promise<void>;
  /** Of the ways to ask (package, rule by rule, curl for large answers) the one that is fastest here, and its name. */
  cheapest(rules: readonly string[], large: boolean): Promise<{ ask: Ask; name: string }>;
  /** Answered questions to /v1/data so far, as OPA itself counts them. */
  questions(): Promise<number>;
  stop(): Promise<void>;
}

const AT_ONCE = 16;

/** The benchmarks' own client of OPA: as little between the socket and the clock as can be. */
export function createOpaClient(url: string): OpaClient {
  const pool = new Pool(url, { connections: AT_ONCE, headersTimeout: 0, bodyTimeout: 0 });
  const read = async (path: string): Promise<void> => {
    const { statusCode, body } = await pool.request({ method: 'GET', path });
    // Read, not parsed, not kept.
    for await (const _ of body);
    if (statusCode !== 200) throw new Error(`OPA answered ${statusCode} to ${path}`);
  };
  const strict = (path: string) => `/v1/data/${path}?strict-builtin-errors=true`;
  const timed = async (act: () => Promise<void>): Promise<number> => {
    const began = now();
    await act();
    return now() - began;
  };
  return {
    async edit({ method, path, body }) {
      const { statusCode, body: answer } = await pool.request({
        method,
        path: `/v1/data/${path}`,
        headers: { 'content-type': method === 'PATCH' ? 'application/json-patch+json' : 'application/json' },
        body: body === undefined ? null : JSON.stringify(body),
      });
      const text = await answer.text();
      if (statusCode >= 300) throw new Error(`OPA answered ${statusCode}: ${text}`);
    },
    async cheapest(rules, large) {
      const ways = new Map<string, Ask>();
      ways.set('package', () => timed(() => read(strict('bench'))));
      ways.set('rule by rule', () => timed(() => allOf(rules, rule => read(strict(`bench/${rule}`)))));
      if (large && (await hasCurl())) ways.set('curl', () => curl(`${url}${strict(`bench/${rules[0]}`)}`));
      let best: { ask: Ask; name: string; took: number } | undefined;
      for (const [name, ask] of ways) {
        await ask();
        const took = median([await ask(), await ask(), await ask()]);
        if (best === undefined || took < best.took) best = { ask, name, took };
      }
      if (best === undefined) throw new Error('no way to ask');
      return best;
    },
    async questions() {
      const { body } = await pool.request({ method: 'GET', path: '/metrics' });
      const text = await body.text();
      const counted = text.matchAll(/^http_request_duration_seconds_count\{.*handler="v1\/data".*\} (\d+)$/gm);
      return [...counted].reduce((sum, [, count]) => sum + Number(count), 0);
    },
    stop: () => pool.destroy(),
  };
}

async function allOf(rules: readonly string[], ask: (rule: string) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async () => {
    for (let index = next++; index < rules.length; index = next++) await ask(rules[index] ?? '');
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

async function hasCurl(): Promise<boolean> {
  return run('curl', ['--version']).then(
    () => true,
    () => false,
  );
}

async function curl(url: string): Promise<number> {
  const { stdout } = await run('curl', ['-sf', '-o', '/dev/null', '-w', '%{time_total}', url]);
  return Number(stdout) * 1_000;
}
