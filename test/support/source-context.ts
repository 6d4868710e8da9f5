import { tmpdir } from 'node:os';
import { audienceIdOf } from '../../src/domain/identity.ts';
import type { Ask, Audience, Source, Unchanged } from '../../src/domain/audience.ts';
import type { Json } from '../../src/domain/json.ts';
import type { SourceContext } from '../../src/audience/kind.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { silentLog } from '../../src/lib/log.ts';

/** What a source gets, for tests. */
export function sourceContext(given: Partial<SourceContext> = {}): SourceContext {
  return {
    id: 'example',
    instance: 'acme',
    folder: tmpdir(),
    clock: systemClock,
    random: () => 0.5,
    log: silentLog,
    callback: undefined,
    ...given,
  };
}

/** An ask for `app.rbac.us_users`, or for a list of segments. */
export function ask(rule: string | readonly string[], input?: Json, contextKind = 'user'): Ask {
  const segments = typeof rule === 'string' ? rule.split('.') : rule;
  const policy = {
    source: 'example',
    package: segments.slice(0, -1),
    rule: segments.at(-1) ?? '',
    ...(input !== undefined && { input }),
  };
  return { id: audienceIdOf(policy, contextKind), policy, contextKind };
}

/** Everything a source yields for these asks, in their order. */
export async function resolveAll(
  source: Source,
  asks: readonly Ask[],
  signal = new AbortController().signal,
): Promise<(Audience | Unchanged)[]> {
  const items = new Map<string, Audience | Unchanged>();
  for await (const item of source.resolve(asks, signal)) {
    if (items.has(item.id)) throw new Error('an audience was yielded twice');
    items.set(item.id, item);
  }
  return asks.map(({ id }) => {
    const item = items.get(id);
    if (item === undefined) throw new Error('an ask was not answered');
    return item;
  });
}

/** `unchanged`, `undefined`, `failed`, or the members. */
export function saidBy(item: Audience | Unchanged): string | string[] {
  if ('unchanged' in item) return 'unchanged';
  if (item.state !== 'defined' || item.who.kind !== 'members') return item.state;
  return [...item.who.members.values()];
}
