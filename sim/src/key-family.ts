import type { ClaimedKeys, RouteAnswer } from '@sotto/protocol'
import { type DeviceName, digestOf, type PreKey } from './history.ts'
import { type Asking, type Outcome, request } from './request.ts'

/** A family of the key registry, as a device and those who claim from it see it. The keys of a device have numbers. */
export interface KeyFamily {
  readonly keysPerUpload: number
  /** The server refuses an upload when one of its keys has been handed out: this way one that was cut off says that it took effect. */
  readonly refusesRepeats: boolean
  /** Uploads what is there when no one-time key is left. */
  introduce(asking: Asking, user: string): Promise<Outcome<unknown>>
  keyOf(user: string, keyId: number): PreKey
  upload(asking: Asking, user: string, keyIds: readonly number[]): Promise<Outcome<unknown>>
  /** `key` null: there was no one-time key. */
  claim(asking: Asking, user: string): Promise<Outcome<Claimed>>
}

export interface Claimed {
  readonly of: DeviceName
  readonly key: PreKey | null
}

const publicKey = (user: string, keyId: number) => `one-time key ${keyId} of ${user}`

/** One-time prekeys; the signed prekey remains. */
export const preKeys: KeyFamily = {
  keysPerUpload: 125,
  refusesRepeats: false,
  introduce: (asking, user) =>
    request(asking, 'POST', '/keys/identity', {
      identityKey: `identity key of ${user}`,
      signedPreKey: `signed prekey of ${user}`,
    }),
  keyOf: (user, keyId) => ({ keyId, digest: digestOf(publicKey(user, keyId)) }),
  upload: (asking, user, keyIds) =>
    request(asking, 'POST', '/keys/prekeys', {
      oneTimePreKeys: keyIds.map((keyId) => ({ keyId, publicKey: publicKey(user, keyId) })),
    }),
  async claim(asking, user) {
    const outcome = await request<ClaimedKeys>(asking, 'GET', `/keys/prekeys/${user}`)
    if (outcome.kind !== 'ok') return outcome
    const { userId, deviceId, oneTimePreKey } = outcome.answer
    const key = oneTimePreKey && { keyId: Number(oneTimePreKey.keyId), digest: digestOf(oneTimePreKey.publicKey) }
    return { kind: 'ok', answer: { of: `${userId}/${deviceId}`, key } }
  },
}

const ciphersuite = 1
/** MLSMessage of MLS 1.0 with a key package (RFC 9420 sections 6 and 10): all that the server reads of one. */
const keyPackageHeader = Buffer.from([0, 1, 0, 5, 0, 1, 0, ciphersuite])

function keyPackage(user: string, name: number | 'last resort'): string {
  return Buffer.concat([keyPackageHeader, Buffer.from(`key package ${name} of ${user}`)]).toString('base64')
}

/** MLS key packages; the last-resort one remains. */
export const keyPackages: KeyFamily = {
  keysPerUpload: 100,
  refusesRepeats: true,
  introduce: (asking, user) =>
    request(asking, 'POST', '/key-packages', { ciphersuite, keyPackages: [], lastResort: keyPackage(user, 'last resort') }),
  keyOf: (user, keyId) => ({ keyId, digest: digestOf(keyPackage(user, keyId)) }),
  upload: (asking, user, keyIds) =>
    request(asking, 'POST', '/key-packages', { ciphersuite, keyPackages: keyIds.map((keyId) => keyPackage(user, keyId)) }),
  async claim(asking, user) {
    type Answer = RouteAnswer<'POST /key-packages/claim'>
    const outcome = await request<Answer>(asking, 'POST', '/key-packages/claim', { ciphersuite, userIds: [user] })
    if (outcome.kind !== 'ok') return outcome
    const [given, ...others] = outcome.answer.keyPackages
    if (given === undefined || others.length > 0) return { kind: 'fail', code: `not one key package, but ${others.length}` }
    const isLast = given.keyPackage === keyPackage(user, 'last resort')
    if (given.lastResort !== isLast) return { kind: 'fail', code: 'the mark of the last-resort one is wrong' }
    const text = Buffer.from(given.keyPackage, 'base64').subarray(keyPackageHeader.length).toString()
    const key = isLast ? null : { keyId: Number(/^key package (\d+) /.exec(text)?.[1]), digest: digestOf(given.keyPackage) }
    return { kind: 'ok', answer: { of: `${given.userId}/${given.deviceId}`, key } }
  },
}
