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
  {
    what: 'the audit log knows whom a line is about',
    sql: `
      -- granted, revoked: the set in members, until its names are hashed (or for good, where names are to be kept); then
      -- the row in audit_hashes. member: a keyed hash, or a name where is_name is 1.
      ALTER TABLE audit ADD COLUMN toggle TEXT;
      ALTER TABLE audit ADD COLUMN granted INTEGER;
      ALTER TABLE audit ADD COLUMN revoked INTEGER;
      ALTER TABLE audit ADD COLUMN granted_hashes INTEGER;
      ALTER TABLE audit ADD COLUMN revoked_hashes INTEGER;
      ALTER TABLE audit ADD COLUMN member TEXT;
      ALTER TABLE audit ADD COLUMN is_name INTEGER;
      UPDATE audit SET toggle = json_extract(entry, '$.toggle');
      UPDATE audit SET member = json_extract(entry, '$.member'), is_name = 0 WHERE json_extract(entry, '$.member') IS NOT NULL;
      CREATE INDEX audit_toggle ON audit (toggle) WHERE toggle IS NOT NULL;
      CREATE INDEX audit_member ON audit (member) WHERE member IS NOT NULL;
      CREATE INDEX audit_name ON audit (is_name) WHERE is_name = 1;
      CREATE INDEX audit_granted ON audit (granted) WHERE granted IS NOT NULL;
      CREATE INDEX audit_revoked ON audit (revoked) WHERE revoked IS NOT NULL;
      CREATE INDEX audit_granted_hashes ON audit (granted_hashes) WHERE granted_hashes IS NOT NULL;
      CREATE INDEX audit_revoked_hashes ON audit (revoked_hashes) WHERE revoked_hashes IS NOT NULL;

      -- name: the keyed hash of the set's own hash. body: 8 bytes per member, sorted.
      CREATE TABLE audit_hashes (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, body BLOB NOT NULL) STRICT;

      -- What an intended write is for: JSON of causes, commit, approval.
      ALTER TABLE placements ADD COLUMN intent_about TEXT;
    `,
  },
  {
    what: 'what operators say against git and policy',
    sql: `
      -- subject: JSON of what it is about; it may name a member. until NULL: until it is taken back.
      CREATE TABLE overrides (
        id TEXT PRIMARY KEY, subject TEXT NOT NULL, since INTEGER NOT NULL, until INTEGER, by TEXT NOT NULL, reason TEXT NOT NULL
      ) STRICT, WITHOUT ROWID;
      -- who: whom policy had let in when an operator's word closed the placement; until it is open again.
      CREATE TABLE set_aside (placement TEXT PRIMARY KEY, who INTEGER NOT NULL) STRICT, WITHOUT ROWID;
      -- Placements without an answer, while maxHold is configured.
      CREATE TABLE waiting (placement TEXT PRIMARY KEY, address TEXT NOT NULL, since INTEGER NOT NULL) STRICT, WITHOUT ROWID;
    `,
  },
];
