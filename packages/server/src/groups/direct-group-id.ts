import { createHash } from 'node:crypto'

const label = 'sotto direct v1'

/** Characters of the ids of conversations of two: 32 bytes in base64url. No other group has an id of that length. */
export const directGroupIdLength = 43

/**
 * The id of the one conversation of two users, the same for both; of a user alone, that of their notes to themselves.
 * Base64url of SHA-256 over the UTF-8 bytes of `sotto direct v1`, then of each of the two user ids, in ascending order of
 * their UTF-8 bytes: a u16, big-endian, of how many bytes it has, and these bytes.
 */
export function directGroupId(one: string, other: string): string {
  const users = [Buffer.from(one), Buffer.from(other)].sort(Buffer.compare)
  const hash = createHash('sha256').update(label)
  for (const user of users) {
    const length = Buffer.alloc(2)
    length.writeUInt16BE(user.length)
    hash.update(length).update(user)
  }
  return hash.digest('base64url')
}
