import { z } from 'zod'
import { ciphertext, contentType, deviceId, groupId, mailboxId, messageId, role, seq, timestamp, userId } from './ids.ts'
import { commitFrame, departedFrame, welcomeMlsFrame } from './mls.ts'

/** Where a message goes: to a user, or to a group. */
export const scope = z.enum(['direct', 'group'])

const recipient = z.union([userId, groupId])

/** The first frame when the handshake carried no token; repeated, it renews the token. */
export const helloFrame = z.strictObject({
  type: z.literal('hello'),
  token: z.string().max(8_192).optional(),
  device: deviceId.optional(),
})

const message = {
  id: messageId.optional(),
  to: recipient,
  scope,
  ciphertext,
  contentType: contentType.optional(),
  timestamp: timestamp.optional(),
  device: deviceId.optional(),
  expiresInMs: z.int().min(1).optional(),
}

/** A message as it is sent. `device` narrows a direct message to one device of the recipient. */
export const msgFrame = z.strictObject({ type: z.literal('msg'), ...message })

/** The same over HTTP (`POST /messages`); `type` may be left out. */
export const msgBody = z.strictObject({ type: z.literal('msg').optional(), ...message })

/** Everything up to `seq` is stored by the device. Cumulative. */
export const ackFrame = z.strictObject({ type: z.literal('ack'), mailbox: mailboxId, seq })

/** Ephemeral; to those online now; never stored. */
export const signalFrame = z.strictObject({ type: z.literal('signal'), to: recipient, scope, ciphertext })

export const pingFrame = z.strictObject({ type: z.literal('ping') })

/** Every frame that a client may send, by `type`. */
export const clientFrames = {
  hello: helloFrame,
  msg: msgFrame,
  ack: ackFrame,
  signal: signalFrame,
  ping: pingFrame,
} as const

export type ClientFrameType = keyof typeof clientFrames
export type HelloFrame = z.infer<typeof helloFrame>
export type MsgFrame = z.infer<typeof msgFrame>
export type MsgBody = z.infer<typeof msgBody>
export type AckFrame = z.infer<typeof ackFrame>
export type SignalFrame = z.infer<typeof signalFrame>
export type ClientFrame = { [type in ClientFrameType]: z.infer<(typeof clientFrames)[type]> }[ClientFrameType]

/** The part of a client's frames that names what the server's limits are. */
const limits = z.record(z.string(), z.int())

export const welcomeFrame = z.object({
  type: z.literal('welcome'),
  userId,
  deviceId,
  serverTime: timestamp,
  limits,
})

export const acceptedFrame = z.object({
  type: z.literal('accepted'),
  id: messageId,
  mailbox: mailboxId,
  seq,
  receivedAt: timestamp,
  duplicate: z.boolean().optional(),
})

const position = { mailbox: mailboxId, seq, receivedAt: timestamp }

/** A message as it is delivered: the same bytes for every receiver. */
export const deliveredFrame = z.object({
  type: z.literal('msg'),
  ...position,
  id: messageId,
  from: userId,
  fromDevice: deviceId,
  to: recipient,
  scope,
  ciphertext,
  contentType,
  timestamp,
})

/** Stands in the place of an entry that this very device sent. */
export const ownFrame = z.object({ type: z.literal('own'), ...position, id: messageId })

/** A change of a group: in the group's mailbox and, naming one user alone, in that of each user added or removed. */
export const membershipFrame = z.object({
  type: z.literal('membership'),
  ...position,
  groupId,
  by: userId,
  added: z.array(userId),
  removed: z.array(userId),
  roles: z.record(z.string(), role).optional(),
})

export const goneReason = z.enum(['expired', 'erased', 'limit', 'notMember'])

/** Entries `from`…`to` will not come; acknowledged like any other. */
export const goneFrame = z.object({ type: z.literal('gone'), mailbox: mailboxId, from: seq, to: seq, reason: goneReason })

/** The backlog at connect time has been sent. */
export const syncedFrame = z.object({ type: z.literal('synced') })

export const deliveredSignalFrame = z.object({
  type: z.literal('signal'),
  from: userId,
  fromDevice: deviceId,
  to: recipient,
  scope,
  ciphertext,
})

export const keysLowFrame = z.object({ type: z.literal('keys_low'), oneTimePreKeys: z.int(), keyPackages: z.int() })
export const pongFrame = z.object({ type: z.literal('pong'), serverTime: timestamp })
export const errorFrameSchema = z.looseObject({
  type: z.literal('error'),
  id: messageId.optional(),
  code: z.string(),
  message: z.string(),
  retryAfterMs: z.int().optional(),
})

/** Every frame that the server may send. Clients ignore unknown members and acknowledge unknown entries. */
export const serverFrames = {
  welcome: welcomeFrame,
  accepted: acceptedFrame,
  msg: deliveredFrame,
  own: ownFrame,
  membership: membershipFrame,
  commit: commitFrame,
  welcome_mls: welcomeMlsFrame,
  departed: departedFrame,
  gone: goneFrame,
  synced: syncedFrame,
  signal: deliveredSignalFrame,
  keys_low: keysLowFrame,
  pong: pongFrame,
  error: errorFrameSchema,
} as const

export type ServerFrameType = keyof typeof serverFrames
export type ServerFrame = { [type in ServerFrameType]: z.infer<(typeof serverFrames)[type]> }[ServerFrameType]
export type Accepted = z.infer<typeof acceptedFrame>
export type Scope = z.infer<typeof scope>
export type GoneReason = z.infer<typeof goneReason>

/** WebSocket subprotocol (RFC 6455 section 1.9) of reliable delivery. */
export const reliableProtocol = 'sotto.v1'
