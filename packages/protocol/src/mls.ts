import { z } from 'zod'
import { ciphertext, deviceId, groupId, mailboxId, messageId, publicKey, role, seq, signature, timestamp, userId } from './ids.ts'
import { wire } from './limits.ts'

/** Bytes of MLS (RFC 9420) in base64, opaque to the server but for the clear header. Bounded by COMMIT_BYTES. */
export const mlsBytes = z
  .string()
  .min(1)
  .regex(/^[A-Za-z0-9+/]+={0,2}$/, 'bytes are written in base64')

/** What who leaves an MLS group signs for the others, in base64: opaque to the server. */
export const goodbye = mlsBytes.max(wire.goodbyeLength)

/** A KeyPackage (RFC 9420 section 10) in base64. */
export const keyPackage = mlsBytes.max(wire.keyPackageLength)

/** A number of the IANA registry "MLS Cipher Suites" (RFC 9420 section 17.1). */
export const ciphersuite = z.int().min(1).max(0xffff)

/** One device of one user: a leaf of an MLS group. */
export const memberDevice = z.strictObject({ userId, deviceId })

/** The epoch of an MLS group: 0, 1, 2…; it begins anew with each generation. */
export const epoch = z.int().min(0)

/** 0 for a group as it was created, one more with each reset. */
export const generation = z.int().min(0)

const devices = z.array(memberDevice).max(wire.groupDevices)
const roles = z.record(z.string(), role)
/** Users who cease to be members, without a device in the group after the commit. */
const left = z.array(userId).max(wire.groupDevices)

const bundle = {
  id: messageId,
  commit: mlsBytes,
  welcome: mlsBytes.optional(),
  welcomeTo: devices.default([]),
  groupInfo: mlsBytes,
  add: devices.default([]),
}

/**
 * An MLS group comes to exist with its first commit, which ends epoch 0. Either `groupId`, 16 to 31 random bytes in
 * base64url made by the client, or `direct`, the other of the pair: then the id is that of `GET /direct/:userId`.
 * The MLS group id is the UTF-8 bytes of the `groupId`; after a reset those of `groupId.generation`.
 */
export const createMlsGroup = z.strictObject({
  protocol: z.literal('mls'),
  groupId: groupId.optional(),
  direct: userId.optional(),
  ...bundle,
  roles: roles.optional(),
})

/** A commit that ends `epoch`, with all that changes together with it. */
export const commitBundle = z.strictObject({
  epoch,
  ...bundle,
  remove: devices.default([]),
  left: left.default([]),
  roles: roles.optional(),
  external: z.boolean().optional(),
})

/** A new MLS group in the place of one that honest members cannot go on with; `generation` is the next one. */
export const resetBundle = z.strictObject({ generation, ...bundle, left: left.default([]) })

export const committed = z.object({
  groupId,
  mailbox: mailboxId,
  seq,
  generation,
  epoch,
  receivedAt: timestamp,
  duplicate: z.boolean().optional(),
})

/** A user's signed device list: opaque to the server but for `version`, which rises by one. */
export const deviceList = {
  version: z.int().min(1),
  identityKey: publicKey,
  /** What is signed, in the encoding of the client. */
  devices: ciphertext.max(wire.deviceListLength),
  signature,
  /** By the identity key before this one, over that key and this one, in the encoding of the client: where the key has changed. */
  endorsement: signature.optional(),
}

const position = { mailbox: mailboxId, seq, receivedAt: timestamp }

/** An MLS commit: the group is in epoch `epoch` + 1 after it. `epoch` is the one that the commit ends. */
export const commitFrame = z.object({
  type: z.literal('commit'),
  ...position,
  id: messageId,
  groupId,
  generation,
  epoch,
  commit: mlsBytes,
  from: userId,
  fromDevice: deviceId,
  added: z.array(memberDevice),
  removed: z.array(memberDevice),
  /** Left out where nobody ceases to be a member. */
  left: z.array(userId).optional(),
  roles: roles.optional(),
  external: z.boolean().optional(),
})

/** A Welcome (RFC 9420 section 12.4.3.1), in the device's mailbox. `groupSeq`: the commit's seq in `groupMailbox`: read on from there. */
export const welcomeMlsFrame = z.object({
  type: z.literal('welcome_mls'),
  ...position,
  groupId,
  generation,
  /** Of the group after the commit. */
  epoch,
  groupMailbox: mailboxId,
  groupSeq: seq,
  from: userId,
  fromDevice: deviceId,
  welcome: mlsBytes,
})

/** A user, or one device of a user, is gone from an MLS group; a commit has to remove its leaves. */
export const departedFrame = z.object({
  type: z.literal('departed'),
  ...position,
  groupId,
  userId,
  deviceId: deviceId.optional(),
  goodbye: goodbye.optional(),
})

export type MemberDevice = z.infer<typeof memberDevice>
export type CommitFrame = z.infer<typeof commitFrame>
export type WelcomeMlsFrame = z.infer<typeof welcomeMlsFrame>
export type DepartedFrame = z.infer<typeof departedFrame>
