import { hash } from 'node:crypto'
import { keyBytes } from './record.ts'

/**
 * The key of (device number, message id): the first 128 bits of SHA-256 over `<number>:<id>` in UTF-8. The digits end at
 * the first colon, so no two pairs share an encoding; `id` must have no lone surrogates, as the wire demands.
 * Clients choose ids: only a hash that cannot be steered keeps keys uniform, which the filters rely on.
 */
export function idempotencyKey(deviceNo: number, id: string): Buffer {
  // A digest as a string of bytes and a copy is three times as fast as a digest as a buffer.
  const digest = hash('sha256', `${deviceNo}:${id}`, 'binary')
  const key = Buffer.allocUnsafe(keyBytes)
  for (let i = 0; i < keyBytes; i++) key[i] = digest.charCodeAt(i)
  return key
}
