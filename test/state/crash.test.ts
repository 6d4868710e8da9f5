import { type ChildProcess, execFileSync, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync, StatementSync } from 'node:sqlite';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { StateStore } from '../../src/domain/state.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { silentLog } from '../../src/lib/log.ts';
import { openState } from '../../src/state/store.ts';
import { dumpState, randomOps } from '../support/state-ops.ts';
import { tempFolder } from '../support/temp-folder.ts';

function open(folder: string): StateStore {
  return openState({ folder, instance: 'test', clock: systemClock, log: silentLog, access: 'own' });
}

/** What another process would find if this one died now. */
function found(folder: string): string {
  const store = open(folder);
  try {
    return dumpState(store);
  } finally {
    store.close();
  }
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe('a process that dies', () => {
  /** Calls `look` before and after each statement that may write; SQLite holds nothing back between them. */
  function atEachStatement(look: () => void): void {
    const exec: DatabaseSync['exec'] = Reflect.get(DatabaseSync.prototype, 'exec');
    const run: StatementSync['run'] = Reflect.get(StatementSync.prototype, 'run');
    vi.spyOn(DatabaseSync.prototype, 'exec').mockImplementation(function (this: DatabaseSync, sql) {
      look();
      Reflect.apply(exec, this, [sql]);
      look();
    });
    vi.spyOn(StatementSync.prototype, 'run').mockImplementation(function (this: StatementSync, ...values) {
      look();
      const result = Reflect.apply(run, this, values);
      look();
      return result;
    });
  }

  it('between any two statements leaves the state of before or after the call', { timeout: 60_000 }, () => {
    const folder = join(tempFolder(), 'state');
    const images = join(tempFolder(), 'images');
    mkdirSync(images);
    const store = open(folder);
    let count = 0;
    let isLooking = false;
    // By another process: closing these files in this one would drop the locks on them.
    atEachStatement(() => {
      if (isLooking) execFileSync('cp', ['-R', folder, join(images, `${count++}`)]);
    });
    let before = dumpState(store);
    let changes = 0;
    for (const [step, op] of randomOps(7, 24).entries()) {
      isLooking = true;
      op(store, step);
      isLooking = false;
      const after = dumpState(store);
      if (after !== before) changes++;
      for (; count > 0; count--) {
        const image = join(images, `${count - 1}`);
        const state = found(image);
        expect([before, after], `step ${step}, statement ${count}`).toContain(state);
        rmSync(image, { recursive: true });
      }
      before = after;
    }
    expect(changes).toBeGreaterThan(10);
    store.close();
  });

  it('while it makes the state leaves one that can be opened', { timeout: 60_000 }, () => {
    const folder = join(tempFolder(), 'state');
    const images = tempFolder();
    let count = 0;
    let isLooking = true;
    atEachStatement(() => {
      if (isLooking) execFileSync('cp', ['-R', folder, join(images, `${count++}`)]);
    });
    const store = open(folder);
    isLooking = false;
    store.close();
    expect(count).toBeGreaterThan(10);
    const empty = found(folder);
    for (let image = 0; image < count; image++) expect(found(join(images, `${image}`))).toBe(empty);
  });

  it('by SIGKILL, at any moment, leaves the state of before or after, and frees it at once', {
    timeout: 60_000,
  }, async () => {
    const seed = 11;
    const count = 30;
    const model = open(join(tempFolder(), 'model'));
    const states = [dumpState(model)];
    for (const [step, op] of randomOps(seed, count).entries()) {
      op(model, step);
      states.push(dumpState(model));
    }
    model.close();

    const folder = join(tempFolder(), 'state');
    let step = 0;
    for (let turn = 0; step < count; turn++) {
      const child = fork(join(import.meta.dirname, 'owner-process.ts'), [folder, `${seed}`, `${count}`]);
      await answer(child);
      expect(() => open(folder)).toThrow(new RegExp(`in use by process ${child.pid} on `));
      for (let quiet = 0; quiet < 3 && step < count - 1; quiet++) {
        child.send(step++);
        await answer(child);
      }
      child.send(step);
      // Some die before the step, some in it, some after it.
      if (turn % 3 !== 0) await new Promise(resolve => setTimeout(resolve, turn % 3));
      child.kill('SIGKILL');
      await once(child, 'exit');
      const state = found(folder);
      expect([states[step], states[step + 1]]).toContain(state);
      // A step that changes nothing counts as done.
      if (state === states[step + 1]) step++;
    }
  });
});

async function answer(child: ChildProcess): Promise<void> {
  await once(child, 'message');
}
