import { createHash } from 'node:crypto'
import type { DatabaseSync } from 'node:sqlite'
import type { Limits } from '@sotto/protocol'
import { SottoError } from '@sotto/protocol/errors'
import { type KeyPackageClaim, type KeyPackageOutcome, type KeyPackageUpload, keyPackageMsMax } from '../store.ts'
import { bucketName, claimsPairRate, claimsTargetRate, takeAll } from './buckets.ts'
import { countKeys, keyHistoryMax } from './keys.ts'
import { prepared } from './statements.ts'

/** Rows that one step of a sweep deletes at most, so that appends never wait long. */
const stepRows = 2_000

/** A key package that was added before this time has expired. */
export function keyPackagesSince(now: number, retentionMs: number): number {
  return now - Math.min(retentionMs, keyPackageMsMax)
}

export interface AddKeyPackages extends KeyPackageUpload {
  readonly device: number
  readonly now: number
  /** What was added before has expired. */
  readonly since: number
  readonly limits: Limits
}

/**
 * Adds one-time key packages, and replaces the last-resort one of the ciphersuite; returns how many one-time ones the
 * device now has. One that is held already is ignored. All or none: throws `key_conflict` (it was handed out before, or
 * is held for the other use), `limit_reached` (KEY_PACKAGES), `device_revoked`.
 */
export function addKeyPackages(db: DatabaseSync, upload: AddKeyPackages): number {
  const { device, ciphersuite, keyPackages, lastResort, now, since, limits } = upload
  const live = prepared(db, 'UPDATE devices SET key_packages_at = ? WHERE no = ? AND revoked_at IS NULL').run(now, device)
  if (live.changes === 0) throw new SottoError('device_revoked')
  prepared(db, 'DELETE FROM key_packages WHERE device = ? AND added_at < ?').run(device, since)
  prepared(db, 'DELETE FROM last_resorts WHERE device = ? AND added_at < ?').run(device, since)

  const insert = prepared(
    db,
    `INSERT INTO key_packages(device, ciphersuite, digest, data, added_at) VALUES (?, ?, ?, ?, ?)
     ON CONFLICT(device, digest) DO NOTHING`,
  )
  for (const keyPackage of keyPackages) {
    const digest = digestOf(keyPackage)
    refuseIfIn(db, 'key_packages_given', device, digest, 'was handed out before')
    refuseIfIn(db, 'last_resorts', device, digest, 'is held as a last-resort one')
    insert.run(device, ciphersuite, digest, keyPackage, now)
  }
  if (lastResort !== null) {
    const digest = digestOf(lastResort)
    refuseIfIn(db, 'key_packages_given', device, digest, 'was handed out before')
    refuseIfIn(db, 'key_packages', device, digest, 'is held as a one-time one')
    prepared(
      db,
      `INSERT INTO last_resorts(device, ciphersuite, digest, data, added_at) VALUES (?, ?, ?, ?, ?)
       ON CONFLICT(device, ciphersuite) DO UPDATE SET digest = excluded.digest, data = excluded.data, added_at = excluded.added_at
       WHERE digest <> excluded.digest`,
    ).run(device, ciphersuite, digest, lastResort, now)
  }

  const count = countOf(db, 'key_packages', device)
  if (count > limits.KEY_PACKAGES || countOf(db, 'last_resorts', device) > limits.KEY_PACKAGES) {
    throw new SottoError('limit_reached', `a device may hold ${limits.KEY_PACKAGES} key packages`, { limit: 'KEY_PACKAGES' })
  }
  forgetOldest(db, device)
  return count
}

export interface ClaimKeyPackages extends KeyPackageClaim {
  readonly now: number
  readonly since: number
  readonly limits: Limits
}

interface Target {
  readonly no: number
  readonly userId: string
  readonly deviceId: string
  readonly hasUploaded: number
}

/**
 * Hands out one key package of each live device of each user: its oldest one-time one, which no one gets again (G5), or
 * the last-resort one where there is no other or a limit stands in the way. Only one-time ones count against the limits;
 * one's own devices are exempt. `null` stands in the place of a user without devices.
 */
export function claimKeyPackages(db: DatabaseSync, claim: ClaimKeyPackages): readonly KeyPackageOutcome[] {
  const devices = prepared(
    db,
    `SELECT no, user_id AS userId, device_id AS deviceId, key_packages_at IS NOT NULL AS hasUploaded
     FROM devices WHERE user_id = ? AND revoked_at IS NULL ORDER BY no`,
  )
  const except = new Set(claim.except.map(({ userId, deviceId }) => `${userId}/${deviceId}`))
  return [...new Set(claim.userIds)].flatMap((userId): KeyPackageOutcome[] => {
    const targets = devices.all(userId) as unknown as Target[]
    if (targets.length === 0) return [{ userId, deviceId: null, given: null, left: null }]
    return targets
      .filter(({ deviceId }) => !except.has(`${userId}/${deviceId}`))
      .map((target) => {
        const given = giveFrom(db, claim, target)
        const isFewer = given?.lastResort === false
        const left = isFewer ? countKeys(db, { device: target.no, since: claim.since }) : null
        return { userId, deviceId: target.deviceId, given, left }
      })
  })
}

