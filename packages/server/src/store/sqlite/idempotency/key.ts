import { hash } from 'node:crypto'
import { keyBytes } from './record.ts'

/**
 * The key of (device number, message id): the first 128 bits of SHA-256 over `<number>:<id>` in UTF-8. The digits end at
 * the first colon, so no two pairs share an encoding; `id` must have no lone surrogates, as the wire demands.
 * Clients choose ids: only a hash that cannot be steered keeps keys uniform, which the filters rely on.
 */
export function idempotencyKey(deviceNo: number, id: string): Buffer {
  return writeIdempotencyKey(Buffer.allocUnsafe(keyBytes), idempotencyText(deviceNo, id))
}

/** What the key is the hash of: names a message of a device in memory too. */
export function idempotencyText(deviceNo: number, id: string): string {
  return `${deviceNo}:${id}`
}

/** The key of `idempotencyText`, written over the 16 bytes of `key`. */
export function writeIdempotencyKey(key: Buffer, text: string): Buffer {
  // A digest as a string of bytes and a copy is three times as fast as a digest as a buffer.
  const digest = hash('sha256', text, 'binary')
  for (let i = 0; i < keyBytes; i++) key[i] = digest.charCodeAt(i)
  return key
}
