import { describe, expect, it, onTestFinished } from 'vitest';
import type { DesiredListing } from '../../../src/domain/listing.ts';
import type { Change } from '../../../src/domain/plan.ts';
import type { Target } from '../../../src/domain/target.ts';
import { applied, listingFor, placementChange } from '../../support/changes.ts';
import { targetLine, type Wanted } from '../../support/sync-once.ts';
import { recordHistory, servedIn } from './history.ts';
import { openLd } from './ld-harness.ts';

async function open(settings: Readonly<Record<string, unknown>> = {}) {
  const ld = await openLd({ settings: { environments: { production: 'production' }, ...settings } });
  onTestFinished(() => ld.close());
  const target = ld.target();
  return { ...ld, first: target, history: recordHistory(ld.fake, 'production') };
}

function relaxed(target: Target, key: string): DesiredListing {
  const listing = listingFor(target, { key });
  return { ...listing, placements: listing.placements.map(one => ({ ...one, guard: { allowEmpty: true } })) };
}

function users(from: number, to: number): string[] {
  return Array.from({ length: to - from }, (_, at) => `user-${String(from + at).padStart(5, '0')}`);
}

function wanted(target: Target, keys: readonly string[], members: readonly string[]): Wanted {
  return { listings: keys.map(key => relaxed(target, key)), audiences: { a1: members } };
}

/** Syncs until nothing is left to do. */
async function settle(line: ReturnType<typeof targetLine>, want: Wanted): Promise<void> {
  for (let passes = 0; passes < 4; passes++) if ((await line.sync(want)).changes.length === 0) return;
  throw new Error('it does not come to rest');
}

const keys = ['one', 'two', 'three'];

