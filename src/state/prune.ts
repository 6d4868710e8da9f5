import type { Database } from './database.ts';
import type { MemberSets } from './member-sets.ts';

/** Every column that names a set of members. A new one belongs here, or its sets are dropped under it. */
const used = [
  ['placements', 'who'],
  ['placements', 'intent_who'],
  ['placements', 'doubt_who'],
  ['history', 'before'],
  ['history', 'after'],
  ['history', 'approved_granted'],
  ['history', 'approved_revoked'],
  ['blocks', 'revoked'],
  ['blocks', 'granted'],
  ['approvals', 'revoked'],
  ['approvals', 'granted'],
  ['set_aside', 'who'],
  ['audit', 'granted'],
  ['audit', 'revoked'],
] as const;

/** Drops the sets that no row names any more. */
export function pruneMembers(db: Database, sets: MemberSets): void {
  const ids = used.map(([table, column]) => `SELECT ${column} FROM ${table} WHERE ${column} IS NOT NULL`);
  db.transaction(() => sets.prune(ids.join(' UNION ')));
}
