import { deriveTreeSecret } from 'ts-mls/crypto/kdf.js'
import type { RatchetTree } from 'ts-mls/ratchetTree.js'
import { deriveKey, deriveNonce, type SecretTree } from 'ts-mls/secretTree.js'
import { wipeBytes } from './bytes.ts'
import { MlsFailure } from './engine.ts'
import type { Suite } from './suite.ts'

/** How far messages may be out of order. */
export const window = { generationsBack: 200, generationsAhead: 10_000, epochsBack: 2 } as const

/**
 * The sequence of a sender's keys in one epoch (RFC 9420 section 9.1). Of generations that were passed over, key and
 * nonce are kept and never the secret: from that, the keys used after it could be derived again. (ts-mls keeps the
 * secrets, which is why its own receiving ratchet is not used.)
 */
export interface Ratchet {
  /** Of `generation`, the next one to be used. */
  readonly secret: Uint8Array
  readonly generation: number
  readonly skipped: ReadonlyMap<number, MessageKey>
}

export interface MessageKey {
  readonly key: Uint8Array
  readonly nonce: Uint8Array
}

/** Ratchets of an epoch by leaf. */
export type Ratchets = ReadonlyMap<number, Ratchet>

interface Turned {
  readonly ratchet: Ratchet
  readonly messageKey: MessageKey
  /** Secrets of the ratchet before that the one after does not have any more. */
  readonly used: readonly Uint8Array[]
}

/**
 * The key of `generation` and the ratchet after it; nothing of the ratchet before is changed.
 * @throws MlsFailure `duplicate` (also when it is older than the window), `too_far_ahead`.
 */
export async function turnTo(ratchet: Ratchet, generation: number, suite: Suite): Promise<Turned> {
  if (generation < ratchet.generation) return fromSkipped(ratchet, generation)
  if (generation - ratchet.generation > window.generationsAhead) throw new MlsFailure('too_far_ahead')
  const skipped = new Map(ratchet.skipped)
  let secret = ratchet.secret
  for (let at = ratchet.generation; at < generation; at += 1) {
    if (at >= generation - window.generationsBack) skipped.set(at, await messageKeyOf(secret, at, suite))
    const next = await nextSecret(secret, at, suite)
    if (secret !== ratchet.secret) wipeBytes([secret])
    secret = next
  }
  const messageKey = await messageKeyOf(secret, generation, suite)
  const next = await nextSecret(secret, generation, suite)
  if (secret !== ratchet.secret) wipeBytes([secret])
  const outdated = [...skipped].filter(([at]) => at < generation - window.generationsBack)
  for (const [at] of outdated) skipped.delete(at)
  return {
    ratchet: { secret: next, generation: generation + 1, skipped },
    messageKey,
    used: [ratchet.secret, ...secretsOfKeys([messageKey, ...outdated.map(([, key]) => key)])],
  }
}

function fromSkipped(ratchet: Ratchet, generation: number): Turned {
  const messageKey = ratchet.skipped.get(generation)
  if (messageKey === undefined) throw new MlsFailure('duplicate')
  const skipped = new Map(ratchet.skipped)
  skipped.delete(generation)
  return { ratchet: { ...ratchet, skipped }, messageKey, used: secretsOfKeys([messageKey]) }
}

const nextSecret = (secret: Uint8Array, generation: number, suite: Suite) =>
  deriveTreeSecret(secret, 'secret', generation, suite.kdf.size, suite.kdf)

const messageKeyOf = async (secret: Uint8Array, generation: number, suite: Suite): Promise<MessageKey> => ({
  key: await deriveKey(secret, generation, suite),
  nonce: await deriveNonce(secret, generation, suite),
})

const secretsOfKeys = (keys: Iterable<MessageKey>) => [...keys].flatMap(({ key, nonce }) => [key, nonce])

export const secretsOfRatchet = ({ secret, skipped }: Ratchet) => [secret, ...secretsOfKeys(skipped.values())]

/** A nonce with the sender's reuse guard over its first bytes (RFC 9420 section 6.3.1). */
export function guarded(nonce: Uint8Array, reuseGuard: Uint8Array): Uint8Array {
  return nonce.map((byte, i) => byte ^ (i < 4 ? (reuseGuard[i] ?? 0) : 0))
}

/** What a new epoch begins with: the secrets of the leaves that are there, as ts-mls derived them from the tree. */
export function ratchetsOf(
  secrets: SecretTree,
  tree: RatchetTree,
): { application: Ratchets; handshake: ReadonlyMap<number, Uint8Array> } {
  const application = new Map<number, Ratchet>()
  const handshake = new Map<number, Uint8Array>()
  for (const [index, node] of secrets.entries()) {
    if (tree[index]?.nodeType === 'leaf') {
      application.set(index / 2, { secret: node.application.secret, generation: 0, skipped: new Map() })
      handshake.set(index / 2, node.handshake.secret)
    } else wipeBytes([node.application.secret, node.handshake.secret])
  }
  return { application, handshake }
}

/** A secret tree that holds one leaf's secrets: what ts-mls wants to be given for one message of that leaf. */
export function secretTreeOf(leaf: number, secrets: { application?: Ratchet; handshake?: Uint8Array }): SecretTree {
  const absent = new Uint8Array()
  const tree: SecretTree = []
  tree[2 * leaf] = {
    application: {
      secret: secrets.application?.secret ?? absent,
      generation: secrets.application?.generation ?? 0,
      unusedGenerations: {},
    },
    handshake: { secret: secrets.handshake ?? absent, generation: 0, unusedGenerations: {} },
  }
  return tree
}
