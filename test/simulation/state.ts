import { DatabaseSync } from 'node:sqlite';
import { threadId } from 'node:worker_threads';
import { ProblemError } from '../../src/domain/problem.ts';
import type { StateStore } from '../../src/domain/state.ts';
import { assembleStore } from '../../src/state/assemble.ts';
import { Database } from '../../src/state/database.ts';
import { bringToForm } from '../../src/state/form.ts';
import type { Life } from './life.ts';

/**
 * The state folder, in memory: what is committed stays when a process ends, whatever that process had in its own
 * memory. Each process opens it anew.
 */
export interface Disk {
  full: boolean;
  /** Opens it for a process, which it ends with. */
  open(life: Life, now: number): StateStore;
  /** As `optoggles approve` in another process: calls with the state, shared. Throws when the disk is full. */
  beside<T>(work: (store: StateStore) => T): T;
  /** The same for who only looks. */
  look<T>(work: (store: StateStore) => T): T;
  /** The write of that placement is in the state as intended. */
  isIntended(placement: string): boolean;
  /** A write before that one was never answered, or never sent. */
  isInDoubt(placement: string): boolean;
  close(): void;
}

/** Methods that write into the state. */
const writing: ReadonlySet<string> = new Set<keyof StateStore>([
  'intend',
  'record',
  'observed',
  'forget',
  'samePlace',
  'prune',
  'saveSource',
  'saveDefinitions',
  'saveBlocks',
  'approve',
  'approveBlock',
  'openWindow',
  'saveBackup',
  'audit',
  'override',
  'resume',
  'expireOverrides',
  'waiting',
  'sealAudit',
  'saveTold',
]);

let disks = 0;

export function createDisk(note: (line: string) => void): Disk {
  const location = `file:simulation-${process.pid}-${threadId}-${++disks}?mode=memory&cache=shared`;
  const path = 'the state';
  const keeper = new DatabaseSync(location);
  const form = { folder: path, instance: 'sim', version: '0' };
  let looker: ReturnType<typeof connect> | undefined;
  let asked: ReturnType<DatabaseSync['prepare']> | undefined;

  function connect(access: 'own' | 'share'): { db: Database; store: StateStore } {
    const db = new Database(path, { location });
    const store = assembleStore(db, { durability: 'disk', uncertain: false, access, close: () => db.close() });
    return { db, store };
  }

  function openOf(placement: string) {
    asked ??= keeper.prepare('SELECT intent_at, doubt_at FROM placements WHERE id = ?');
    return asked.get(placement) as { intent_at: number | null; doubt_at: number | null } | undefined;
  }

  const disk: Disk = {
    full: false,
    open(life, now) {
      const first = new Database(path, { location });
      bringToForm(first, form, now);
      first.close();
      const { store } = connect('own');
      return fenced(store, life);
    },
    beside(work) {
      if (disk.full) throw new ProblemError(isFull);
      const { db, store } = connect('share');
      try {
        return work(store);
      } finally {
        db.close();
      }
    },
    look(work) {
      looker ??= connect('share');
      return work(looker.store);
    },
    isIntended: placement => openOf(placement)?.intent_at != null,
    isInDoubt: placement => openOf(placement)?.doubt_at != null,
    close() {
      looker?.db.close();
      keeper.close();
    },
  };

  /** Each transaction is an effect, before and after: either may be the last one of a process. */
  function fenced(store: StateStore, life: Life): StateStore {
    const fence: Record<string, unknown> = { durability: store.durability, uncertain: store.uncertain };
    for (const [name, value] of Object.entries(store) as [string, unknown][]) {
      if (typeof value !== 'function') continue;
      const call = value as (...args: unknown[]) => unknown;
      fence[name] = writing.has(name)
        ? (...args: unknown[]) => {
            life.effect();
            if (disk.full) throw new ProblemError(isFull);
            note(`state ${name}`);
            const result = call(...args);
            life.effect();
            return result;
          }
        : call;
    }
    return fence as unknown as StateStore;
  }

  return disk;
}

const isFull = { code: 'state-full', message: 'The disk is full.', hint: 'Make room.' };
