import type { DatabaseSync } from 'node:sqlite'
import { SottoError } from '@sotto/protocol/errors'
import type { DeviceList } from '../store.ts'
import { prepared } from './statements.ts'

export interface PutDeviceList {
  /** The device that puts it: one of the user's, and live. */
  readonly device: number
  readonly userId: string
  readonly list: DeviceList
  readonly now: number
}

/**
 * Puts the next version of a user's signed device list; the very same list again is nothing. Throws `stale_version` with
 * the current list when its version is not one more than the current one, `device_revoked`.
 */
export function putDeviceList(db: DatabaseSync, { device, userId, list, now }: PutDeviceList): void {
  const live = prepared(db, 'SELECT 1 FROM devices WHERE no = ? AND user_id = ? AND revoked_at IS NULL').get(device, userId)
  if (live === undefined) throw new SottoError('device_revoked')
  const current = deviceList(db, { userId })
  if (current !== undefined && isSame(current, list)) return
  const version = current?.version ?? 0
  if (list.version !== version + 1) {
    throw new SottoError('stale_version', `the current version is ${version}: put ${version + 1}`, { version, ...current })
  }
  prepared(
    db,
    `INSERT OR REPLACE INTO device_lists(user_id, version, identity_key, devices, signature, endorsement, put_at)
     VALUES (?, ?, ?, ?, ?, ?, ?)`,
  ).run(userId, list.version, list.identityKey, list.devices, list.signature, list.endorsement ?? null, now)
}

/** A user's current device list; undefined when none was put. */
export function deviceList(db: DatabaseSync, { userId }: { userId: string }): DeviceList | undefined {
  const row = prepared(
    db,
    'SELECT version, identity_key AS identityKey, devices, signature, endorsement FROM device_lists WHERE user_id = ?',
  ).get(userId) as (Omit<DeviceList, 'endorsement'> & { readonly endorsement: string | null }) | undefined
  if (row === undefined) return undefined
  const { endorsement, ...rest } = row
  return endorsement === null ? rest : { ...rest, endorsement }
}

export function dropDeviceList(db: DatabaseSync, userId: string): void {
  prepared(db, 'DELETE FROM device_lists WHERE user_id = ?').run(userId)
}

function isSame(a: DeviceList, b: DeviceList): boolean {
  return (
    a.version === b.version &&
    a.identityKey === b.identityKey &&
    a.devices === b.devices &&
    a.signature === b.signature &&
    a.endorsement === b.endorsement
  )
}