function giveFrom(db: DatabaseSync, claim: ClaimKeyPackages, target: Target): KeyPackageOutcome['given'] {
  if (target.hasUploaded === 0) return null
  const oneTime = mayTake(db, claim, target) ? takeOldest(db, claim, target.no) : undefined
  if (oneTime !== undefined) return { keyPackage: oneTime, lastResort: false }
  const row = prepared(db, 'SELECT data FROM last_resorts WHERE device = ? AND ciphersuite = ? AND added_at >= ?').get(
    target.no,
    claim.ciphersuite,
    claim.since,
  ) as { data: string } | undefined
  return row === undefined ? null : { keyPackage: row.data, lastResort: true }
}

/** Takes from the limits, if there is a one-time key package to count: whether it may be handed out. */
function mayTake(db: DatabaseSync, claim: ClaimKeyPackages, { no, userId, deviceId }: Target): boolean {
  const { claimant, ciphersuite, now, since, limits } = claim
  if (claimant === userId) return true
  const held = 'SELECT 1 FROM key_packages WHERE device = ? AND ciphersuite = ? AND added_at >= ? LIMIT 1'
  if (prepared(db, held).get(no, ciphersuite, since) === undefined) return false
  const buckets = [
    { name: bucketName('KEY_PACKAGES_PAIR', [claimant, userId], deviceId), rate: claimsPairRate(limits) },
    { name: bucketName('KEY_PACKAGES_TARGET', [userId], deviceId), rate: claimsTargetRate(limits) },
  ]
  return takeAll(db, buckets, now).slowest === undefined
}

/** Consumes the key package that was uploaded first. Its digest stays, so that it is not uploaded again. */
function takeOldest(db: DatabaseSync, { ciphersuite, since }: ClaimKeyPackages, device: number): string | undefined {
  const taken = prepared(
    db,
    `DELETE FROM key_packages WHERE n = (
       SELECT n FROM key_packages WHERE device = ? AND ciphersuite = ? AND added_at >= ? ORDER BY n LIMIT 1)
     RETURNING n, digest, data`,
  ).get(device, ciphersuite, since) as { n: number; digest: Uint8Array; data: string } | undefined
  if (taken === undefined) return undefined
  prepared(db, 'INSERT INTO key_packages_given(device, digest, n) VALUES (?, ?, ?)').run(device, taken.digest, taken.n)
  return taken.data
}

/** Deletes some of the key packages that were added before a time. `more`: there are others. */
export function sweepKeyPackages(db: DatabaseSync, addedBefore: number): { readonly more: boolean } {
  const swept = [
    `DELETE FROM key_packages WHERE n IN (SELECT n FROM key_packages WHERE added_at < ? LIMIT ${stepRows})`,
    `DELETE FROM last_resorts WHERE rowid IN (SELECT rowid FROM last_resorts WHERE added_at < ? LIMIT ${stepRows})`,
  ].map((sql) => Number(prepared(db, sql).run(addedBefore).changes))
  return { more: swept.includes(stepRows) }
}

/** Deletes every key package of a device, and what is remembered of those handed out. */
export function dropKeyPackages(db: DatabaseSync, device: number): void {
  for (const table of ['key_packages', 'last_resorts', 'key_packages_given']) {
    prepared(db, `DELETE FROM ${table} WHERE device = ?`).run(device)
  }
}

/** How many key packages are held for a device, and how many it has had handed out: for the export. */
export function exportKeyPackages(db: DatabaseSync, device: number): Record<string, number> {
  return {
    keyPackages: countOf(db, 'key_packages', device),
    lastResortKeyPackages: countOf(db, 'last_resorts', device),
    keyPackagesHandedOut: countOf(db, 'key_packages_given', device),
  }
}

type Table = 'key_packages' | 'last_resorts' | 'key_packages_given'

function countOf(db: DatabaseSync, table: Table, device: number): number {
  return (prepared(db, `SELECT count(*) AS count FROM ${table} WHERE device = ?`).get(device) as { count: number }).count
}

function refuseIfIn(db: DatabaseSync, table: Table, device: number, digest: Uint8Array, why: string): void {
  const row = prepared(db, `SELECT 1 FROM ${table} WHERE device = ? AND digest = ?`).get(device, digest)
  if (row !== undefined) throw new SottoError('key_conflict', `a key package of the upload ${why}`)
}

function forgetOldest(db: DatabaseSync, device: number): void {
  prepared(
    db,
    `DELETE FROM key_packages_given WHERE device = ?1 AND n <=
       (SELECT n FROM key_packages_given WHERE device = ?1 ORDER BY n DESC LIMIT 1 OFFSET ?2)`,
  ).run(device, keyHistoryMax)
}

/** Base64 comes in its one canonical form, so that equal texts are equal key packages. */
function digestOf(keyPackage: string): Uint8Array {
  return createHash('sha256').update(keyPackage).digest()
}
