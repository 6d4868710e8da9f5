import {
  chmodSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { formatProblem } from '../../src/domain/problem.ts';
import type { GoodDefinition } from '../../src/domain/state.ts';
import { createFlagLoader, type FlagLoader, type LoadedFlags } from '../../src/load/flags.ts';
import { fakeKinds as kinds } from '../support/fake-kinds.ts';
import { flagConfig } from '../support/flag-config.ts';
import { tempFolder, writeFiles } from '../support/temp-folder.ts';

function flag(key: string, rule = 'r'): string {
  return `key: ${key}
name: ${key}
owner: team
type: permission
created: 2026-11-01
usersPolicy: { source: main, package: app.rbac, rule: ${rule} }
`;
}

function start(files: Record<string, string>): { folder: string; loader: FlagLoader } {
  const folder = tempFolder(files);
  return { folder, loader: createFlagLoader(flagConfig(folder), kinds) };
}

const keys = ({ toggles }: LoadedFlags) => toggles.map(({ key }) => key);
const lines = ({ problems }: LoadedFlags) => problems.map(formatProblem);
const rules = ({ toggles }: LoadedFlags) => toggles.map(({ usersPolicy }) => usersPolicy.rule);
const good = (key: string, rule: string): GoodDefinition => ({ key, file: `flags/${key}.yaml`, text: flag(key, rule) });

describe('loading the flags', () => {
  it('gives every toggle, sorted by key, from all folders, and what to keep', async () => {
    const { loader } = start({
      'flags/b.yaml': flag('b'),
      'flags/a.yaml': flag('a'),
      'flags/growth/deep/c.yaml': flag('c'),
      'flags/README.md': 'hello',
      'flags/.hidden.yaml': 'x',
      'flags/.git/d.yaml': 'x',
      'flags/a.yaml~': 'x',
    });
    const loaded = await loader.load([]);
    expect(keys(loaded)).toEqual(['a', 'b', 'c']);
    expect(loaded.problems).toEqual([]);
    expect([...loaded.present].sort()).toEqual(['a', 'b', 'c']);
    expect(loaded.good).toEqual([
      good('a', 'r'),
      good('b', 'r'),
      { ...good('c', 'r'), file: 'flags/growth/deep/c.yaml' },
    ]);
    expect(loaded.files).toBe(3);
    expect(loaded.unreadable).toBeUndefined();
  });

  it('keeps the last good definition of a file that broke; everything else takes effect', async () => {
    const { folder, loader } = start({ 'flags/a.yaml': flag('a', 'one'), 'flags/b.yaml': flag('b', 'one') });
    const first = await loader.load([]);
    writeFiles(folder, { 'flags/a.yaml': 'key: a\n', 'flags/b.yaml': flag('b', 'two'), 'flags/c.yaml': 'key: c\n' });
    const second = await loader.load(first.good);
    expect(rules(second)).toEqual(['one', 'two']);
    expect([...second.broken].sort()).toEqual(['a', 'c']);
    expect([...second.present].sort()).toEqual(['a', 'b', 'c']);
    expect(second.good).toEqual([good('a', 'one'), good('b', 'two')]);
    expect(second.fingerprint).not.toBe(first.fingerprint);
    expect(lines(second)[0]).toMatch(/^flags\/a\.yaml:1:1: /);
  });

  it('does so after a restart too, from what was kept', async () => {
    const { loader } = start({ 'flags/a.yaml': '{', 'flags/b.yaml': flag('b') });
    const loaded = await loader.load([good('a', 'kept'), good('b', 'old')]);
    expect(rules(loaded)).toEqual(['kept', 'r']);
  });

  it('says when what was kept does not fit the configuration any more', async () => {
    const { loader } = start({ 'flags/a.yaml': '{', 'flags/b.yaml': flag('b') });
    const old = { ...good('a', 'kept'), text: flag('a').replace('source: main', 'source: gone') };
    const loaded = await loader.load([old]);
    expect(keys(loaded)).toEqual(['b']);
    expect(loaded.warnings.map(({ code }) => code)).toEqual(['last-good-useless']);
    expect(loaded.good).toContainEqual(old);
  });

  it('calls a toggle removed when its file is gone, whatever was kept', async () => {
    const { loader } = start({ 'flags/b.yaml': flag('b') });
    const loaded = await loader.load([good('a', 'kept'), good('b', 'r')]);
    expect(keys(loaded)).toEqual(['b']);
    expect(loaded.present.has('a')).toBe(false);
    expect(loaded.good.map(({ key }) => key)).toEqual(['b']);
  });

  it('does not call it removed when the file was only renamed without its key', async () => {
    const { loader } = start({ 'flags/new.yaml': flag('old') });
    const loaded = await loader.load([good('old', 'kept')]);
    expect([...loaded.present].sort()).toEqual(['new', 'old']);
    expect(rules(loaded)).toEqual(['kept']);
  });

  it('finds keys that are given twice, ignoring case, and lets neither in', async () => {
    const { loader } = start({
      'flags/x/Us.yaml': flag('Us', 'two'),
      'flags/us.yaml': `# comment\n${flag('us', 'one')}`,
      'flags/y/us.yaml': flag('us', 'three'),
      'flags/z.yaml': flag('z'),
    });
    const loaded = await loader.load([good('us', 'kept')]);
    expect(lines(loaded)).toEqual([
      'flags/x/Us.yaml:1:6: The key "Us" is already taken at flags/us.yaml:2:6. Rename one of the files: keys are unique in the whole folder, ignoring case.',
      'flags/y/us.yaml:1:6: The key "us" is already taken at flags/us.yaml:2:6. Rename one of the files: keys are unique in the whole folder, ignoring case.',
    ]);
    expect(rules(loaded)).toEqual(['kept', 'r']);
    expect([...loaded.broken].sort()).toEqual(['Us', 'us']);
  });

  it('asks to rename .yml and .YAML, and keeps their toggles', async () => {
    const { loader } = start({
      'flags/a.yml': flag('a'),
      'flags/b.YAML': flag('b'),
      'flags/c.yaml': flag('c'),
      'flags/c.yml': 'x',
    });
    const loaded = await loader.load([good('a', 'kept')]);
    expect(lines(loaded)).toEqual([
      'flags/a.yml:1:1: "a.yml" does not end in .yaml. Rename it to a.yaml.',
      'flags/b.YAML:1:1: "b.YAML" does not end in .yaml. Rename it to b.yaml.',
      'flags/c.yml:1:1: "c.yml" does not end in .yaml. Rename it to c.yaml.',
    ]);
    expect(rules(loaded)).toEqual(['kept', 'r']);
    expect([...loaded.broken].sort()).toEqual(['a', 'b']);
  });

  it.each<[string, (folder: string) => void, string]>([
    [
      'too large',
      folder => writeFileSync(folder, '#'.repeat(256 * 1024 + 1)),
      'The file has 262145 bytes, more than the 262144 that are read. Split it or make it smaller.',
    ],
    [
      'no UTF-8',
      folder => writeFileSync(folder, Buffer.from([0x6b, 0xff])),
      'The file is not UTF-8 text. Save it as UTF-8.',
    ],
    ['a folder', folder => mkdirSync(folder), ''],
    ['empty', folder => writeFileSync(folder, ''), 'The file is empty. Start with "key: a", or remove it.'],
  ])('takes a file that is %s for what it is', async (_, make, message) => {
    const { folder, loader } = start({ 'flags/b.yaml': flag('b') });
    make(join(folder, 'flags/a.yaml'));
    const loaded = await loader.load([]);
    expect(lines(loaded)).toEqual(message === '' ? [] : [`flags/a.yaml:1:1: ${message}`]);
    expect(keys(loaded)).toEqual(['b']);
  });

  it.runIf(process.getuid?.() !== 0)('keeps what it may not read', async () => {
    const { folder, loader } = start({ 'flags/a.yaml': flag('a'), 'flags/b.yaml': flag('b') });
    chmodSync(join(folder, 'flags/a.yaml'), 0);
    const loaded = await loader.load([good('a', 'kept')]);
    expect(rules(loaded)).toEqual(['kept', 'r']);
    expect(loaded.problems).toMatchObject([{ code: 'file-unreadable' }]);
  });

  it('gives the toggles of the old configuration as they are', async () => {
    const toggles = [{ key: 'x' }] as never;
    const config = { ...flagConfig('/nowhere'), flags: undefined, legacy: { toggles } };
    const loaded = await createFlagLoader(config, kinds).load([]);
    expect(loaded.toggles).toBe(toggles);
    expect([...loaded.present]).toEqual(['x']);
  });
});

describe('a tree that cannot be trusted', () => {
  const kept = [good('a', 'kept'), good('b', 'kept')];

  it.each<[string, (flags: string) => void, string]>([
    [
      'is gone',
      flags => rmSync(flags, { recursive: true }),
      'The flags folder flags does not exist. Create it, or correct "flags" in the configuration.',
    ],
    [
      'is empty',
      flags => rmSync(join(flags, 'a.yaml')),
      'There is no flag file any more, where there were 2: nothing is changed. Bring the files back. To close every toggle set "state: off" in its file first.',
    ],
    [
      'is a file',
      flags => {
        rmSync(flags, { recursive: true });
        writeFileSync(flags, '');
      },
      'The folder flags cannot be read (ENOTDIR). Let this process read it.',
    ],
    [
      'has a folder that lies elsewhere',
      flags => symlinkSync('/', join(flags, 'more')),
      'flags/more is a link that leads out of the flags folder. Put the folder itself there.',
    ],
  ])('because it %s changes nothing', async (_, breakIt, message) => {
    const { folder, loader } = start({ 'flags/a.yaml': flag('a', 'now') });
    breakIt(join(folder, 'flags'));
    const loaded = await loader.load(kept);
    expect(loaded.unreadable && formatProblem(loaded.unreadable)).toBe(message);
    expect(rules(loaded)).toEqual(['kept', 'kept']);
    expect([...loaded.present].sort()).toEqual(['a', 'b']);
    expect(loaded.good).toEqual(kept);
  });

  it('because it has no files is none where there never were any', async () => {
    const folder = tempFolder();
    mkdirSync(join(folder, 'flags'));
    const loaded = await createFlagLoader(flagConfig(folder), kinds).load([]);
    expect(loaded.unreadable).toBeUndefined();
    expect(loaded.toggles).toEqual([]);
  });
});

describe('links', () => {
  it('are followed inside the folder', async () => {
    const { folder, loader } = start({ 'flags/.store/a.yaml': flag('a'), 'flags/.store/sub/b.yaml': flag('b') });
    symlinkSync('.store/a.yaml', join(folder, 'flags/a.yaml'));
    symlinkSync('.store/sub', join(folder, 'flags/sub'));
    const loaded = await loader.load([]);
    expect(lines(loaded)).toEqual([]);
    expect(loaded.toggles.map(({ file }) => file)).toEqual(['flags/a.yaml', 'flags/sub/b.yaml']);
  });

  it('that lead elsewhere are errors that show nothing of what is there', async () => {
    const { folder, loader } = start({
      'secret.yaml': 'password: hunter2',
      'flags/ok.yaml': flag('ok'),
      'flags2/x.yaml': flag('x'),
    });
    symlinkSync('../secret.yaml', join(folder, 'flags/a.yaml'));
    symlinkSync(join(folder, 'flags2/x.yaml'), join(folder, 'flags/x.yaml'));
    symlinkSync('/etc/passwd', join(folder, 'flags/b.yaml'));
    symlinkSync('nowhere', join(folder, 'flags/c.yaml'));
    symlinkSync('c2.yaml', join(folder, 'flags/c2.yaml'));
    const loaded = await loader.load([good('a', 'kept')]);
    expect(lines(loaded)).toEqual([
      'flags/a.yaml:1:1: "a.yaml" is a link that leads out of the flags folder. Put the file itself there.',
      'flags/b.yaml:1:1: "b.yaml" is a link that leads out of the flags folder. Put the file itself there.',
      'flags/c.yaml:1:1: "c.yaml" is a link that leads nowhere. Correct or remove it.',
      'flags/c2.yaml:1:1: "c2.yaml" is a link that leads nowhere. Correct or remove it.',
      'flags/x.yaml:1:1: "x.yaml" is a link that leads out of the flags folder. Put the file itself there.',
    ]);
    expect(rules(loaded)).toEqual(['kept', 'r']);
  });

  it('in circles end', async () => {
    const { folder, loader } = start({ 'flags/a.yaml': flag('a'), 'flags/x/b.yaml': flag('b') });
    symlinkSync('..', join(folder, 'flags/x/up'));
    symlinkSync('x', join(folder, 'flags/again'));
    const loaded = await loader.load([]);
    expect(keys(loaded)).toEqual(['a', 'b']);
    expect(lines(loaded)).toEqual([
      'flags/again:1:1: flags/again is a link to a folder that is read anyway. Remove the link.',
      'flags/x/up:1:1: flags/x/up is a link to a folder that is read anyway. Remove the link.',
    ]);
  });

  it('of a Kubernetes ConfigMap work, also while it is swapped', async () => {
    const { folder, loader } = start({
      'flags/..2026_1/a.yaml': flag('a', 'one'),
      'flags/..2026_1/b.yaml': flag('b', 'one'),
    });
    const flags = join(folder, 'flags');
    symlinkSync('..2026_1', join(flags, '..data'));
    for (const name of ['a.yaml', 'b.yaml']) symlinkSync(`..data/${name}`, join(flags, name));
    const first = await loader.load([]);
    expect(rules(first)).toEqual(['one', 'one']);
    writeFiles(flags, { '..2026_2/a.yaml': flag('a', 'two'), '..2026_2/b.yaml': flag('b', 'two') });
    symlinkSync('..2026_2', join(flags, '..data_tmp'));
    renameSync(join(flags, '..data_tmp'), join(flags, '..data'));
    rmSync(join(flags, '..2026_1'), { recursive: true });
    const second = await loader.load(first.good);
    expect(rules(second)).toEqual(['two', 'two']);
    expect(second.problems).toEqual([]);
  });

  it('may be the folder itself', async () => {
    const { folder, loader } = start({ 'releases/1/a.yaml': flag('a', 'one'), 'releases/2/a.yaml': flag('a', 'two') });
    symlinkSync('releases/1', join(folder, 'flags'));
    expect(rules(await loader.load([]))).toEqual(['one']);
    symlinkSync('releases/2', join(folder, 'flags.new'));
    renameSync(join(folder, 'flags.new'), join(folder, 'flags'));
    expect(rules(await loader.load([]))).toEqual(['two']);
  });
});

describe('looking again', () => {
  it('gives the same objects where nothing changed', async () => {
    const { loader } = start({ 'flags/a.yaml': flag('a'), 'flags/b.yaml': flag('b') });
    const first = await loader.load([]);
    const second = await loader.load(first.good);
    expect(second.toggles[0]).toBe(first.toggles[0]);
    expect(second.fingerprint).toBe(first.fingerprint);
  });

  it('misses no edit that keeps size and time', async () => {
    const { folder, loader } = start({ 'flags/a.yaml': flag('a', 'r0') });
    const path = join(folder, 'flags/a.yaml');
    let last: GoodDefinition[] = [];
    for (let turn = 1; turn <= 200; turn++) {
      const { atime, mtime } = statSync(path);
      writeFileSync(path, flag('a', `r${turn % 10}`));
      utimesSync(path, atime, mtime);
      const loaded = await loader.load(last);
      expect(rules(loaded)).toEqual([`r${turn % 10}`]);
      last = [...loaded.good];
    }
  });

  it('takes calls that overlap one after the other', async () => {
    const { loader } = start({ 'flags/a.yaml': flag('a') });
    const [one, two] = await Promise.all([loader.load([]), loader.load([])]);
    expect(one?.fingerprint).toBe(two?.fingerprint);
    expect(two?.toggles[0]).toBe(one?.toggles[0]);
  });

  it('does not depend on the order in which files are found', async () => {
    const names = Array.from({ length: 60 }, (_, index) => `k${index}`);
    const forward = start(Object.fromEntries(names.map(name => [`flags/${name}.yaml`, flag(name)])));
    const backward = start(Object.fromEntries(names.toReversed().map(name => [`flags/${name}.yaml`, flag(name)])));
    const one = await forward.loader.load([]);
    const two = await backward.loader.load([]);
    expect(JSON.stringify(two)).toBe(JSON.stringify(one));
    expect(readFileSync(join(forward.folder, 'flags/k0.yaml'), 'utf8')).toBe(flag('k0'));
  });
});
