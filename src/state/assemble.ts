import type { StateStore } from '../domain/state.ts';
import { Applied } from './applied.ts';
import { AuditMembers } from './audit-members.ts';
import { Consent } from './consent.ts';
import type { Database } from './database.ts';
import { History } from './history.ts';
import { Journal } from './journal.ts';
import { Keepsakes } from './keepsakes.ts';
import { MemberSets } from './member-sets.ts';
import { OverrideRows } from './overrides.ts';
import { Placements } from './placements.ts';
import { shared } from './problems.ts';
import { pruneMembers } from './prune.ts';
import { Remembered } from './remembered.ts';

export interface StoreOptions {
  readonly durability: StateStore['durability'];
  readonly uncertain: boolean;
  /** `share`: everything but approvals, windows, overrides and audit rows is refused with `state-shared`. */
  readonly access: 'own' | 'share';
  /** The audit log names members instead of hashing them. */
  readonly auditUsers?: boolean;
  close(): void;
}

/** The store over an open state. One clock's worth of it per process: it remembers what it read. */
export function assembleStore(db: Database, options: StoreOptions): StateStore {
  const sets = new MemberSets(db);
  const history = new History(db, sets);
  const keepsakes = new Keepsakes(db);
  let key: string | undefined;
  const auditMembers = new AuditMembers(db, sets, {
    users: options.auditUsers ?? false,
    key: () => (key ??= keepsakes.secret('audit') ?? keepsakes.makeSecret('audit')),
  });
  const journal = new Journal(db, sets, auditMembers);
  const remembered = new Remembered(db, sets);
  const overrides = new OverrideRows(db, sets, journal, text => auditMembers.tag(text).slice(2));
  const placements = new Placements(db, sets, history, journal, overrides);
  const consent = new Consent(db, sets, journal);
  const applied = new Applied(db, placements, journal, remembered, consent);
  let seenVersion = db.dataVersion();
  let isOpen = true;

  /** The owner alone writes what is remembered in memory; beside it, a write of the owner's makes all that stale. */
  function fresh(): void {
    if (options.access === 'own') return;
    const now = db.dataVersion();
    if (now === seenVersion) return;
    seenVersion = now;
    remembered.reload();
    history.reload();
  }

  function own(what: string): void {
    if (options.access === 'share') throw shared(what);
  }

  return {
    durability: options.durability,
    uncertain: options.uncertain,
    applied(address) {
      fresh();
      return remembered.all(address);
    },
    appliedListing(address, key) {
      fresh();
      return remembered.one(address, key);
    },
    addresses: () => applied.addresses(),
    intend(address, changes, at) {
      own('what is about to be written');
      applied.intend(address, changes, at);
    },
    record(address, recorded, at) {
      own('what was applied');
      applied.record(address, recorded, at);
    },
    observed(address, placement, seen, at) {
      // Whoever only looks leaves it to the owner to settle what is open.
      if (options.access === 'own') applied.observed(address, placement, seen, at);
    },
    forget(address, key) {
      own('what was applied');
      applied.forget(address, key);
    },
    samePlace(from, to, ids, at) {
      own('what was applied');
      applied.samePlace(from, to, ids, at);
      history.reload();
    },
    baseline(placement, since) {
      fresh();
      return history.baseline(placement, since);
    },
    moved(since) {
      fresh();
      return history.moved(since);
    },
    prune(before) {
      own('the history');
      db.transaction(() => {
        history.prune(before.history);
        journal.prune(before.audit, before.auditRows);
        consent.prune(before.history);
        pruneMembers(db, sets);
      });
    },
    source: id => keepsakes.source(id),
    saveSource(id, seen) {
      own('what was seen of a source');
      keepsakes.saveSource(id, seen);
    },
    definitions: () => keepsakes.definitions(),
    saveDefinitions(good, gone) {
      own('the definitions');
      keepsakes.saveDefinitions(good, gone);
    },
    saveBlocks(target, blocks, at) {
      own('what is blocked');
      return consent.saveBlocks(target, blocks, at);
    },
    blocks: () => consent.blocks(),
    approvals: now => consent.approvals(now),
    windows: now => consent.windows(now),
    approve: (id, by, until, at) => consent.approve(id, by, until, at),
    approveBlock: (block, by, until, at) => consent.approveBlock(block, by, until, at),
    openWindow: (window, at) => consent.openWindow(window, at),
    overrides: now => overrides.all(now),
    override: (subject, facts, at) => overrides.put(subject, facts, at),
    resume: (ids, by, at) => overrides.take(ids, by, at),
    expireOverrides(now) {
      own('what operators said');
      return overrides.expire(now);
    },
    setAside: placement => overrides.setAside(placement),
    waiting(address, ids, at) {
      own('what waits for an answer');
      return overrides.waiting(address, ids, at);
    },
    waitingSince: address => overrides.waitingSince(address),
    dataVersion: () => db.dataVersion(),
    saveBackup(address, key, definition, at) {
      own('a backup');
      keepsakes.saveBackup(address, key, definition, at);
    },
    backup: (address, key) => keepsakes.backup(address, key),
    audit: entry => journal.write(entry),
    told: receiver => keepsakes.told(receiver),
    saveTold(receiver, told) {
      own('what was told');
      keepsakes.saveTold(receiver, told);
    },
    memberTag: member => auditMembers.tag(member),
    *auditLog() {
      for (const { entry } of journal.read()) yield entry;
    },
    auditLines: filter => journal.read(filter),
    sealAudit: most => options.access === 'own' && auditMembers.seal(most),
    secret(name) {
      const known = keepsakes.secret(name);
      if (known !== undefined) return known;
      own('a secret');
      return keepsakes.makeSecret(name);
    },
    close() {
      if (isOpen) options.close();
      isOpen = false;
    },
  };
}
