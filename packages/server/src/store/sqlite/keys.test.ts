import { defaultLimits, type Limits, type OneTimePreKey } from '@sotto/protocol'
import { expect, test } from 'vitest'
import type { IdentityKeys } from '../store.ts'
import { revokeDevice } from './devices.ts'
import { addPreKeys, type ClaimPreKeys, claimPreKeys, countKeys, keyHistoryMax, setIdentity } from './keys.ts'
import { registered, rows, scratchDatabase, thrown } from './scratch.suite.ts'

type Database = ReturnType<typeof scratchDatabase>

const identity: IdentityKeys = { identityKey: 'identity key no. 1', signedPreKey: null, pqPreKey: null }
const signed: IdentityKeys = { ...identity, signedPreKey: { keyId: 1, publicKey: 'signed prekey no. 1', signature: 'sig' } }

function key(keyId: number | string, publicKey = `one-time prekey ${keyId}`): OneTimePreKey {
  return { keyId, publicKey }
}

const left = (oneTimePreKeys: number) => ({ oneTimePreKeys, keyPackages: 0 })

function add(
  db: Database,
  device: number,
  preKeys: readonly OneTimePreKey[],
  limits: Limits = defaultLimits,
  now = 1_000,
): number {
  return addPreKeys(db, { device, preKeys, now, limits })
}

function identify(db: Database, device: number, keys: IdentityKeys = identity, now = 1_000): void {
  setIdentity(db, { device, keys, now })
}

function claim(db: Database, request: Partial<ClaimPreKeys> = {}) {
  return claimPreKeys(db, {
    claimant: 'bob',
    userId: 'alice',
    device: null,
    now: 1_000,
    since: 0,
    limits: defaultLimits,
    ...request,
  })
}

/** What a claim throws: its code and extra members. */
function refusal(db: Database, request: Partial<ClaimPreKeys> = {}): unknown {
  const { code, extra } = thrown(() => claim(db, request)) as { code: string; extra: object }
  return { code, ...extra }
}

/** A device with an identity and these one-time prekeys. */
function keyed(db: Database, userId: string, deviceId: string, ids: readonly number[], keys: IdentityKeys = identity): number {
  const { no } = registered(db, userId, deviceId)
  identify(db, no, keys)
  add(
    db,
    no,
    ids.map((id) => key(id)),
  )
  return no
}

test('claims hand out the oldest one-time prekey, each once, then the signed one alone', () => {
  const db = scratchDatabase()
  const no = keyed(db, 'alice', 'default', [7, 3], signed)
  add(db, no, [key('a')])
  const answer = { userId: 'alice', deviceId: 'default', ...signed }
  expect(claim(db)).toEqual([{ ...answer, oneTimePreKey: key(7), left: left(2) }])
  expect(claim(db)).toEqual([{ ...answer, oneTimePreKey: key(3), left: left(1) }])
  expect(claim(db)).toEqual([{ ...answer, oneTimePreKey: key('a'), left: left(0) }])
  expect(claim(db)).toEqual([{ ...answer, oneTimePreKey: null, left: left(0) }])
  expect(countKeys(db, { device: no, since: 0 })).toEqual({ oneTimePreKeys: 0, keyPackages: 0 })
})

test('a handed-out key is not kept, only its digest', () => {
  const db = scratchDatabase()
  keyed(db, 'alice', 'default', [1])
  claim(db)
  expect(rows(db, 'SELECT public_key, length(digest) AS bytes FROM pre_keys')).toEqual([{ public_key: null, bytes: 32 }])
})

test('with neither a one-time nor a signed prekey there is nothing to claim', () => {
  const db = scratchDatabase()
  expect(refusal(db)).toEqual({ code: 'no_prekeys' })
  const { no } = registered(db, 'alice', 'default')
  add(db, no, [key(1)])
  expect(refusal(db)).toEqual({ code: 'no_prekeys' })
  identify(db, no)
  expect(claim(db)).toHaveLength(1)
  expect(refusal(db)).toEqual({ code: 'no_prekeys' })
  expect(refusal(db, { device: '*' })).toEqual({ code: 'no_prekeys' })
  expect(refusal(db, { device: 'default' })).toEqual({ code: 'no_prekeys' })
})

test('a key id with the same key again is ignored, with another it is a conflict, also after it was handed out', () => {
  const db = scratchDatabase()
  const no = keyed(db, 'alice', 'default', [1, 2])
  expect(add(db, no, [key(1), key(2), key(3)])).toBe(3)
  claim(db)
  expect(add(db, no, [key(1)])).toBe(2)
  for (const id of [1, 2]) {
    expect(() => add(db, no, [key(9), key(id, 'something entirely different')])).toThrow(
      expect.objectContaining({ code: 'key_conflict' }),
    )
  }
})

