import { z } from 'zod'
import { wire } from './limits.ts'

/** Control characters C0, DEL and C1. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
const control = /[\u0000-\u001f\u007f-\u009f]/

function text(max: number, name: string) {
  return z
    .string()
    .min(1)
    .max(max)
    .refine((value) => !control.test(value) && value.isWellFormed(), {
      error: `${name} must have no control characters and no lone surrogates`,
    })
}

/** Names a user: the token's user claim. 1 to 128 characters. */
export const userId = text(wire.userIdLength, 'a user id')

/** Names a device of a user: 1 to 64 of `A-Za-z0-9._-`. */
export const deviceId = z.string().regex(/^[A-Za-z0-9._-]{1,64}$/, 'a device id is 1 to 64 of A-Za-z0-9._-')

/** The sender's id of a message: 1 to 64 characters. */
export const messageId = text(wire.messageIdLength, 'a message id')

/** Names a group: made by the server for `opaque` groups. */
export const groupId = z.string().regex(/^[A-Za-z0-9._-]{1,64}$/, 'a group id is 1 to 64 of A-Za-z0-9._-')

/** Names a mailbox: opaque to clients. */
export const mailboxId = z.string().regex(/^[a-z0-9]{1,32}$/, 'a mailbox is named as the server named it')

/** An entry's number in its mailbox: 1, 2, 3… */
export const seq = z.int().min(1)

/** Milliseconds since 1970-01-01T00:00:00Z. */
export const timestamp = z.int().min(0)

export const groupName = text(wire.groupNameLength, 'a group name')
export const deviceName = text(wire.deviceNameLength, 'a device name')

/** A media type (RFC 9110 section 8.3.1), with parameters. */
export const contentType = z
  .string()
  .max(wire.contentTypeLength)
  .regex(/^[\w!#$&^.+-]+\/[\w!#$&^.+-]+(;[\x20-\x7e]*)?$/, 'a media type such as application/octet-stream')

/** Opaque to the server; stored and returned byte for byte. The byte limit is configured (CIPHERTEXT_BYTES). */
export const ciphertext = z
  .string()
  .min(1)
  .refine((value) => value.isWellFormed(), { error: 'ciphertext must have no lone surrogates' })

/** A public key in the encoding of the client's protocol: opaque, 16 to 4096 characters. */
export const publicKey = z
  .string()
  .min(wire.publicKeyLengthMin)
  .max(wire.publicKeyLength)
  .refine((value) => value.isWellFormed(), { error: 'a key must have no lone surrogates' })

/** A signature in the encoding of the client's protocol: opaque. */
export const signature = z
  .string()
  .min(1)
  .max(wire.publicKeyLength)
  .refine((value) => value.isWellFormed(), { error: 'a signature must have no lone surrogates' })

/** A key's number or name in the client's protocol. */
export const keyId = z.union([z.int().min(0).max(Number.MAX_SAFE_INTEGER), text(wire.keyIdLength, 'a key id')])

/** What a member of a group may do. */
export const role = z.enum(['owner', 'admin', 'member'])
export type Role = z.infer<typeof role>
