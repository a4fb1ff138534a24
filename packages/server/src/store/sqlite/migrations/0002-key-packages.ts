import type { Migration } from './migration.ts'

/** Key packages, device lists, and what a device has acknowledged apart from where it begins to read. */
const tables = `
-- One-time key packages. n: order of upload, the oldest is claimed first; digest: SHA-256 of data.
CREATE TABLE key_packages(
  n INTEGER PRIMARY KEY AUTOINCREMENT,
  device INTEGER NOT NULL,
  ciphersuite INTEGER NOT NULL,
  digest BLOB NOT NULL,
  data TEXT NOT NULL,
  added_at INTEGER NOT NULL,
  UNIQUE(device, digest)
) STRICT;
CREATE INDEX key_packages_oldest ON key_packages(device, ciphersuite, n);
CREATE INDEX key_packages_added ON key_packages(added_at);

-- Never consumed; one for each ciphersuite of a device.
CREATE TABLE last_resorts(
  device INTEGER NOT NULL,
  ciphersuite INTEGER NOT NULL,
  digest BLOB NOT NULL,
  data TEXT NOT NULL,
  added_at INTEGER NOT NULL,
  PRIMARY KEY(device, ciphersuite)
) STRICT;
CREATE INDEX last_resorts_added ON last_resorts(added_at);

-- Digests of one-time key packages that were handed out, so that none is uploaded again.
CREATE TABLE key_packages_given(
  device INTEGER NOT NULL,
  digest BLOB NOT NULL,
  n INTEGER NOT NULL,
  PRIMARY KEY(device, digest)
) STRICT, WITHOUT ROWID;
CREATE INDEX key_packages_given_n ON key_packages_given(device, n);

-- Of the last upload of key packages; NULL: there was none.
ALTER TABLE devices ADD COLUMN key_packages_at INTEGER;

-- Signed device lists: opaque but for version.
CREATE TABLE device_lists(
  user_id TEXT PRIMARY KEY,
  version INTEGER NOT NULL,
  identity_key TEXT NOT NULL,
  devices TEXT NOT NULL,
  signature TEXT NOT NULL,
  endorsement TEXT,
  put_at INTEGER NOT NULL
) STRICT;

-- What the device itself has acknowledged; seq may be more: where it begins.
ALTER TABLE cursors ADD COLUMN acked INTEGER NOT NULL DEFAULT 0;
UPDATE cursors SET acked = seq;
`

export const keyPackages: Migration = {
  version: 2,
  up(db) {
    db.exec(tables)
  },
}
