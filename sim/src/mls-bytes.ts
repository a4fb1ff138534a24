/** MLS messages (RFC 9420 section 6) with a true header and a text behind it, in base64: all that a relay looks at. */

const version = [0, 1]
const wireFormats = { private: [0, 2], groupInfo: [0, 4] } as const
const commit = 3

function bytesOf(...parts: readonly (readonly number[] | Buffer)[]): string {
  return Buffer.concat(parts.map((part) => Buffer.from(part))).toString('base64')
}

function framed(groupId: string, epoch: number): Buffer {
  const context = Buffer.alloc(1 + groupId.length + 8)
  context.writeUInt8(groupId.length)
  context.write(groupId, 1)
  context.writeBigUInt64BE(BigInt(epoch), 1 + groupId.length)
  return context
}

export function mlsCommit(groupId: string, epoch: number, text: string): string {
  return bytesOf(version, wireFormats.private, framed(groupId, epoch), [commit], Buffer.from(text))
}

export function mlsGroupInfo(groupId: string, epoch: number): string {
  const ciphersuite = [0, 1]
  return bytesOf(version, wireFormats.groupInfo, version, ciphersuite, framed(groupId, epoch))
}
