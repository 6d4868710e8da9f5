/** One step from one form of the state to the next. */
export interface Migration {
  readonly what: string;
  readonly sql: string;
}

/**
 * The forms of the state, in order: the first makes version 1 of an empty file, each further one brings the version
 * before up to date. A published entry is never changed; a new form is a new entry.
 *
 * Times are ms since the epoch, sets of members are ids into `members`, booleans 0 and 1.
 */
export const migrations: readonly Migration[] = [
  {
    what: 'the first form',
    sql: `
      CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;

      -- Ids are never used twice: another process may still hold one. form: lines (each member ended by a line feed, the
      -- bytes that the hash is of), json (an array), delta (JSON [added, removed] against base, which is never a delta).
      CREATE TABLE members (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        hash TEXT NOT NULL UNIQUE,
        size INTEGER NOT NULL,
        base INTEGER REFERENCES members(id),
        form TEXT NOT NULL CHECK (form IN ('lines', 'json', 'delta')),
        body BLOB NOT NULL
      ) STRICT;
      CREATE INDEX members_base ON members (base) WHERE base IS NOT NULL;

      CREATE TABLE targets (address TEXT PRIMARY KEY, name TEXT NOT NULL) STRICT, WITHOUT ROWID;

      -- metadata NULL: nothing of it is known to be written.
      CREATE TABLE listings (
        id INTEGER PRIMARY KEY,
        address TEXT NOT NULL,
        key TEXT NOT NULL,
        toggle TEXT NOT NULL,
        context_kind TEXT NOT NULL,
        metadata TEXT,
        removed INTEGER NOT NULL,
        UNIQUE (address, key)
      ) STRICT;

      -- who NULL: what the target held before the intended write is not known. applied_at NULL: only intended so far.
      -- doubt_*: earlier writes that were not answered, joined; intent_*: the newest.
      CREATE TABLE placements (
        id TEXT PRIMARY KEY,
        listing INTEGER NOT NULL REFERENCES listings(id) ON DELETE CASCADE,
        environment TEXT NOT NULL,
        source TEXT NOT NULL,
        audience TEXT NOT NULL,
        is_on INTEGER NOT NULL,
        who INTEGER,
        revision TEXT,
        first_filled_at INTEGER,
        applied_at INTEGER,
        intent_on INTEGER, intent_who INTEGER, intent_at INTEGER,
        intent_source TEXT, intent_audience TEXT, intent_revision TEXT,
        doubt_on INTEGER, doubt_who INTEGER, doubt_at INTEGER
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX placements_listing ON placements (listing);

      -- before, after: whom policy let in. first: the first fill. approved_*: whom of the change an approval named.
      CREATE TABLE history (
        id INTEGER PRIMARY KEY,
        placement TEXT NOT NULL,
        at INTEGER NOT NULL,
        first INTEGER NOT NULL,
        before INTEGER NOT NULL,
        after INTEGER NOT NULL,
        approval TEXT,
        approved_granted INTEGER,
        approved_revoked INTEGER
      ) STRICT;
      CREATE INDEX history_placement ON history (placement, at);

      CREATE TABLE sources (id TEXT PRIMARY KEY, seen TEXT NOT NULL) STRICT, WITHOUT ROWID;
      CREATE TABLE definitions (key TEXT PRIMARY KEY, file TEXT NOT NULL, text TEXT NOT NULL) STRICT, WITHOUT ROWID;
      CREATE TABLE backups (
        id INTEGER PRIMARY KEY, address TEXT NOT NULL, key TEXT NOT NULL, at INTEGER NOT NULL, definition TEXT NOT NULL
      ) STRICT;

      CREATE TABLE blocks (
        target TEXT NOT NULL,
        id TEXT NOT NULL,
        since INTEGER NOT NULL,
        block TEXT NOT NULL,
        revoked INTEGER NOT NULL,
        granted INTEGER NOT NULL,
        PRIMARY KEY (target, id)
      ) STRICT, WITHOUT ROWID;
      CREATE TABLE approvals (
        id TEXT PRIMARY KEY,
        until INTEGER NOT NULL,
        approval TEXT NOT NULL,
        revoked INTEGER NOT NULL,
        granted INTEGER NOT NULL
      ) STRICT, WITHOUT ROWID;
      CREATE TABLE windows (
        id INTEGER PRIMARY KEY, source TEXT NOT NULL, until INTEGER NOT NULL, reason TEXT NOT NULL, by TEXT NOT NULL
      ) STRICT;

      CREATE TABLE audit (id INTEGER PRIMARY KEY, at INTEGER NOT NULL, entry TEXT NOT NULL) STRICT;
      CREATE TABLE secrets (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
    `,
  },
];
