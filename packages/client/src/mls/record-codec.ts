import { decodeUint8, decodeUint32, decodeUint64, uint8Encoder, uint32Encoder, uint64Encoder } from 'ts-mls/codec/number.js'
import { mapDecoders } from 'ts-mls/codec/tlsDecoder.js'
import { type BufferEncoder, contramapBufferEncoders, encode } from 'ts-mls/codec/tlsEncoder.js'
import { decodeVarLenData, decodeVarLenType, varLenDataEncoder, varLenTypeEncoder } from 'ts-mls/codec/variableLength.js'
import { decodeGroupContext, type GroupContext, groupContextEncoder } from 'ts-mls/groupContext.js'
import { decodeKeySchedule, keyScheduleEncoder } from 'ts-mls/keySchedule.js'
import { decodePrivateKeyPath, privateKeyPathEncoder } from 'ts-mls/privateKeyPath.js'
import { decodeRatchetTree, ratchetTreeEncoder } from 'ts-mls/ratchetTree.js'
import { type Leaf, MlsFailure } from './engine.ts'
import type { EpochParts, PastEpoch } from './group-state.ts'
import type { Ratchet } from './ratchets.ts'

/** The bytes of each kind of record (`state-records.ts`), in the presentation language of TLS as everything of MLS is. */

const formatVersion = 1

/** Fields one after another. ts-mls's own, with types that tell the fields apart. */
export const struct: <T extends unknown[], R>(
  encoders: [...{ [K in keyof T]: BufferEncoder<T[K]> }],
  toTuple: (value: R) => [...T],
) => BufferEncoder<R> = contramapBufferEncoders as never

type Group = Omit<EpochParts, 'tree' | 'ratchets' | 'handshake' | 'past'> & { readonly past: readonly bigint[] }

const groupEncoder = struct(
  [
    uint8Encoder,
    groupContextEncoder,
    keyScheduleEncoder,
    privateKeyPathEncoder,
    varLenDataEncoder,
    varLenDataEncoder,
    varLenTypeEncoder(uint64Encoder),
  ],
  (group: Group) => [
    formatVersion,
    group.context,
    group.keySchedule,
    group.privatePath,
    group.signaturePrivateKey,
    group.confirmationTag,
    [...group.past],
  ],
)
export const encodeGroup = (parts: EpochParts) =>
  encode(groupEncoder)({ ...parts, past: parts.past.map(({ context }) => context.epoch) })

export const decodeGroup = mapDecoders(
  [
    decodeUint8,
    decodeGroupContext,
    decodeKeySchedule,
    decodePrivateKeyPath,
    decodeVarLenData,
    decodeVarLenData,
    decodeVarLenType(decodeUint64),
  ],
  (version, context, keySchedule, privatePath, signaturePrivateKey, confirmationTag, past): Group => {
    if (version !== formatVersion) throw new MlsFailure('lost_state', 'written by another version')
    return { context, keySchedule, privatePath, signaturePrivateKey, confirmationTag, past }
  },
)

export const encodeTree = encode(
  struct([uint64Encoder, ratchetTreeEncoder], ({ epoch, tree }: { epoch: bigint; tree: EpochParts['tree'] }) => [epoch, tree]),
)
export const decodeTree = mapDecoders([decodeUint64, decodeRatchetTree], (epoch, tree) => ({ epoch, tree }))

const leafEncoder = struct([uint32Encoder, varLenDataEncoder, varLenDataEncoder], (leaf: Leaf) => [
  leaf.index,
  leaf.credential,
  leaf.signatureKey,
])
const decodeLeaf = mapDecoders(
  [decodeUint32, decodeVarLenData, decodeVarLenData],
  (index, credential, signatureKey): Leaf => ({ index, credential, signatureKey }),
)
export const encodePast = encode(
  struct([groupContextEncoder, varLenDataEncoder, varLenTypeEncoder(leafEncoder)], (past: PastEpoch) => [
    past.context,
    past.senderDataSecret,
    [...past.leaves],
  ]),
)
export const decodePast = mapDecoders(
  [decodeGroupContext, decodeVarLenData, decodeVarLenType(decodeLeaf)],
  (context: GroupContext, senderDataSecret, leaves) => ({ context, senderDataSecret, leaves }),
)

type Secret = readonly [leaf: number, secret: Uint8Array]
const secretEncoder = struct([uint32Encoder, varLenDataEncoder], ([leaf, secret]: Secret) => [leaf, secret])
export const encodeSecrets = (secrets: readonly Secret[]) => encode(varLenTypeEncoder(secretEncoder))([...secrets])
export const decodeSecrets = decodeVarLenType(
  mapDecoders([decodeUint32, decodeVarLenData], (leaf, secret): [number, Uint8Array] => [leaf, secret]),
)

type Skipped = readonly [generation: number, key: Uint8Array, nonce: Uint8Array]
const skippedEncoder = struct([uint32Encoder, varLenDataEncoder, varLenDataEncoder], ([generation, key, nonce]: Skipped) => [
  generation,
  key,
  nonce,
])
export const encodeRatchet = encode(
  struct([uint32Encoder, varLenDataEncoder, varLenTypeEncoder(skippedEncoder)], (ratchet: Ratchet) => [
    ratchet.generation,
    ratchet.secret,
    [...ratchet.skipped].map(([generation, { key, nonce }]): Skipped => [generation, key, nonce]),
  ]),
)
export const decodeRatchet = mapDecoders(
  [
    decodeUint32,
    decodeVarLenData,
    decodeVarLenType(
      mapDecoders(
        [decodeUint32, decodeVarLenData, decodeVarLenData],
        (generation, key, nonce) => [generation, { key, nonce }] as const,
      ),
    ),
  ],
  (generation, secret, skipped): Ratchet => ({ generation, secret, skipped: new Map(skipped) }),
)
