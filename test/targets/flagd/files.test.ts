import { chmod, lstat, mkdir, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ProblemError } from '../../../src/domain/problem.ts';
import { applied, applyOne, listingChange, listingFor, placementChange } from '../../support/changes.ts';
import { type FlagdFolder, flagdFolder, served } from './flagd-harness.ts';

const key = 'us-feature';
const signal = () => AbortSignal.timeout(5000);

async function folder(): Promise<FlagdFolder> {
  const opened = await flagdFolder();
  onTestFinished(() => opened.close());
  return opened;
}

async function filled(place: FlagdFolder, members: readonly string[] = ['alice']) {
  const target = place.target();
  const listing = listingFor(target);
  await applyOne(target, listingChange(listing, 'create'));
  for (const environment of ['production', 'test']) {
    await applyOne(target, placementChange(listing, { environment, after: members }));
  }
  return { target, listing };
}

describe('flag files', () => {
  it('that are not there are empty, and come with their folder', async () => {
    const place = await folder();
    const target = place.target();
    expect(await target.read?.([{ key, toggle: key, environments: ['production'] }], signal())).toEqual({
      listings: [],
      unreadable: [],
    });
    await applyOne(target, listingChange(listingFor(target), 'create'));
    expect((await readdir(join(place.folder, 'out'))).sort()).toEqual(['production.json', 'test.json']);
  });

  it.each([
    ['{"flags": {"a": {"state": "ENABLED",}}}', 'out/production.json:1:37: A key in double quotes is missing here.'],
    ['{\n  "flags": {\n    "a": 1,\n    "a": 2\n  }\n}', 'out/production.json:4:5: A key is there twice.'],
    ['{"flags": []}', 'out/production.json:1:11: flags is no object here'],
    ['[]', 'out/production.json:1:1: A flag file is a JSON object.'],
    ['{"flags": {}} x', 'out/production.json:1:15: The JSON text goes on after its end.'],
    ['', 'out/production.json:1:1: A flag file is a JSON object.'],
  ])('that are broken are named and not written: %j', async (text, message) => {
    const place = await folder();
    const { target, listing } = await filled(place);
    await place.write(text);
    const want = [
      { key, toggle: key, environments: ['production', 'test'] },
      { key: 'elsewhere', toggle: 'elsewhere', environments: ['test'] },
    ];
    const live = await target.read?.(want, signal());
    expect(live?.listings).toEqual([]);
    expect(live?.unreadable.map(one => one.key)).toEqual([key]);
    const outcomes = await applied(target, [
      placementChange(listing, { environment: 'production', before: ['alice'], after: ['bob'] }),
      { ...placementChange(listing, { environment: 'test', before: ['alice'], after: ['bob'] }), id: 'in test' },
    ]);
    const [production, test] = [...outcomes.values()].sort((a, b) => (a.result < b.result ? 1 : -1));
    expect(production).toMatchObject({ result: 'failed' });
    if (production?.result !== 'failed') throw new Error('not failed');
    const { at, message: what } = production.problem;
    expect(`${at?.file}:${at?.line}:${at?.column}: ${what}`).toContain(message);
    expect(test).toMatchObject({ result: 'done' });
    expect(await place.text()).toBe(text);
    await place.write(text, 'test');
    await expect(target.read?.([], signal())).rejects.toThrow(ProblemError);
  });

  it('keep their mode, and a link stays a link', async () => {
    const place = await folder();
    const { target, listing } = await filled(place);
    await chmod(place.file(), 0o640);
    await mkdir(join(place.folder, 'real'));
    await writeFile(join(place.folder, 'real/test.json'), await place.text('test'));
    await rm(place.file('test'));
    await symlink('../real/test.json', place.file('test'));
    for (const environment of ['production', 'test']) {
      const change = placementChange(listing, { environment, before: ['alice'], after: ['bob'] });
      expect(await applyOne(target, change)).toMatchObject({ result: 'done' });
    }
    expect((await stat(place.file())).mode & 0o777).toBe(0o640);
    expect((await lstat(place.file('test'))).isSymbolicLink()).toBe(true);
    expect(served(await place.text('test'), key, 'bob')).toBe(true);
    expect(await readdir(join(place.folder, 'out'))).toHaveLength(2);
  });

  it('outside the folder of the configuration are refused, through a link too', async () => {
    const place = await folder();
    expect(() => place.target(['production'], '../{environment}.json')).toThrow(
      /leads out of the configuration's folder/,
    );
    expect(() => place.target(['production', 'test'], 'out/flags.json')).toThrow(/would share one flag file/);
    expect(() => place.target(null)).toThrow(/lists no environments/);
    await symlink('/tmp', join(place.folder, 'out'));
    await expect(place.target().read?.([], signal())).rejects.toMatchObject({ problem: { code: 'path-outside' } });
  });

  it('of a target without environments hold every placement', async () => {
    const place = await folder();
    const target = place.target(null, 'out/production.json');
    expect(target.can.environments).toBe('one');
    const listing = listingFor(target, { environments: ['default'] });
    await applyOne(target, listingChange(listing, 'create'));
    expect(await applyOne(target, placementChange(listing, { after: ['alice'] }))).toMatchObject({ result: 'done' });
    const live = await target.read?.([{ key, toggle: key, environments: ['default'] }], signal());
    expect(live?.listings[0]?.placements.map(({ id, environment }) => [id, environment])).toEqual([
      [listing.placements[0]?.id, 'default'],
    ]);
  });

  it('are not written when they are right already', async () => {
    const place = await folder();
    const { target, listing } = await filled(place);
    const before = await stat(place.file(), { bigint: true });
    await applied(target, [
      placementChange(listing, { environment: 'production', before: ['alice'], after: ['alice'] }),
      listingChange(listing, 'update'),
    ]);
    const after = await stat(place.file(), { bigint: true });
    expect([after.ino, after.mtimeNs]).toEqual([before.ino, before.mtimeNs]);
  });

  it('take all changes of a batch in one write', async () => {
    const place = await folder();
    const target = place.target();
    const listings = Array.from({ length: 50 }, (_, index) => listingFor(target, { key: `toggle-${index}` }));
    await applied(
      target,
      listings.map(listing => listingChange(listing, 'create')),
    );
    const before = await stat(place.file(), { bigint: true });
    await applied(
      target,
      listings.map(listing => placementChange(listing, { after: ['alice', 'bob'] })),
    );
    expect(Object.keys((await place.read()).$evaluators)).toHaveLength(1);
    expect((await stat(place.file(), { bigint: true })).ino).not.toBe(before.ino);
  });

  it('serve two instances that write at once', async () => {
    const place = await folder();
    const marks = ['optoggles:one', 'optoggles:two', 'optoggles:three'];
    const targets = marks.map(mark => place.target(['production'], undefined, mark));
    const listings = targets.map((target, index) => listingFor(target, { key: `of-${index}` }));
    await Promise.all(
      targets.map(async (target, index) => {
        const listing = listings[index];
        if (listing === undefined) return;
        const until = async (change: Parameters<typeof applyOne>[1]) => {
          for (let tries = 0; tries < 200; tries++) {
            const { result } = await applyOne(target, change);
            if (result === 'done') return;
            expect(result).toBe('conflict');
          }
          throw new Error('never done');
        };
        await until(listingChange(listing, 'create'));
        let before: readonly string[] = [];
        for (let round = 0; round < 10; round++) {
          const after = [`user-${index}-${round}`];
          await until(placementChange(listing, { before, after }));
          before = after;
        }
      }),
    );
    const text = await place.text();
    expect([0, 1, 2].map(index => served(text, `of-${index}`, `user-${index}-9`))).toEqual([true, true, true]);
    expect(Object.keys((await place.read()).$evaluators)).toHaveLength(3);
  });
});
