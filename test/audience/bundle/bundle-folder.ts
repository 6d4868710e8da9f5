import { copyFile, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { bundleSource } from '../../../src/audience/bundle/index.ts';
import type { Ask, Audience, Source, Unchanged } from '../../../src/domain/audience.ts';
import { audienceIdOf } from '../../../src/domain/identity.ts';
import type { Json } from '../../../src/domain/json.ts';
import { systemClock } from '../../../src/lib/clock.ts';
import { type Log, silentLog } from '../../../src/lib/log.ts';

const example = join(import.meta.dirname, '../../../examples/policy');
const fixtures = join(import.meta.dirname, 'fixtures');

/** A folder of its own with a bundle and data beside it, gone after the test. */
export async function bundleFolder(bundle: 'example' | 'odd' | 'heavy' = 'example') {
  const folder = await mkdtemp(join(tmpdir(), 'optoggles-bundle-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const from = bundle === 'example' ? join(example, 'bundle.tar.gz') : join(fixtures, `${bundle}.tar.gz`);
  await copyFile(from, join(folder, 'bundle.tar.gz'));
  await copyFile(join(example, 'data.json'), join(folder, 'data.json'));
  const put = async (name: string, content: unknown) => {
    const text = typeof content === 'string' ? content : JSON.stringify(content);
    await writeFile(join(folder, `${name}.new`), text);
    await rename(join(folder, `${name}.new`), join(folder, name));
  };
  const warnings: object[] = [];
  const log: Log = { ...silentLog, warn: fields => void warnings.push(fields), child: () => log };
  return {
    folder,
    put,
    warnings,
    source: (settings: Readonly<Record<string, unknown>> = {}): Source => {
      const given = { path: 'bundle.tar.gz', data: 'data.json', ...settings };
      const source = bundleSource.create(given, {
        id: 'local',
        instance: 'test',
        folder,
        clock: systemClock,
        random: () => 0.5,
        log,
        callback: undefined,
      });
      onTestFinished(() => source.close(AbortSignal.timeout(5000)));
      return source;
    },
  };
}

/** One user per country, and nobody else. */
export function usersOf(countries: Readonly<Record<string, string>>) {
  const users = Object.entries(countries).map(([id, country]) => [id, { country, plan: 'pro', roles: [] }]);
  return { users: Object.fromEntries(users), early_access: [] };
}

export function askFor(rule: string, input?: Json, packageName: readonly string[] = ['app', 'rbac']): Ask {
  const policy = { source: 'local', package: packageName, rule, ...(input !== undefined && { input }) };
  return { id: audienceIdOf(policy, 'user'), policy, contextKind: 'user' };
}

/** What a source answers to each of the asks, in their order. */
export async function answers(source: Source, ...asks: readonly Ask[]): Promise<(Audience | Unchanged)[]> {
  const found: (Audience | Unchanged)[] = [];
  for await (const item of source.resolve(asks, AbortSignal.timeout(15_000))) found.push(item);
  return found;
}

/** The same in short: members, or what else it is. */
export async function told(source: Source, ...asks: readonly Ask[]): Promise<unknown[]> {
  return (await answers(source, ...asks)).map(item => {
    if ('unchanged' in item) return 'unchanged';
    if (item.state === 'failed') return item.error.code;
    if (item.state !== 'defined' || item.who.kind !== 'members') return item.state;
    return [...item.who.members.values()];
  });
}