describe('one segment for all who share a policy', () => {
  it('is one write for one user, however many toggles', async () => {
    const { fake, first } = await open();
    const line = targetLine(first);
    const many = Array.from({ length: 40 }, (_, at) => `t-${at}`);
    await settle(line, wanted(first, many, users(0, 1200)));
    const before = fake.writes.length;
    await settle(line, wanted(first, many, users(0, 1201)));
    expect(fake.writes.slice(before).map(({ method, path }) => `${method} ${path.split('/')[3]}`)).toEqual([
      'PATCH segments',
    ]);
    const again = fake.writes.length;
    await settle(line, wanted(first, many, users(1, 1201)));
    expect(fake.writes.length - again).toBe(1);
    expect([...(fake.segment('default', 'production', 'optoggles-acme-test-a1')?.included[0]?.values ?? [])]).toEqual(
      users(1, 1201),
    );
  });

  it('moves from targets to the segment and back, and after every single write the SDK says what policy says', async () => {
    const { fake, first, history } = await open();
    const line = targetLine(first);
    await settle(line, wanted(first, keys, users(0, 1000)));
    expect(fake.segment('default', 'production', 'optoggles-acme-test-a1')).toBeUndefined();
    const steps: readonly (readonly string[])[] = [
      users(0, 1001),
      users(0, 900),
      users(100, 900),
      users(100, 601),
      users(100, 600),
      users(90, 590),
    ];
    let before = users(0, 1000);
    for (const after of steps) {
      history.take();
      await settle(line, wanted(first, keys, after));
      const people = ['user-00000', 'user-00095', 'user-00100', 'user-00599', 'user-00899', 'user-01000', 'nobody'];
      const had = people.filter(one => before.includes(one));
      const has = people.filter(one => after.includes(one));
      const states = history.take();
      expect(states.length).toBeGreaterThan(0);
      for (const state of states) {
        const served = await servedIn(state, keys, people);
        for (const key of keys) {
          // Whoever is in both the old and the new answer never loses it, and nobody else comes in.
          for (const one of people) {
            const is = served[key]?.includes(one);
            if (had.includes(one) && has.includes(one)) expect(is, `${one} keeps ${key}`).toBe(true);
            if (!had.includes(one) && !has.includes(one)) expect(is, `${one} never has ${key}`).toBe(false);
          }
        }
      }
      const last = states.at(-1);
      if (last === undefined) throw new Error('nothing was written');
      expect(await servedIn(last, keys, people)).toEqual(Object.fromEntries(keys.map(key => [key, has])));
      before = [...after];
    }
    // At 500 and below they are a list again, and the segment is gone.
    expect(fake.segment('default', 'production', 'optoggles-acme-test-a1')).toBeUndefined();
    expect(fake.config('default', 'one', 'production')?.rules).toEqual([]);
    expect(fake.config('default', 'one', 'production')?.targets).toHaveLength(1);
  });

  it('cuts what is large into requests of 1,500, revocations first', async () => {
    const { fake, first } = await open();
    const line = targetLine(first);
    await settle(line, wanted(first, ['one'], users(0, 4000)));
    const from = fake.writes.length;
    await settle(line, wanted(first, ['one'], users(2000, 6000)));
    const sizes = fake.writes
      .slice(from)
      .map(({ body }) =>
        (body as { instructions: { kind: string; values: string[] }[] }).instructions.map(
          ({ kind, values }) => `${kind} ${values.length}`,
        ),
      );
    expect(sizes).toEqual([
      ['removeIncludedTargets 1500'],
      ['removeIncludedTargets 500', 'addIncludedTargets 1000'],
      ['addIncludedTargets 1000'],
    ]);
  });

  it('keeps another kind of context in its segment', async () => {
    const { fake, first } = await open({ audienceAs: 'segment' });
    const line = targetLine(first);
    const listing = { ...relaxed(first, 'one'), contextKind: 'organization' };
    const draft = { ...listing, spec: {} };
    const shaped = first.shape(draft);
    if ('refused' in shaped) throw new Error('refused');
    await settle(line, { listings: [shaped.listing], audiences: { a1: ['acme', 'globex'] } });
    expect(fake.segment('default', 'production', 'optoggles-acme-test-a1')?.included).toEqual([
      { contextKind: 'organization', values: ['acme', 'globex'] },
    ]);
    const found = await first.read?.(
      [{ key: 'one', toggle: 'one', environments: ['production'] }],
      AbortSignal.timeout(5000),
    );
    const who = found?.listings[0]?.placements[0]?.who;
    expect(who?.kind === 'members' && [...who.members.values()]).toEqual(['acme', 'globex']);
  });

  it('reports a segment that somebody changed by hand, and puts it right', async () => {
    const { fake, first } = await open({ audienceAs: 'segment' });
    const line = targetLine(first);
    const want = wanted(first, ['one'], ['alice', 'bob']);
    await settle(line, want);
    fake.hand.patchSegment('default', 'production', 'optoggles-acme-test-a1', [
      {
        kind: 'addRule',
        clauses: [{ contextKind: 'user', attribute: 'country', op: 'in', negate: false, values: ['US'] }],
      },
      { kind: 'addIncludedTargets', contextKind: 'device', values: ['phone'] },
      { kind: 'addIncludedTargets', contextKind: 'user', values: ['mallory'] },
    ]);
    const plan = await line.plan(want);
    const [change] = plan.changes;
    if (change?.kind !== 'placement') throw new Error('no change');
    expect(change.closes.map(({ kind, open }) => `${kind} ${open}`)).toEqual(['rule true', 'targets true']);
    expect([...change.revoked.values()]).toEqual(['mallory']);
    expect(JSON.stringify(change.closes)).not.toMatch(/mallory|phone/);
    await settle(line, want);
    const segment = fake.segment('default', 'production', 'optoggles-acme-test-a1');
    expect(segment?.rules).toEqual([]);
    expect(segment?.included).toEqual([{ contextKind: 'user', values: ['alice', 'bob'] }]);
  });

  it('makes a segment again that somebody deleted', async () => {
    const { fake, first } = await open({ audienceAs: 'segment' });
    const line = targetLine(first);
    const want = wanted(first, ['one'], ['alice']);
    await settle(line, want);
    fake.hand.deleteSegment('default', 'production', 'optoggles-acme-test-a1');
    await settle(line, want);
    expect(fake.segment('default', 'production', 'optoggles-acme-test-a1')?.included[0]?.values).toEqual(['alice']);
  });

  it('does not touch a segment of that name that is not ours', async () => {
    const { fake, first } = await open({ audienceAs: 'segment' });
    fake.hand.addSegment('default', 'production', 'optoggles-acme-test-a1', { tags: ['theirs'] });
    const line = targetLine(first);
    await expect(settle(line, wanted(first, ['one'], ['alice']))).rejects.toThrow(/refused/);
    expect(fake.segment('default', 'production', 'optoggles-acme-test-a1')?.included).toEqual([]);
    expect(fake.config('default', 'one', 'production')?.on).toBe(false);
  });

  it('deletes no segment that somebody else uses', async () => {
    const { fake, first } = await open({ audienceAs: 'segment' });
    const line = targetLine(first);
    await settle(line, wanted(first, ['one'], ['alice']));
    fake.hand.addFlag('default', { key: 'theirs' });
    const clause = {
      contextKind: 'user',
      attribute: '',
      op: 'segmentMatch',
      negate: false,
      values: ['optoggles-acme-test-a1'],
    };
    fake.hand.addRule({ project: 'default', flag: 'theirs', environment: 'production' }, [clause], { value: true });
    await settle(line, {
      listings: [relaxed(first, 'one')].map(one => ({
        ...one,
        placements: one.placements.map(p => ({
          ...p,
          audience: 'a2',
          groups: { shared: 'optoggles-acme-test-a2', own: 'optoggles-acme-test-a2-12345678' },
        })),
      })),
      audiences: { a2: ['bob'] },
    });
    expect(fake.segment('default', 'production', 'optoggles-acme-test-a1')).toBeDefined();
    expect(fake.segment('default', 'production', 'optoggles-acme-test-a2')?.included[0]?.values).toEqual(['bob']);
  });

  it.each(['under way', 'given up'])(
    'deletes no segment in which a flag may come to stand: its write is %s',
    async how => {
      const { fake, first, serves } = await open({
        audienceAs: 'segment',
        timeout: how === 'given up' ? '200ms' : '2s',
      });
      const line = targetLine(first);
      await settle(line, wanted(first, ['one', 'two'], ['alice']));
      const moved = (key: string, own: string): Change => {
        const change = placementChange(relaxed(first, key), { before: ['alice'], after: ['bob'] });
        if (change.kind !== 'placement') throw new Error('no placement');
        return { ...change, after: { ...change.after, group: `optoggles-acme-test-a1-${own}` } };
      };
      const [one, two] = [moved('one', '11111111'), moved('two', '22222222')];
      const { promise: answered, resolve: answer } = Promise.withResolvers<void>();
      const sent = new Promise<void>(meanwhile => {
        fake.fault(
          { kind: 'hold', until: answered, when: 'before' },
          { method: 'PATCH', path: 'flags/default/one', times: 1, meanwhile },
        );
      });
      const slow = applied(first, [one]);
      await sent;
      if (how === 'given up') expect((await slow).get(one.id)?.result).toBe('unanswered');
      expect((await applied(first, [two])).get(two.id)?.result).toBe('done');
      answer();
      await slow;
      await expect.poll(() => serves('one', 'production', 'bob')).toBe(true);
      expect(await serves('one', 'production', 'alice')).toBe(false);
    },
  );
});
