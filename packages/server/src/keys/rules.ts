import { type OneTimePreKey, SottoError } from '@sotto/protocol'
import type { Claimed } from '../store/store.ts'

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
  return claimed.filter(({ left }) => left < keysLow)
}
