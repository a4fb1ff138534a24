import { type OneTimePreKey, type RouteAnswer, SottoError } from '@sotto/protocol'
import type { Claimed, KeyCounts, KeyPackageOutcome } from '../store/store.ts'

/** Each key of an upload once. Throws `key_conflict` when one `keyId` comes with two keys. */
export function distinctPreKeys(preKeys: readonly OneTimePreKey[]): readonly OneTimePreKey[] {
  const byId = new Map<string | number, OneTimePreKey>()
  for (const preKey of preKeys) {
    const other = byId.get(preKey.keyId)
    if (other !== undefined && other.publicKey !== preKey.publicKey) {
      throw new SottoError('key_conflict', 'the upload has two keys under one key id', { keyId: preKey.keyId })
    }
    byId.set(preKey.keyId, preKey)
  }
  return [...byId.values()]
}

/** Whose devices are to be asked for more keys after a claim: reminded by each claim, since hints may be lost. */
export function runningLow(claimed: readonly Claimed[], keysLow: number): readonly Claimed[] {
  return claimed.filter(({ left }) => left.oneTimePreKeys < keysLow)
}

/** What a claim of key packages is answered with. */
export function claimedKeyPackages(outcomes: readonly KeyPackageOutcome[]): RouteAnswer<'POST /key-packages/claim'> {
  const answer: RouteAnswer<'POST /key-packages/claim'> = { keyPackages: [], missing: [] }
  for (const { userId, deviceId, given } of outcomes) {
    if (deviceId === null) answer.missing.push({ userId })
    else if (given === null) answer.missing.push({ userId, deviceId })
    else answer.keyPackages.push({ userId, deviceId, ...given })
  }
  return answer
}

/** The devices to be asked for more key packages after a claim, with what they have left. */
export function shortOfKeyPackages(
  outcomes: readonly KeyPackageOutcome[],
  keysLow: number,
): (KeyCounts & { readonly userId: string; readonly deviceId: string })[] {
  return outcomes.flatMap(({ userId, deviceId, left }) =>
    deviceId === null || left === null || left.keyPackages >= keysLow ? [] : [{ userId, deviceId, ...left }],
  )
}
