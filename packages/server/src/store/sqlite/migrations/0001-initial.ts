import { idempotencyTables } from '../idempotency/tables.ts'
import type { Migration } from './migration.ts'

/**
 * The first schema. Tables are STRICT: a wrong type is an error at the writer, never a surprise at a reader.
 * Numbers of devices and mailboxes are never reused (AUTOINCREMENT): stale references find nothing.
 */
const tables = `
-- incarnation (random, changes when a backup is restored), created_at
CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;

-- A revoked device keeps its row, so that its id stays dead. user_from: reads the user mailbox after this seq.
-- signed_pre_key, pq_pre_key: JSON text. keys_at: of the last upload of keys.
CREATE TABLE devices(
  no INTEGER PRIMARY KEY AUTOINCREMENT,
  user_id TEXT NOT NULL,
  device_id TEXT NOT NULL,
  name TEXT,
  created_at INTEGER NOT NULL,
  last_seen_at INTEGER NOT NULL,
  holds INTEGER NOT NULL DEFAULT 0,
  user_from INTEGER NOT NULL,
  revoked_at INTEGER,
  identity_key TEXT,
  signed_pre_key TEXT,
  pq_pre_key TEXT,
  keys_at INTEGER,
  UNIQUE(user_id, device_id)
) STRICT;

-- key_id: JSON text, so that 1 and "1" differ. n: order of upload, the oldest is claimed first.
-- public_key NULL: handed out; the digest of the key stays, so that its id is not used for another.
CREATE TABLE pre_keys(
  device INTEGER NOT NULL,
  key_id TEXT NOT NULL,
  n INTEGER NOT NULL,
  public_key TEXT,
  digest BLOB NOT NULL,
  PRIMARY KEY(device, key_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX pre_keys_left ON pre_keys(device, n) WHERE public_key IS NOT NULL;
CREATE INDEX pre_keys_given ON pre_keys(device, n) WHERE public_key IS NULL;

-- A token bucket as one number: when it will be full again. A full bucket needs no row. fill_ms: empty to full.
CREATE TABLE buckets(name TEXT PRIMARY KEY, full_at REAL NOT NULL, fill_ms REAL NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX buckets_full_at ON buckets(full_at);

CREATE TABLE tickets(
  hash TEXT PRIMARY KEY,
  user_id TEXT NOT NULL,
  device_id TEXT NOT NULL,
  token_expires_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- kind: user, device, group. owner: user id | user id '/' device id | group id.
CREATE TABLE mailboxes(
  no INTEGER PRIMARY KEY AUTOINCREMENT,
  kind TEXT NOT NULL,
  owner TEXT NOT NULL,
  head INTEGER NOT NULL DEFAULT 0,
  floor INTEGER NOT NULL DEFAULT 0,
  limit_floor INTEGER NOT NULL DEFAULT 0,
  delivered INTEGER NOT NULL DEFAULT 0,
  received_at INTEGER NOT NULL DEFAULT 0,
  UNIQUE(kind, owner)
) STRICT;

-- What was appended, in the order of commits, until it has been filed in entries.
CREATE TABLE journal(pos INTEGER PRIMARY KEY, data BLOB NOT NULL) STRICT;

-- id: mailbox no << 32 | seq (beyond 2^53 from mailbox 2^21 on: compose and split it in SQL).
-- kind 0, sender 0, no data: erased.
CREATE TABLE entries(
  id INTEGER PRIMARY KEY,
  kind INTEGER NOT NULL,
  sender INTEGER NOT NULL,
  received_at INTEGER NOT NULL,
  expires_at INTEGER,
  data BLOB NOT NULL
) STRICT;
CREATE INDEX entries_sender ON entries(sender);
CREATE INDEX entries_expiring ON entries(expires_at) WHERE expires_at IS NOT NULL;

-- A row: this device holds entries of this mailbox back, after seq.
CREATE TABLE cursors(
  mailbox INTEGER NOT NULL,
  device INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  until INTEGER,
  PRIMARY KEY(mailbox, device)
) STRICT, WITHOUT ROWID;
CREATE INDEX cursors_device ON cursors(device);

CREATE TABLE groups(
  group_id TEXT PRIMARY KEY,
  mailbox INTEGER NOT NULL,
  name TEXT,
  protocol TEXT NOT NULL,
  version INTEGER NOT NULL,
  created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Windows: a member reads after from_seq, up to and including to_seq; to_seq NULL: a member now.
CREATE TABLE members(
  group_id TEXT NOT NULL,
  user_id TEXT NOT NULL,
  from_seq INTEGER NOT NULL,
  to_seq INTEGER,
  role TEXT NOT NULL,
  PRIMARY KEY(group_id, user_id, from_seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX members_user ON members(user_id, group_id);
`

export const initial: Migration = {
  version: 1,
  up(db, clock) {
    db.exec(tables)
    db.exec(idempotencyTables)
    const put = db.prepare('INSERT INTO meta(key, value) VALUES (?, ?)')
    put.run('incarnation', clock.random(16))
    put.run('created_at', String(clock.now()))
  },
}
