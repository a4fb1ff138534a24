import { createHash } from 'node:crypto'
import type { DatabaseSync } from 'node:sqlite'
import type { Limits, OneTimePreKey, SignedPreKey } from '@sotto/protocol'
import { SottoError } from '@sotto/protocol/errors'
import type { Claim, Claimed, IdentityKeys, KeyCounts } from '../store.ts'
import { bucketName, claimsPairRate, claimsTargetRate, takeAll } from './buckets.ts'
import { prepared } from './statements.ts'

/** How many ids of keys that were handed out are remembered for a device: an older one is not told from a new one. */
export const keyHistoryMax = 10_000

export interface SetIdentity {
  readonly device: number
  readonly keys: IdentityKeys
  readonly now: number
}

/**
 * Publishes the identity key and the signed ones; what is null is withdrawn. A changed identity key clears the device's
 * one-time prekeys and its key id history, not its key packages: those are of another family. Throws `device_revoked`.
 */
export function setIdentity(db: DatabaseSync, { device, keys, now }: SetIdentity): void {
  const before = prepared(db, 'SELECT identity_key AS identityKey FROM devices WHERE no = ?').get(device) as
    | { identityKey: string | null }
    | undefined
  touch(db, device, now)
  const changed = before !== undefined && before.identityKey !== null && before.identityKey !== keys.identityKey
  if (changed) prepared(db, 'DELETE FROM pre_keys WHERE device = ?').run(device)
  prepared(db, 'UPDATE devices SET identity_key = ?2, signed_pre_key = ?3, pq_pre_key = ?4 WHERE no = ?1').run(
    device,
    keys.identityKey,
    json(keys.signedPreKey),
    json(keys.pqPreKey),
  )
}

export interface AddPreKeys {
  readonly device: number
  readonly preKeys: readonly OneTimePreKey[]
  readonly now: number
  readonly limits: Limits
}

/**
 * Adds one-time prekeys and returns how many the device now has. A known id with the same key is ignored. All or
 * none: throws `key_conflict` (a known id with another key, handed out or not), `limit_reached` (PREKEYS),
 * `device_revoked`.
 */
export function addPreKeys(db: DatabaseSync, { device, preKeys, now, limits }: AddPreKeys): number {
  touch(db, device, now)
  const known = prepared(db, 'SELECT digest FROM pre_keys WHERE device = ? AND key_id = ?')
  const insert = prepared(db, 'INSERT INTO pre_keys(device, key_id, n, public_key, digest) VALUES (?, ?, ?, ?, ?)')
  const { last } = prepared(db, 'SELECT coalesce(max(n), 0) AS last FROM pre_keys WHERE device = ?').get(device) as {
    last: number
  }
  let n = last
  for (const { keyId, publicKey } of preKeys) {
    const id = JSON.stringify(keyId)
    const digest = createHash('sha256').update(publicKey).digest()
    const row = known.get(device, id) as { digest: Uint8Array } | undefined
    if (row === undefined) insert.run(device, id, ++n, publicKey, digest)
    else if (!digest.equals(row.digest)) throw new SottoError('key_conflict', `the key id ${id} was used for another key`)
  }
  const count = preKeysLeft(db, device)
  if (count > limits.PREKEYS) {
    throw new SottoError('limit_reached', `a device may hold ${limits.PREKEYS} one-time prekeys`, { limit: 'PREKEYS' })
  }
  forgetOldest(db, device)
  return count
}

/** Key packages that were added before `since` have expired: they do not count. */
export function countKeys(db: DatabaseSync, { device, since }: { device: number; since: number }): KeyCounts {
  const row = prepared(db, 'SELECT count(*) AS count FROM key_packages WHERE device = ? AND added_at >= ?').get(device, since)
  return { oneTimePreKeys: preKeysLeft(db, device), keyPackages: (row as { count: number }).count }
}

/** The counts of a device that has uploaded one-time keys of a kind and has fewer than `low` of it left; undefined for others. */
export function keysLow(
  db: DatabaseSync,
  { device, since, low }: { device: number; since: number; low: number },
): KeyCounts | undefined {
  const counts = countKeys(db, { device, since })
  const uploaded = prepared(
    db,
    `SELECT key_packages_at IS NOT NULL AS keyPackages, EXISTS (SELECT 1 FROM pre_keys WHERE device = no) AS preKeys
     FROM devices WHERE no = ?`,
  ).get(device) as { keyPackages: number; preKeys: number } | undefined
  if (uploaded === undefined) return undefined
  const isLow =
    (uploaded.preKeys === 1 && counts.oneTimePreKeys < low) || (uploaded.keyPackages === 1 && counts.keyPackages < low)
  return isLow ? counts : undefined
}

function preKeysLeft(db: DatabaseSync, device: number): number {
  const row = prepared(db, 'SELECT count(*) AS count FROM pre_keys WHERE device = ? AND public_key IS NOT NULL').get(device)
  return (row as { count: number }).count
}

export interface ClaimPreKeys extends Claim {
  readonly now: number
  /** Key packages that were added before have expired. */
  readonly since: number
  readonly limits: Limits
}

interface Target {
  readonly no: number
  readonly deviceId: string
  readonly identityKey: string
  readonly signedPreKey: string | null
  readonly pqPreKey: string | null
}

interface Refused {
  readonly retryAfterMs: number
  readonly limit: string
}

