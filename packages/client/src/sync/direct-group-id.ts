import { concatBytes, utf8ToBytes } from '@noble/hashes/utils.js'
import type { MlsEngine } from '../mls/engine.ts'
import { base64Url } from './base64.ts'

const label = utf8ToBytes('sotto direct v1')

/**
 * The id of the one conversation of two users, the same whoever begins it (docs/mls-groups.md): base64url of SHA-256 over
 * `sotto direct v1` and both user ids in UTF-8, the smaller first, each after its length in two bytes, big-endian.
 */
export function directGroupId(one: string, other: string, { sha256 }: Pick<MlsEngine, 'sha256'>): string {
  const users = [utf8ToBytes(one), utf8ToBytes(other)].sort(byBytes)
  const parts = users.flatMap((user) => [Uint8Array.of(user.length >> 8, user.length & 0xff), user])
  return base64Url(sha256(concatBytes(label, ...parts)))
}

function byBytes(a: Uint8Array, b: Uint8Array): number {
  for (let index = 0; index < Math.min(a.length, b.length); index++) if (a[index] !== b[index]) return a[index]! - b[index]!
  return a.length - b.length
}
