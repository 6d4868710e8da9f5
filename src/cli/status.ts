import type { Config } from '../domain/config.ts';
import { ProblemError } from '../domain/problem.ts';
import { createHttpClient } from '../lib/http.ts';
import { reportStatus, type StatusView } from '../report/status.ts';
import { type Context, lookOf, openConfig, writeJson } from './context.ts';
import { tokenFor } from './server.ts';

export interface StatusFlags {
  readonly config?: string | undefined;
  readonly json?: string | undefined;
  readonly server?: string | undefined;
}

const patience = 10_000;
const largestStatus = 64 * 1024 * 1024;

/** `optoggles status`: what a running instance says of itself, asked with the token in `OPTOGGLES_TOKEN`, or the first that the configuration has. */
export async function statusCommand(context: Context, flags: StatusFlags): Promise<void> {
  const baseUrl = flags.server ?? boundTo((await openConfig(context, flags.config, 'look')).config.bind);
  const token = await tokenFor(context, flags.config, 'read');
  const client = createHttpClient({
    name: 'the running instance',
    baseUrl,
    timeout: patience,
    maxBytes: largestStatus,
    ...(token !== undefined && { headers: { authorization: `Bearer ${token}` } }),
  });
  try {
    const status = await client.json({ path: '/api/status' });
    if (!isStatus(status)) {
      throw new ProblemError({
        code: 'no-optoggles',
        message: 'What answers there is no OPToggles.',
        hint: 'Name the running instance with --server URL.',
      });
    }
    if (flags.json !== undefined) await writeJson(context, flags.json, `${JSON.stringify(status, null, 2)}\n`);
    if (flags.json !== '-') context.stdout.write(reportStatus(status, lookOf(context.stdout, context.env)));
  } finally {
    await client.close();
  }
}

function boundTo({ host, port }: Config['bind']): string {
  const here = host === '0.0.0.0' || host === '::' ? 'localhost' : host.includes(':') ? `[${host}]` : host;
  return `http://${here}:${port}`;
}

function isStatus(value: unknown): value is StatusView {
  if (typeof value !== 'object' || value === null) return false;
  const lists = ['problems', 'sources', 'targets', 'toggles', 'blocked'] as const;
  return 'instance' in value && lists.every(name => Array.isArray((value as Record<string, unknown>)[name]));
}
