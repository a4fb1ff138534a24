import { SottoClientError } from '../errors.ts'
import { nameOf } from './changes.ts'
import type { Collection } from './storage.ts'

/** A key that the browser keeps: it can be used, and stored, but its bytes cannot be read. */
export type WebKey = Awaited<ReturnType<typeof crypto.subtle.importKey>>

const nonceBytes = 12
const tagBytes = 16

/** A new AES-GCM-256 key that no script can read out. */
export async function generateWebKey(): Promise<WebKey> {
  return crypto.subtle.generateKey({ name: 'AES-GCM', length: 256 }, false, ['encrypt', 'decrypt'])
}

/** Nonce, ciphertext, tag: bound to the value's collection and key. The value is copied before this returns. */
export async function sealed(web: WebKey, collection: Collection, key: string, value: Uint8Array): Promise<Uint8Array> {
  const iv = crypto.getRandomValues(new Uint8Array(nonceBytes))
  const additionalData = bytesOf(nameOf(collection, key))
  const box = await crypto.subtle.encrypt({ name: 'AES-GCM', iv, additionalData }, web, value as Uint8Array<ArrayBuffer>)
  const all = new Uint8Array(nonceBytes + box.byteLength)
  all.set(iv)
  all.set(new Uint8Array(box), nonceBytes)
  return all
}

/** @throws `storage_unreadable`: another key, another place, or changed. */
export async function unsealed(web: WebKey, collection: Collection, key: string, all: unknown): Promise<Uint8Array> {
  const unreadable = (cause?: unknown) =>
    new SottoClientError('storage_unreadable', `A value of ${collection} does not open.`, { cause })
  if (!(all instanceof Uint8Array) || all.length < nonceBytes + tagBytes) throw unreadable()
  const bytes = all as Uint8Array<ArrayBuffer>
  const additionalData = bytesOf(nameOf(collection, key))
  try {
    const how = { name: 'AES-GCM', iv: bytes.subarray(0, nonceBytes), additionalData }
    return new Uint8Array(await crypto.subtle.decrypt(how, web, bytes.subarray(nonceBytes)))
  } catch (error) {
    throw unreadable(error)
  }
}

/** As UTF-16, so that no two names give the same bytes, whatever is in them. */
function bytesOf(name: string): Uint8Array<ArrayBuffer> {
  const units = new Uint16Array(name.length)
  for (let at = 0; at < units.length; at++) units[at] = name.charCodeAt(at)
  return new Uint8Array(units.buffer)
}
