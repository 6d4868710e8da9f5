import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { FlagdCore } from '@openfeature/flagd-core';
import { Ajv } from 'ajv';
import { describe, expect, it, onTestFinished } from 'vitest';
import { applied, applyOne, listingChange, listingFor, placementChange } from '../../support/changes.ts';
import { type FlagdFolder, flagdFolder, servedBy } from './flagd-harness.ts';

const schemas = join(import.meta.dirname, '../../../../shared/data/schema');

async function folder(): Promise<FlagdFolder> {
  const opened = await flagdFolder();
  onTestFinished(() => opened.close());
  return opened;
}

/** The same numbers for the same seed: 0 ≤ x < 1. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

/** Almost a member: other case, a part, more, a space, a look-alike, and what patterns and JSON make of it. */
function nearMisses(member: string): string[] {
  return [
    member.toUpperCase(),
    member.toLowerCase(),
    member.slice(0, -1),
    member.slice(1),
    `${member}x`,
    `${member} `,
    ` ${member}`,
    `${member}\u200b`,
    member.replaceAll('a', 'а'),
    member.normalize('NFD'),
    member.replaceAll('$$', '$'),
    member.replace(/\$.*/s, ''),
    member.replaceAll('\\', '\\\\'),
    `${member},${member}`,
    JSON.stringify(member),
    `"${member}`,
  ];
}

function strangersTo(members: readonly string[], random: () => number): string[] {
  const inside = new Set(members);
  const letters = ['é', '😀', ...Array.from({ length: 94 }, (_, index) => String.fromCharCode(33 + index))];
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)] as T;
  const near = members.flatMap(nearMisses).filter(stranger => !inside.has(stranger));
  const strangers = new Set<string>(near.length > 500 ? Array.from({ length: 500 }, () => pick(near)) : near);
  while (strangers.size < 1000) {
    strangers.add(Array.from({ length: 1 + Math.floor(random() * 12) }, () => pick(letters)).join(''));
  }
  for (const odd of ['', 'on', 'off', 'targetingKey', 'true', '__proto__', 'constructor', '0', 'null'])
    strangers.add(odd);
  return [...strangers].filter(stranger => !inside.has(stranger));
}

const audiences: Readonly<Record<string, readonly string[]>> = {
  plain: ['alice', 'bob', 'carol.smith@example.com', 'dave+us@example.com'],
  one: ['alice'],
  'patterns in names': ['a$b', 'a$$b', 'x$&y', '$1', '$', '${name}', "it$'s", 'a$`b'],
  'what JSON escapes': ['say "hi"', 'back\\slash', '{"$ref":"optoggles-000000000000"}', 'sla/sh', '\u2028', '}', '{'],
  unicode: ['Zoë', 'Zoë'.normalize('NFD'), '😀', 'Ａlice', 'аlice', 'ﬁ'],
  many: Array.from({ length: 2000 }, (_, index) => `user-${index}`),
};

describe("flagd's own engine", () => {
  it.each(Object.entries(audiences))('lets in exactly the members: %s', async (_name, members) => {
    const place = await folder();
    const target = place.target();
    const listing = listingFor(target);
    const sharing = listingFor(target, { key: 'same-audience' });
    await applied(target, [listingChange(listing, 'create'), listingChange(sharing, 'create')]);
    const former = [...members, 'mallory', 'mallory$x'];
    for (const one of [listing, sharing]) {
      expect(await applyOne(target, placementChange(one, { after: former }))).toMatchObject({ result: 'done' });
      const change = placementChange(one, { before: former, after: members });
      expect(await applyOne(target, change)).toMatchObject({ result: 'done' });
    }
    const engine = new FlagdCore();
    engine.setConfigurations(await place.text());
    const strangers = [...strangersTo(members, seeded(members.length)), 'mallory', 'mallory$x'];
    expect(strangers.length).toBeGreaterThanOrEqual(1000);
    for (const key of ['us-feature', 'same-audience']) {
      expect(members.filter(member => servedBy(engine, key, member) !== true)).toEqual([]);
      expect(strangers.filter(stranger => servedBy(engine, key, stranger) !== false)).toEqual([]);
    }
    const inTest = new FlagdCore();
    inTest.setConfigurations(await place.text('test'));
    expect(members.filter(member => servedBy(inTest, 'us-feature', member) !== false)).toEqual([]);
    expectValid(await place.text());
    // The same answers through the target's own evaluator.
    const evaluator = await target.evaluator?.('production', AbortSignal.timeout(5000));
    expect(await evaluator?.evaluate('us-feature', 'user', members[0] as string)).toBe(true);
    expect(await evaluator?.evaluate('us-feature', 'user', 'mallory')).toBe(false);
    await expect(evaluator?.evaluate('no-such-flag', 'user', 'alice')).rejects.toThrow(/not served/);
  });

  it('serves nobody when switched off, emptied, removed, or only created', async () => {
    const place = await folder();
    const target = place.target();
    const keys = ['created', 'emptied', 'switched-off', 'retired'];
    const listings = keys.map(key => listingFor(target, { key }));
    await applied(
      target,
      listings.map(listing => listingChange(listing, 'create')),
    );
    const [, emptied, off, retired] = listings;
    for (const listing of [emptied, off, retired]) {
      if (listing) await applyOne(target, placementChange(listing, { after: ['alice'] }));
    }
    if (emptied) await applyOne(target, placementChange(emptied, { before: ['alice'], after: [] }));
    if (off) await applyOne(target, placementChange(off, { before: ['alice'], after: 'off' }));
    if (retired) await applyOne(target, listingChange(retired, 'retire'));
    const engine = new FlagdCore();
    engine.setConfigurations(await place.text());
    for (const key of keys) expect([key, servedBy(engine, key, 'alice')]).toEqual([key, false]);
    expect((await place.read()).$evaluators).toBeUndefined();
    expectValid(await place.text());
    const live = await target.read?.(
      listings.map(({ key }) => ({ key, toggle: key, environments: ['production'] })),
      AbortSignal.timeout(5000),
    );
    const standing = live?.listings.map(({ key, removed, placements }) => [key, placements[0]?.on, removed]);
    expect(standing).toEqual([
      ['created', false, false],
      ['emptied', true, false],
      ['switched-off', false, false],
      ['retired', false, true],
    ]);
  });
});

function expectValid(text: string): void {
  if (!existsSync(schemas)) return;
  const ajv = new Ajv({ strict: false });
  const schema = (name: string) => JSON.parse(readFileSync(join(schemas, `flagd-${name}.json`), 'utf8')) as object;
  ajv.addSchema(schema('targeting'));
  const validate = ajv.compile(schema('flags'));
  validate(JSON.parse(text));
  expect(validate.errors ?? []).toEqual([]);
}
