import { describe, expect, test } from 'vitest'
import type { MlsFailureReason } from './engine.ts'
import { decodeMessage } from './failures.ts'
import { flipped, forgedKeyPackage, none } from './forge.suite.ts'
import { Member, startMs, testClock } from './members.suite.ts'
import { createMlsEngine } from './ts-mls-engine.ts'

const clock = testClock('key packages')
const engine = await createMlsEngine({ clock })
const alice = await Member.create('alice', engine)
const dayMs = 86_400_000
const day = 86_400n
const start = BigInt(startMs / 1000)

async function at<T>(ms: number, run: () => Promise<T>): Promise<T> {
  clock.advance(ms)
  try {
    return await run()
  } finally {
    clock.advance(-ms)
  }
}

describe('a key package', () => {
  test('says whose it is, and is read until it expires', async () => {
    const { keyPackage, ref, expiresAt } = await alice.keyPackage()
    const summary = {
      ref,
      leaf: { credential: alice.device.credential, signatureKey: alice.device.keys.publicKey },
      lastResort: false,
    }
    expect(ref).toMatch(/^[A-Za-z0-9_-]{43}$/)
    expect(expiresAt).toBe(startMs + 90 * dayMs)
    for (const ms of [-3_600_000, 0, 90 * dayMs]) expect(await at(ms, () => engine.readKeyPackage(keyPackage))).toEqual(summary)
    for (const ms of [-3_601_000, 90 * dayMs + 1000]) {
      await expect(at(ms, () => engine.readKeyPackage(keyPackage))).rejects.toMatchObject({ reason: 'invalid_key_package' })
    }
  })

  test('of last resort lives for a year, and says so by the extension', async () => {
    const { keyPackage, expiresAt } = await alice.keyPackage(true)
    expect(expiresAt).toBe(startMs + 365 * dayMs)
    expect(await at(364 * dayMs, () => engine.readKeyPackage(keyPackage))).toMatchObject({ lastResort: true })
    const { keyPackage: inside } = decodeMessage(keyPackage, 'mls_key_package', 'malformed')
    expect(inside.extensions).toEqual([{ extensionType: 0x000a, extensionData: none }])
    expect(inside.leafNode.capabilities.extensions).toContain(0x000a)
  })

  test('of last resort can be used twice, for two groups', async () => {
    const { keyPackage } = await alice.keyPackage(true)
    for (const groupId of ['one', 'two']) {
      const founder = await Member.create(`founder of ${groupId}`, engine)
      await founder.found(groupId)
      const step = await founder.prepare({ add: [keyPackage] })
      founder.take(step)
      await alice.join(step.welcome ?? none)
      expect(await founder.read(await alice.send(groupId))).toBe(groupId)
    }
  })
})

describe('refuses a key package', () => {
  const refused = { name: 'MlsFailure', reason: 'invalid_key_package' satisfies MlsFailureReason }

  test.each<[string, Parameters<typeof forgedKeyPackage>[1]]>([
    ['of another suite', { cipherSuite: 'MLS_128_DHKEMX25519_CHACHA20POLY1305_SHA256_Ed25519' }],
    ['with a certificate for a credential', { credential: { credentialType: 'x509', certificates: [] } }],
    ['that is expired', { lifetime: { notBefore: start - 9n * day, notAfter: start - 1n } }],
    ['that is not valid yet', { lifetime: { notBefore: start + 1n, notAfter: start + day } }],
    ['that would live for ever', { lifetime: { notBefore: 0n, notAfter: 0x7fff_ffff_ffff_ffffn } }],
    ['of a client that cannot speak MLS 1.0', { capabilities: { versions: [] } }],
    ['of a client that cannot use the suite', { capabilities: { ciphersuites: [] } }],
    ['of a client that cannot read rosters', { capabilities: { extensions: [0x000a] } }],
    ['of a client that cannot read basic credentials', { capabilities: { credentials: ['x509'] } }],
    [
      'with an extension that it does not name',
      { rewrite: (kp) => ({ ...kp, extensions: [{ extensionType: 0xf321, extensionData: none }] }) },
    ],
    ['with one key for two purposes', { rewrite: (kp) => ({ ...kp, initKey: kp.leafNode.hpkePublicKey }) }],
    ['with an init key that is none', { rewrite: (kp) => ({ ...kp, initKey: none }) }],
    ['whose signature is wrong', { spoil: (kp) => ({ ...kp, signature: flipped(kp.signature) }) }],
    [
      'whose leaf is badly signed',
      { spoil: (kp) => ({ ...kp, leafNode: { ...kp.leafNode, signature: flipped(kp.leafNode.signature) } }) },
    ],
    ['whose leaf was exchanged', { spoil: (kp) => ({ ...kp, leafNode: { ...kp.leafNode, hpkePublicKey: kp.initKey } }) }],
  ])('%s', async (_, change) => {
    const { bytes } = await forgedKeyPackage(alice.device, change)
    await expect(engine.readKeyPackage(bytes)).rejects.toMatchObject(refused)
  })

  test('that is another message, or nothing', async () => {
    await expect(engine.readKeyPackage(none)).rejects.toMatchObject(refused)
    await alice.found('a group')
    await expect(engine.readKeyPackage((await alice.prepare()).groupInfo)).rejects.toMatchObject(refused)
  })

  test('but not one that is only made by another hand', async () => {
    const { bytes } = await forgedKeyPackage(alice.device)
    await expect(engine.readKeyPackage(bytes)).resolves.toMatchObject({ lastResort: false })
  })
})