test('1 and "1" are two key ids', () => {
  const db = scratchDatabase()
  const no = keyed(db, 'alice', 'default', [1])
  expect(add(db, no, [key('1', 'the key of the text 1')])).toBe(2)
  expect(claim(db)[0]?.oneTimePreKey).toEqual(key(1))
  expect(claim(db)[0]?.oneTimePreKey).toEqual(key('1', 'the key of the text 1'))
})

test('no more than PREKEYS are held; what was handed out does not count', () => {
  const db = scratchDatabase()
  const limits = { ...defaultLimits, PREKEYS: 3 }
  const no = keyed(db, 'alice', 'default', [])
  expect(add(db, no, [key(1), key(2), key(3)], limits)).toBe(3)
  expect(() => add(db, no, [key(4)], limits)).toThrow(
    expect.objectContaining({ code: 'limit_reached', extra: { limit: 'PREKEYS' } }),
  )
  // The caller rolls a refused operation back.
  db.prepare("DELETE FROM pre_keys WHERE key_id = '4'").run()
  expect(add(db, no, [key(1)], limits)).toBe(3)
  claim(db)
  expect(add(db, no, [key(5)], limits)).toBe(3)
})

test('the same identity keeps the one-time prekeys and replaces the signed ones', () => {
  const db = scratchDatabase()
  const no = keyed(db, 'alice', 'default', [1], { ...signed, pqPreKey: 'a post-quantum key' })
  identify(db, no, { ...identity, signedPreKey: 'another signed prekey' })
  expect(claim(db)).toEqual([
    {
      userId: 'alice',
      deviceId: 'default',
      identityKey: identity.identityKey,
      signedPreKey: 'another signed prekey',
      pqPreKey: null,
      oneTimePreKey: key(1),
      left: left(0),
    },
  ])
})

test("a changed identity clears the device's other keys and its key id history", () => {
  const db = scratchDatabase()
  const no = keyed(db, 'alice', 'default', [1, 2], signed)
  const other = keyed(db, 'alice', 'laptop', [1])
  claim(db)
  identify(db, no, { identityKey: 'identity key no. 2', signedPreKey: null, pqPreKey: null })
  expect(countKeys(db, { device: no, since: 0 }).oneTimePreKeys).toBe(0)
  expect(refusal(db, { device: 'default' })).toEqual({ code: 'no_prekeys' })
  expect(add(db, no, [key(1, 'a new key for the id 1')])).toBe(1)
  expect(countKeys(db, { device: other, since: 0 }).oneTimePreKeys).toBe(1)
})

test('the first identity keeps prekeys that came before it', () => {
  const db = scratchDatabase()
  const { no } = registered(db, 'alice', 'default')
  add(db, no, [key(1)])
  identify(db, no)
  expect(claim(db)[0]?.oneTimePreKey).toEqual(key(1))
})

test('a revoked device uploads nothing', () => {
  const db = scratchDatabase()
  const no = keyed(db, 'alice', 'default', [1])
  revokeDevice(db, { userId: 'alice', deviceId: 'default', now: 2_000 })
  expect(() => identify(db, no)).toThrow(expect.objectContaining({ code: 'device_revoked' }))
  expect(() => add(db, no, [key(2)])).toThrow(expect.objectContaining({ code: 'device_revoked' }))
  expect(refusal(db)).toEqual({ code: 'no_prekeys' })
})

test('unnamed, the device is `default`, else the one that uploaded last', () => {
  const db = scratchDatabase()
  const phone = keyed(db, 'alice', 'phone', [1, 2, 3])
  keyed(db, 'alice', 'laptop', [11, 12])
  expect(claim(db)[0]).toMatchObject({ deviceId: 'laptop', oneTimePreKey: key(11) })
  add(db, phone, [key(4)])
  expect(claim(db)[0]).toMatchObject({ deviceId: 'phone', oneTimePreKey: key(1) })
  const { no } = registered(db, 'alice', 'default')
  expect(claim(db)[0]).toMatchObject({ deviceId: 'phone', oneTimePreKey: key(2) })
  identify(db, no, signed)
  add(db, phone, [key(5)])
  expect(claim(db)[0]).toMatchObject({ deviceId: 'default', oneTimePreKey: null })
})

test('a named device is that device; `*` is each that has keys', () => {
  const db = scratchDatabase()
  keyed(db, 'alice', 'phone', [1])
  keyed(db, 'alice', 'laptop', [11, 12])
  registered(db, 'alice', 'tablet')
  keyed(db, 'carol', 'phone', [21])
  expect(claim(db, { device: 'laptop' })).toMatchObject([{ deviceId: 'laptop', oneTimePreKey: key(11) }])
  expect(refusal(db, { device: 'tablet' })).toEqual({ code: 'no_prekeys' })
  const all = claim(db, { device: '*' })
  expect(all.map(({ deviceId, oneTimePreKey }) => [deviceId, oneTimePreKey?.keyId]).sort()).toEqual([
    ['laptop', 12],
    ['phone', 1],
  ])
})

