import { describe, expect, test } from 'vitest'
import { Chance, commitTo, groupOf, Member, testClock } from './members.suite.ts'
import { createPrimitives as nodePrimitives } from './node-crypto.ts'
import { createSuite } from './suite.ts'
import { createMlsEngine } from './ts-mls-engine.ts'
import { createPrimitives as webPrimitives } from './web-crypto.ts'

/** What Node.js computes and what a browser computes is the same. */

const node = nodePrimitives()
const web = webPrimitives()
const chance = new Chance('differential')
const some = (max: number) => chance.bytes(chance.number(max + 1))
const cases = Array.from({ length: 25 }, (_, i) => i)

async function same<T>(run: (primitives: typeof node) => Promise<T> | T): Promise<T> {
  const result = await run(node)
  expect(await run(web)).toEqual(result)
  return result
}

describe('the same inputs give the same results', () => {
  test('SHA-256 and HMAC', async () => {
    for (const _ of cases) {
      const [key, data] = [chance.bytes(1 + chance.number(80)), some(300)]
      const digest = await same((p) => p.hash.digest(data))
      expect(await same((p) => p.sha256(data))).toEqual(digest)
      const mac = await same((p) => p.hash.mac(key, data))
      expect(await same((p) => p.hash.verifyMac(key, mac, data))).toBe(true)
      expect(await same((p) => p.hash.verifyMac(key, mac.with(3, (mac[3] ?? 0) ^ 4), data))).toBe(false)
      expect(await same((p) => p.hash.verifyMac(key, mac.subarray(1), data))).toBe(false)
    }
  })

  test('HKDF', async () => {
    for (const _ of cases) {
      const [salt, input, info, length] = [chance.bytes(32), some(80), some(120), 1 + chance.number(100)]
      const prk = await same((p) => p.kdf.extract(salt, input))
      await same((p) => p.kdf.extract(new Uint8Array(), input))
      expect(await same((p) => p.kdf.expand(prk, info, length))).toHaveLength(length)
    }
  })

  test('AES-GCM', async () => {
    for (const i of cases) {
      const [key, nonce, aad, plaintext] = [chance.bytes(i % 2 === 0 ? 16 : 32), chance.bytes(12), some(40), some(300)]
      const sealed = await same((p) => p.aead.encrypt(key, nonce, aad, plaintext))
      expect(await same((p) => p.aead.decrypt(key, nonce, aad, sealed))).toEqual(plaintext)
      for (const primitives of [node, web]) {
        await expect(primitives.aead.decrypt(key, nonce, new Uint8Array([...aad, 1]), sealed)).rejects.toThrow()
        await expect(primitives.aead.decrypt(key, nonce, aad, sealed.subarray(1))).rejects.toThrow()
        await expect(primitives.aead.decrypt(key, nonce, aad, some(15))).rejects.toThrow()
      }
    }
  })

  test('Ed25519', async () => {
    for (const _ of cases) {
      const [seed, message] = [chance.bytes(32), some(200)]
      const key = await same((p) => p.ed25519.publicKey(seed))
      const signature = await same((p) => p.ed25519.sign(seed, message))
      expect(await same((p) => p.ed25519.verify(key, message, signature))).toBe(true)
      for (const [k, m, s] of [
        [key, some(20), signature],
        [chance.bytes(32), message, signature],
        [key, message, signature.with(40, (signature[40] ?? 0) ^ 1)],
        [key.subarray(1), message, signature],
        [key, message, signature.subarray(1)],
      ] as const) {
        expect(await same((p) => p.ed25519.verify(k, m, s))).toBe(false)
      }
    }
  })

  test('X25519 and the keys of HPKE', async () => {
    for (const _ of cases) {
      const [secret, seed] = [chance.bytes(32), chance.bytes(32)]
      await same((p) => p.x25519.publicKey(secret))
      const pair = await same(async ({ hpke }) => {
        const { kem } = await hpke()
        const { privateKey, publicKey } = await kem.deriveKeyPair(seed)
        return [
          new Uint8Array(await kem.serializePrivateKey(privateKey)),
          new Uint8Array(await kem.serializePublicKey(publicKey)),
        ]
      })
      expect(await same((p) => p.x25519.publicKey(pair[0] ?? seed))).toEqual(pair[1])
    }
  })

  test('HPKE: what one seals with the same randomness the other seals, and opens', async () => {
    for (const i of cases) {
      const seed = chance.bytes(32)
      const [info, aad, plaintext, context] = [some(60), some(60), some(200), some(20)]
      const [one, other] = await Promise.all([node, web].map((p) => createSuite(p, testClock(`hpke ${i}`))))
      if (one === undefined || other === undefined) throw new Error('two suites')
      const results = []
      for (const [sealer, opener] of [
        [one, other],
        [other, one],
      ] as const) {
        const publicKey = (await sealer.hpke.deriveKeyPair(seed)).publicKey
        const sealed = await sealer.hpke.seal(publicKey, plaintext, info, aad)
        const exported = await sealer.hpke.exportSecret(publicKey, context, 32, info)
        const { privateKey } = await opener.hpke.deriveKeyPair(seed)
        expect(await opener.hpke.open(privateKey, sealed.enc, sealed.ct, info, aad)).toEqual(plaintext)
        expect(await opener.hpke.importSecret(privateKey, context, exported.enc, 32, info)).toEqual(exported.secret)
        await expect(opener.hpke.open(privateKey, sealed.enc, sealed.ct, some(5), new Uint8Array([1, ...aad]))).rejects.toThrow()
        results.push([sealed, exported])
      }
      expect(results[1]).toEqual(results[0])
      for (const suite of [one, other]) {
        const { publicKey } = await suite.hpke.generateKeyPair()
        expect(await suite.hpke.exportPublicKey(publicKey)).toHaveLength(32)
        await expect(suite.hpke.importPublicKey(chance.bytes(31))).rejects.toThrow()
        await expect(suite.hpke.importPrivateKey(chance.bytes(33))).rejects.toThrow()
      }
    }
  })

  test('keys that lead nowhere are refused by both', async () => {
    for (const primitives of [node, web]) {
      const suite = await createSuite(primitives, testClock('low order'))
      const zero = await suite.hpke.importPublicKey(new Uint8Array(32))
      await expect(suite.hpke.seal(zero, new Uint8Array(1), new Uint8Array())).rejects.toThrow()
    }
  })

  test('RFC 9180 appendix A.1.1', async () => {
    const bytes = (hex: string) => Uint8Array.from(Buffer.from(hex, 'hex'))
    const seedR = bytes('6db9df30aa07dd42ee5e8181afdb977e538f5e1fec8a06223f33f7013e525037')
    const expected = 'f938558b5d72f1a23810b4be2ab4f84331acc02fc97babc53a52ae8218a355a96d8770ac83d07bea87e13c512a'
    for (const primitives of [node, web]) {
      const hpke = await primitives.hpke()
      const { publicKey } = await hpke.kem.deriveKeyPair(seedR)
      const context = await hpke.createSenderContext({
        recipientPublicKey: publicKey,
        info: bytes('4f6465206f6e2061204772656369616e2055726e').buffer,
        ekm: bytes('7268600d403fce431561aef583ee1613527cff655c1343f29812e66706df3234').buffer,
      })
      expect(Buffer.from(context.enc).toString('hex')).toBe('37fda3567bdbd628e88668c3c8d7e97d1d1253b6d4ea6d44c150f741f1bf4431')
      const plaintext = bytes('4265617574792069732074727574682c20747275746820626561757479')
      const sealed = await context.seal(plaintext.buffer, bytes('436f756e742d30').buffer)
      expect(Buffer.from(sealed).toString('hex')).toBe(expected)
    }
  })
})

