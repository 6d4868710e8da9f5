import { pbkdf2 } from 'node:crypto';
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it, vi } from 'vitest';
import { systemClock } from '../../src/lib/clock.ts';
import { watchPaths } from '../../src/lib/watch-paths.ts';
import { tempFolder } from '../support/temp-folder.ts';

it('misses nothing that happens after the call, however slowly the first look answers', async () => {
  const folder = tempFolder({ 'audiences.yaml': 'old' });
  const stop = new AbortController();
  // As many as Node has threads for files by default: the first look waits for one of them.
  const busy = Array.from({ length: 4 }, () => promisify(pbkdf2)('a', 'b', 200_000, 64, 'sha512'));
  let told = 0;
  const running = watchPaths([join(folder, 'audiences.yaml')], () => told++, systemClock, stop.signal);
  writeFileSync(join(folder, 'new.yaml'), 'new');
  renameSync(join(folder, 'new.yaml'), join(folder, 'audiences.yaml'));
  await Promise.all(busy);
  await vi.waitFor(() => expect(told).toBeGreaterThan(0), { timeout: 3_000 });
  stop.abort();
  await running;
});
