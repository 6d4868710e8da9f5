import { ProblemError } from '../domain/problem.ts';
import { createHttpClient } from '../lib/http.ts';
import { reportStatus, type StatusView } from '../report/status.ts';
import { type Context, lookOf, openConfig, writeJson } from './context.ts';
import { tokenVariable } from './server.ts';

export interface StatusFlags {
  readonly config?: string | undefined;
  readonly json?: string | undefined;
  readonly server?: string | undefined;
}

const patience = 10_000;
const largestStatus = 64 * 1024 * 1024;

/** `optoggles status`: what a running instance says of itself, asked with the token in `OPTOGGLES_TOKEN`, or the first that the configuration has. */
export async function statusCommand(context: Context, flags: StatusFlags): Promise<void> {
  const { config } = await openConfig(context, flags.config, 'look');
  const { host, port } = config.bind;
  const here = host === '0.0.0.0' || host === '::' ? 'localhost' : host.includes(':') ? `[${host}]` : host;
  // An empty one is a variable that is not set.
  const told = context.env[tokenVariable]?.trim() || undefined;
  const token = told ?? [...config.readTokens, ...config.adminTokens].find(one => one.token !== '')?.token;
  const client = createHttpClient({
    name: 'the running instance',
    baseUrl: flags.server ?? `http://${here}:${port}`,
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

function isStatus(value: unknown): value is StatusView {
  if (typeof value !== 'object' || value === null) return false;
  const lists = ['problems', 'sources', 'targets', 'toggles', 'blocked'] as const;
  return 'instance' in value && lists.every(name => Array.isArray((value as Record<string, unknown>)[name]));
}