test('one user claims no more of a device than the pair limit', () => {
  const db = scratchDatabase()
  keyed(db, 'alice', 'phone', [1, 2, 3, 4, 5, 6, 7, 8, 9], signed)
  for (let n = 0; n < 6; n++) claim(db)
  expect(refusal(db)).toEqual({ code: 'rate_limited', limit: 'CLAIMS_PAIR_PER_HOUR', retryAfterMs: 600_000 })
  expect(claim(db, { claimant: 'carol' })[0]?.oneTimePreKey).toEqual(key(7))
  expect(claim(db, { now: 1_000 + 600_000 })[0]?.oneTimePreKey).toEqual(key(8))
})

test('all together claim no more of a device than the target limit', () => {
  const db = scratchDatabase()
  const limits = { ...defaultLimits, CLAIMS_TARGET_BURST: 2 }
  keyed(db, 'alice', 'phone', [1, 2, 3, 4, 5])
  claim(db, { claimant: 'u1', limits })
  claim(db, { claimant: 'u2', limits })
  expect(refusal(db, { claimant: 'u3', limits })).toEqual({
    code: 'rate_limited',
    limit: 'CLAIMS_TARGET_PER_SECOND',
    retryAfterMs: 1_000,
  })
  expect(claim(db, { claimant: 'u3', limits, now: 2_000 })[0]?.oneTimePreKey).toEqual(key(3))
})

test("one's own devices are exempt", () => {
  const db = scratchDatabase()
  const limits = { ...defaultLimits, CLAIMS_PAIR_BURST: 1, CLAIMS_TARGET_BURST: 1 }
  keyed(db, 'alice', 'phone', [1, 2, 3, 4, 5])
  for (let n = 0; n < 4; n++) claim(db, { claimant: 'alice', limits })
  expect(claim(db, { limits })[0]?.oneTimePreKey).toEqual(key(5))
})

test('what hands out no one-time prekey is not counted', () => {
  const db = scratchDatabase()
  const no = keyed(db, 'alice', 'phone', [], signed)
  for (let n = 0; n < 20; n++) expect(claim(db)[0]?.oneTimePreKey).toBeNull()
  add(db, no, [key(1)])
  expect(claim(db)[0]?.oneTimePreKey).toEqual(key(1))
})

test('of several devices those over their limit give their signed prekey or are left out', () => {
  const db = scratchDatabase()
  const limits = { ...defaultLimits, CLAIMS_PAIR_BURST: 1 }
  keyed(db, 'alice', 'phone', [1, 2], signed)
  keyed(db, 'alice', 'laptop', [11, 12])
  claim(db, { device: 'phone', limits })
  claim(db, { device: 'laptop', limits })
  keyed(db, 'alice', 'tablet', [21, 22])
  const keys = (request: Partial<ClaimPreKeys>) =>
    claim(db, request)
      .map(({ deviceId, oneTimePreKey, left }) => [deviceId, oneTimePreKey?.keyId, left.oneTimePreKeys])
      .sort()
  expect(keys({ device: '*', limits })).toEqual([
    ['phone', undefined, 1],
    ['tablet', 21, 1],
  ])
  revokeDevice(db, { userId: 'alice', deviceId: 'phone', now: 2_000 })
  expect(refusal(db, { device: '*', limits })).toEqual({
    code: 'rate_limited',
    limit: 'CLAIMS_PAIR_PER_HOUR',
    retryAfterMs: 600_000,
  })
})

test('the history of key ids is bounded; the oldest are forgotten', () => {
  const db = scratchDatabase()
  const no = keyed(db, 'alice', 'phone', [])
  const limits = { ...defaultLimits, PREKEYS: 10 ** 6 }
  db.exec('BEGIN')
  add(
    db,
    no,
    Array.from({ length: keyHistoryMax + 3 }, (_, id) => key(id)),
    limits,
  )
  db.exec('UPDATE pre_keys SET public_key = NULL')
  add(db, no, [key('new')], limits)
  db.exec('COMMIT')
  expect(rows(db, 'SELECT count(*) AS n FROM pre_keys WHERE public_key IS NULL')).toEqual([{ n: keyHistoryMax }])
  expect(rows(db, "SELECT key_id FROM pre_keys WHERE key_id IN ('0', '2', '3')")).toEqual([{ key_id: '3' }])
  expect(claim(db)[0]?.oneTimePreKey).toEqual(key('new'))
})