describe('groups', () => {
  const engineOf = (primitives: typeof node, seed: string) => createMlsEngine({ clock: testClock(seed), primitives })

  test('made with the same randomness are the same', async () => {
    const make = async (primitives: typeof node) => {
      // Of two: what is sealed for several at once draws its randomness in the order in which WebCrypto's threads come back.
      const [alice, bob] = await groupOf(2, await engineOf(primitives, 'twins'))
      return [await alice?.send('hello'), (await bob?.prepare())?.pending]
    }
    expect(await make(web)).toEqual(await make(node))
  })

  test('of both go on together', async () => {
    const engines = [await engineOf(node, 'one'), await engineOf(web, 'other')]
    const members = await Promise.all(Array.from({ length: 6 }, (_, i) => Member.create(`${i}`, engines[i % 2] ?? engines[0]!)))
    const [first, ...others] = members as [Member, ...Member[]]
    await first.found('together')
    await commitTo(members, first, { add: others })
    for (const by of [members[1], members[2], members[5]]) {
      if (by === undefined) throw new Error('nobody')
      await commitTo(members, by)
      const message = await by.send('hello')
      for (const member of members) if (member !== by) expect(await member.read(message)).toBe('hello')
    }
    const step = await first.prepare()
    first.take(step)
    for (const member of others) await member.receive(step.commit)
    const outside = await Member.create('outside', engines[1] ?? engines[0]!)
    const joined = await outside.engine.joinExternal({
      device: outside.device,
      groupInfo: step.groupInfo,
      aad: new Uint8Array(),
      admitLeaf: () => undefined,
    })
    outside.take(joined)
    for (const member of members) await member.receive(joined.commit)
    expect(await first.read(await outside.send('here'))).toBe('here')
  })
})
