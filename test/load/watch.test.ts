import { appendFileSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { type Clock, systemClock } from '../../src/lib/clock.ts';
import { watchFile, watchFlags } from '../../src/load/watch.ts';
import { tempFolder, writeFiles } from '../support/temp-folder.ts';

const soon = { timeout: 5_000, interval: 5 };

/** Watches until the test ends; `calls` grows with each call. */
async function start(
  watch: typeof watchFlags,
  path: string,
  clock: Clock = systemClock,
): Promise<{ calls: number; next(make: () => void): Promise<void> }> {
  const stop = new AbortController();
  const seen = {
    calls: 0,
    async next(make: () => void) {
      const before = seen.calls;
      make();
      await vi.waitFor(() => expect(seen.calls).toBeGreaterThan(before), soon);
    },
  };
  const ended = watch(path, clock, () => void seen.calls++, stop.signal);
  onTestFinished(async () => {
    stop.abort();
    await ended;
  });
  return seen;
}

async function startFlags(files: Record<string, string>, clock?: Clock) {
  const folder = tempFolder(files);
  const flags = join(folder, 'flags');
  const seen = await start(watchFlags, flags, clock);
  await vi.waitFor(() => expect(seen.calls).toBe(1), soon);
  return { folder, flags, seen };
}

describe('watching the flags', () => {
  it('tells of files that are written, replaced, renamed and removed, in old and new folders', async () => {
    const { flags, seen } = await startFlags({ 'flags/a.yaml': 'a', 'flags/sub/b.yaml': 'b' });
    await seen.next(() => writeFileSync(join(flags, 'a.yaml'), 'a2'));
    await seen.next(() => {
      writeFileSync(join(flags, '.a.tmp'), 'a3');
      renameSync(join(flags, '.a.tmp'), join(flags, 'a.yaml'));
    });
    await seen.next(() => appendFileSync(join(flags, 'sub/b.yaml'), 'more'));
    await seen.next(() => mkdirSync(join(flags, 'new')));
    await seen.next(() => writeFileSync(join(flags, 'new/c.yaml'), 'c'));
    await seen.next(() => writeFileSync(join(flags, 'new/c.yaml'), 'c2'));
    await seen.next(() => rmSync(join(flags, 'new'), { recursive: true }));
    await seen.next(() => rmSync(join(flags, 'a.yaml')));
  });

  it('goes on after the folder went, came back or was swapped', async () => {
    const { folder, flags, seen } = await startFlags({ 'flags/a.yaml': 'a', 'other/sub/b.yaml': 'b' });
    await seen.next(() => rmSync(flags, { recursive: true }));
    await seen.next(() => writeFiles(flags, { 'a.yaml': 'again' }));
    await seen.next(() => writeFileSync(join(flags, 'a.yaml'), 'and again'));
    await seen.next(() => {
      renameSync(flags, join(folder, 'old'));
      renameSync(join(folder, 'other'), flags);
    });
    await seen.next(() => writeFileSync(join(flags, 'sub/b.yaml'), 'b2'));
  });

  it('sees a folder below being swapped, and what happens in the new one', async () => {
    const { flags, seen } = await startFlags({ 'flags/sub/b.yaml': 'b', 'flags/next/b.yaml': 'c' });
    await seen.next(() => {
      rmSync(join(flags, 'sub'), { recursive: true });
      renameSync(join(flags, 'next'), join(flags, 'sub'));
    });
    await seen.next(() => writeFileSync(join(flags, 'sub/b.yaml'), 'c2'));
  });

  it('sees a ConfigMap being swapped', async () => {
    const folder = tempFolder({ 'flags/..1/a.yaml': '1' });
    const flags = join(folder, 'flags');
    symlinkSync('..1', join(flags, '..data'));
    symlinkSync('..data/a.yaml', join(flags, 'a.yaml'));
    const seen = await start(watchFlags, flags);
    await vi.waitFor(() => expect(seen.calls).toBe(1), soon);
    for (const turn of [2, 3]) {
      await seen.next(() => {
        writeFiles(flags, { [`..${turn}/a.yaml`]: String(turn) });
        symlinkSync(`..${turn}`, join(flags, '..data_tmp'));
        renameSync(join(flags, '..data_tmp'), join(flags, '..data'));
        rmSync(join(flags, `..${turn - 1}`), { recursive: true });
      });
    }
  });

  it('waits for a folder that is not there yet', async () => {
    const folder = tempFolder();
    const seen = await start(watchFlags, join(folder, 'flags'));
    await vi.waitFor(() => expect(seen.calls).toBe(1), soon);
    await seen.next(() => writeFiles(folder, { 'flags/a.yaml': 'a' }));
  });

  it('joins a burst into few calls', async () => {
    const { flags, seen } = await startFlags({ 'flags/a.yaml': 'a' });
    await seen.next(() => {
      for (let file = 0; file < 300; file++) writeFileSync(join(flags, `${file}.yaml`), 'x');
    });
    await systemClock.sleep(300);
    expect(seen.calls).toBeLessThanOrEqual(4);
  });

  it('looks every 30 s whatever happened', async () => {
    let now = 0;
    const waits: (() => void)[] = [];
    const clock: Clock = {
      ...systemClock,
      now: () => now,
      sleep: (ms, signal) =>
        new Promise((resolve, reject) => {
          signal?.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
          waits.push(() => {
            now += ms;
            resolve();
          });
        }),
    };
    const { seen } = await startFlags({ 'flags/a.yaml': 'a' }, clock);
    for (let look = 0; look < 121; look++) {
      await vi.waitFor(() => expect(waits).toHaveLength(1), soon);
      waits.shift()?.();
    }
    await vi.waitFor(() => expect(seen.calls).toBe(3), soon);
  });
});

describe('watching a file', () => {
  it('tells of another content, and of nothing else', async () => {
    const folder = tempFolder({ 'optoggles.yaml': 'one', 'beside.yaml': 'x' });
    const path = join(folder, 'optoggles.yaml');
    const seen = await start(watchFile, path);
    let content = 'two';
    await vi.waitFor(
      () => {
        // The first ones may come before watching began.
        content += '.';
        writeFileSync(path, content);
        expect(seen.calls).toBeGreaterThan(0);
      },
      { timeout: 5_000, interval: 200 },
    );
    const before = seen.calls;
    writeFileSync(join(folder, 'beside.yaml'), 'y');
    rmSync(path);
    writeFileSync(path, content);
    await seen.next(() => {
      writeFileSync(`${path}.tmp`, 'three');
      renameSync(`${path}.tmp`, path);
    });
    expect(seen.calls).toBe(before + 1);
  });
});
