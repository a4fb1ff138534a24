import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { defaultLimits } from '@sotto/protocol'
import { onTestFinished } from 'vitest'
import { manualClock } from '../manual-clock.suite.ts'
import { entryKinds } from '../store.ts'
import { type OpenedDevice, openDevice } from './devices.ts'
import { migrate, openConnection } from './schema.ts'

/** A directory that is gone after the test. */
export function scratchDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'sotto-store-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

/** A database file with the newest schema, as the writer thread has it open. */
export function scratchDatabase(): DatabaseSync {
  const directory = scratchDirectory()
  const db = openConnection(join(directory, 'sotto.db'))
  onTestFinished(() => db.close())
  migrate(db, manualClock())
  return db
}

/** A device, registered like the writer thread does. */
export function registered(
  db: DatabaseSync,
  userId: string,
  deviceId = 'default',
  { holds = false, now = 1_000, userHead = 0 }: { holds?: boolean; now?: number; userHead?: number } = {},
): OpenedDevice {
  return openDevice(db, { userId, deviceId, holds, now, userHead, limits: defaultLimits })
}

/** A mailbox that no device stands behind, or the number of an existing one. */
export function mailbox(db: DatabaseSync, kind: 'user' | 'device' | 'group', owner: string, floor = 0): number {
  db.prepare('INSERT INTO mailboxes(kind, owner) VALUES (?, ?) ON CONFLICT DO NOTHING').run(kind, owner)
  db.prepare('UPDATE mailboxes SET floor = ? WHERE kind = ? AND owner = ?').run(floor, kind, owner)
  return (db.prepare('SELECT no FROM mailboxes WHERE kind = ? AND owner = ?').get(kind, owner) as { no: number }).no
}

/** A group with a mailbox; windows are (user, after, up to). */
export function group(
  db: DatabaseSync,
  groupId: string,
  windows: readonly (readonly [userId: string, from: number, to: number | null])[],
  floor = 0,
): number {
  const no = mailbox(db, 'group', groupId, floor)
  db.prepare(
    "INSERT INTO groups(group_id, mailbox, name, protocol, version, created_at) VALUES (?, ?, 'Team', 'opaque', 1, 1)",
  ).run(groupId, no)
  const insert = db.prepare("INSERT INTO members(group_id, user_id, from_seq, to_seq, role) VALUES (?, ?, ?, ?, 'member')")
  for (const [userId, from, to] of windows) insert.run(groupId, userId, from, to)
  return no
}

/** An entry as settling writes it. */
export function entry(
  db: DatabaseSync,
  mailboxNo: number,
  seq: number,
  {
    sender = 0,
    kind = entryKinds.msg,
    json = `{"type":"msg","seq":${seq}}`,
  }: { sender?: number; kind?: number; json?: string } = {},
): void {
  db.prepare(
    'INSERT INTO entries(id, kind, sender, received_at, expires_at, data) VALUES (?1 << 32 | ?2, ?3, ?4, 1, NULL, ?5)',
  ).run(mailboxNo, seq, kind, sender, Buffer.from(json))
}

/** Every row of a query, as plain objects. */
export function rows(db: DatabaseSync, sql: string, ...params: (string | number)[]): Record<string, unknown>[] {
  return db
    .prepare(sql)
    .all(...params)
    .map((row) => ({ ...row }))
}

/** The error that a function throws. */
export function thrown(run: () => unknown): unknown {
  try {
    run()
  } catch (error) {
    return error
  }
  throw new Error('nothing was thrown')
}