/**
 * Hands out a user's keys, and with those of each device its oldest one-time prekey, which no one gets again (G5).
 * Only a one-time prekey counts against the limits; one's own devices are exempt.
 *
 * Throws `no_prekeys` when there is neither a one-time nor a signed prekey, `rate_limited`. Of several devices (`*`) one
 * over its limit is answered without a one-time prekey if it has a signed one, and left out otherwise.
 */
export function claimPreKeys(db: DatabaseSync, claim: ClaimPreKeys): readonly Claimed[] {
  const targets = targetsOf(db, claim)
  if (targets.length === 0) throw new SottoError('no_prekeys')
  const outcomes = targets.map((target) => claimFrom(db, claim, target))
  const claimed = outcomes.filter((outcome) => 'deviceId' in outcome)
  if (claimed.length > 0) return claimed
  const refused = outcomes.filter((outcome) => 'retryAfterMs' in outcome)
  const soonest = refused.reduce((least, outcome) => (outcome.retryAfterMs < least.retryAfterMs ? outcome : least))
  throw new SottoError('rate_limited', 'too many keys of this device were claimed', { ...soonest })
}

/** The devices that a claim is about and that have something to give. */
function targetsOf(db: DatabaseSync, { userId, device }: ClaimPreKeys): readonly Target[] {
  const rows = prepared(
    db,
    `SELECT no, device_id AS deviceId, identity_key AS identityKey, signed_pre_key AS signedPreKey, pq_pre_key AS pqPreKey
     FROM devices
     WHERE user_id = ?1 AND revoked_at IS NULL AND identity_key IS NOT NULL AND (?2 IS NULL OR device_id = ?2)
       AND (signed_pre_key IS NOT NULL
         OR EXISTS (SELECT 1 FROM pre_keys WHERE pre_keys.device = devices.no AND public_key IS NOT NULL))
     ORDER BY device_id = 'default' DESC, keys_at DESC`,
  ).all(userId, device === '*' ? null : device) as unknown as Target[]
  return device === null ? rows.slice(0, 1) : rows
}

function claimFrom(db: DatabaseSync, claim: ClaimPreKeys, target: Target): Claimed | Refused {
  const refusal = limitOf(db, claim, target)
  if (refusal !== undefined && (claim.device !== '*' || target.signedPreKey === null)) return refusal
  return {
    userId: claim.userId,
    deviceId: target.deviceId,
    identityKey: target.identityKey,
    signedPreKey: parsed(target.signedPreKey),
    pqPreKey: parsed(target.pqPreKey),
    oneTimePreKey: refusal === undefined ? takeOldest(db, target.no) : null,
    left: countKeys(db, { device: target.no, since: claim.since }),
  }
}

/** Takes from the limits; what stands in the way, if something does. */
function limitOf(db: DatabaseSync, claim: ClaimPreKeys, target: Target): Refused | undefined {
  const { claimant, userId, now, limits } = claim
  if (claimant === userId || preKeysLeft(db, target.no) === 0) return undefined
  const { waitMs, slowest } = takeAll(
    db,
    [
      {
        limit: 'CLAIMS_PAIR_PER_HOUR',
        name: bucketName('CLAIMS_PAIR', [claimant, userId], target.deviceId),
        rate: claimsPairRate(limits),
      },
      {
        limit: 'CLAIMS_TARGET_PER_SECOND',
        name: bucketName('CLAIMS_TARGET', [userId], target.deviceId),
        rate: claimsTargetRate(limits),
      },
    ],
    now,
  )
  return slowest === undefined ? undefined : { retryAfterMs: waitMs, limit: slowest.limit }
}

/** Consumes the one-time prekey that was uploaded first. Its digest stays, so that the id is not used again. */
function takeOldest(db: DatabaseSync, device: number): OneTimePreKey | null {
  const oldest = prepared(
    db,
    `SELECT key_id AS keyId, public_key AS publicKey FROM pre_keys
     WHERE device = ? AND public_key IS NOT NULL ORDER BY n LIMIT 1`,
  ).get(device) as { keyId: string; publicKey: string } | undefined
  if (oldest === undefined) return null
  prepared(db, 'UPDATE pre_keys SET public_key = NULL WHERE device = ? AND key_id = ?').run(device, oldest.keyId)
  return { keyId: JSON.parse(oldest.keyId) as OneTimePreKey['keyId'], publicKey: oldest.publicKey }
}

function parsed(json: string | null): SignedPreKey | null {
  return json === null ? null : (JSON.parse(json) as SignedPreKey)
}

/** Notes the upload; of two devices the later one is the later one even in the same millisecond. */
function touch(db: DatabaseSync, device: number, now: number): void {
  const { changes } = prepared(
    db,
    `UPDATE devices SET keys_at = max(?2, 1 + coalesce(
       (SELECT max(other.keys_at) FROM devices other WHERE other.user_id = devices.user_id AND other.no <> devices.no), 0))
     WHERE no = ?1 AND revoked_at IS NULL`,
  ).run(device, now)
  if (changes === 0) throw new SottoError('device_revoked')
}

function forgetOldest(db: DatabaseSync, device: number): void {
  prepared(
    db,
    `DELETE FROM pre_keys WHERE device = ?1 AND public_key IS NULL AND n <=
       (SELECT n FROM pre_keys WHERE device = ?1 AND public_key IS NULL ORDER BY n DESC LIMIT 1 OFFSET ?2)`,
  ).run(device, keyHistoryMax)
}

function json(value: unknown): string | null {
  return value === null ? null : JSON.stringify(value)
}
