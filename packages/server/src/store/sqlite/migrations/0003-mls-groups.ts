import type { Migration } from './migration.ts'

/** MLS groups: where each stands, which devices read it, who has departed, and the Welcomes that wait. */
const tables = `
-- epoch: the one that the next commit ends; commit_seq: of the last commit; group_info: base64, of the newest epoch.
CREATE TABLE mls_groups(
  group_id TEXT PRIMARY KEY,
  is_direct INTEGER NOT NULL,
  generation INTEGER NOT NULL,
  epoch INTEGER NOT NULL,
  commit_seq INTEGER NOT NULL,
  group_info TEXT NOT NULL
) STRICT;

-- Windows of devices, as those of members. welcome_seq: of the Welcome in the device's mailbox; 0: there is none.
CREATE TABLE group_devices(
  group_id TEXT NOT NULL,
  device INTEGER NOT NULL,
  from_seq INTEGER NOT NULL,
  to_seq INTEGER,
  welcome_seq INTEGER NOT NULL,
  PRIMARY KEY(group_id, device, from_seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX group_devices_device ON group_devices(device, group_id);
CREATE INDEX group_devices_closed ON group_devices(group_id) WHERE to_seq IS NOT NULL;

-- Leaves that a commit has to remove. whole: the user is gone, else the device alone.
CREATE TABLE departed(
  group_id TEXT NOT NULL,
  user_id TEXT NOT NULL,
  device_id TEXT NOT NULL,
  whole INTEGER NOT NULL,
  PRIMARY KEY(group_id, user_id, device_id)
) STRICT, WITHOUT ROWID;

-- A Welcome is kept once, by the group's mailbox and the commit's seq; user_id: the committer's. Entries of device mailboxes refer to it.
CREATE TABLE welcomes(
  group_mailbox INTEGER NOT NULL,
  group_seq INTEGER NOT NULL,
  user_id TEXT NOT NULL,
  data TEXT NOT NULL,
  UNIQUE(group_mailbox, group_seq)
) STRICT;
CREATE INDEX welcomes_user ON welcomes(user_id);
CREATE TABLE welcome_entries(
  mailbox INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  group_mailbox INTEGER NOT NULL,
  group_seq INTEGER NOT NULL,
  PRIMARY KEY(mailbox, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX welcome_entries_welcome ON welcome_entries(group_mailbox, group_seq);
`

export const mlsGroups: Migration = {
  version: 3,
  up(db) {
    db.exec(tables)
  },
}
