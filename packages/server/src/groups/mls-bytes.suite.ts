/** MLS messages (RFC 9420 section 6) with a true header and nothing true behind it, in base64. */

export interface Framed {
  /** The id inside the message. */
  readonly groupId: string
  readonly epoch: number
  /** Bytes behind the header. */
  readonly body?: number
}

export const contentTypes = { application: 1, proposal: 2, commit: 3 } as const
export const senderTypes = { member: 1, external: 2, newMemberProposal: 3, newMemberCommit: 4 } as const

export function u16(value: number): number[] {
  return [value >>> 8, value & 0xff]
}

function u32(value: number): number[] {
  return [...u16(value >>> 16), ...u16(value & 0xffff)]
}

export function u64(value: number): number[] {
  return [...u32(Math.floor(value / 2 ** 32)), ...u32(value % 2 ** 32)]
}

/** A vector (RFC 9420 section 2.1.2). */
export function vector(bytes: readonly number[]): number[] {
  const { length } = bytes
  if (length < 0x40) return [length, ...bytes]
  if (length < 0x4000) return [...u16(length | 0x4000), ...bytes]
  return [...u32((length | 0x80000000) >>> 0), ...bytes]
}

export function text(value: string): number[] {
  return [...Buffer.from(value)]
}

export function base64(...parts: readonly (readonly number[])[]): string {
  return Buffer.from(parts.flat()).toString('base64')
}

const filler = (bytes: number) => Array.from({ length: bytes }, (_, at) => (at * 31) & 0xff)
const version = u16(1)

export function privateMessage(
  { groupId, epoch, body = 40 }: Framed,
  content: keyof typeof contentTypes = 'application',
): string {
  const head = [...version, ...u16(2), ...vector(text(groupId)), ...u64(epoch), contentTypes[content]]
  return base64(head, vector([]), vector(filler(12)), vector(filler(body)))
}

export function publicMessage(
  { groupId, epoch, body = 40 }: Framed,
  content: keyof typeof contentTypes = 'commit',
  sender: keyof typeof senderTypes = 'member',
  aad: readonly number[] = [],
): string {
  const from = [senderTypes[sender], ...(sender === 'member' || sender === 'external' ? u32(7) : [])]
  return base64(version, u16(1), vector(text(groupId)), u64(epoch), from, vector(aad), [contentTypes[content]], filler(body))
}

export function groupInfo({ groupId, epoch, body = 40 }: Framed): string {
  return base64(version, u16(4), version, u16(1), vector(text(groupId)), u64(epoch), filler(body))
}

export function welcome(body = 40): string {
  return base64(version, u16(3), u16(1), filler(body))
}

export function keyPackage(): string {
  return base64(version, u16(5), filler(40))
}

let made = 0

/** A bundle that a server takes, as far as its header goes: for `POST /groups/:groupId/commits`, but for what is named. */
export function bundle(
  groupId: string,
  epoch: number,
  { generation = 0, external = false, body = 40 }: { generation?: number; external?: boolean; body?: number } = {},
): { readonly id: string; readonly epoch: number; readonly commit: string; readonly groupInfo: string } {
  const inside = generation === 0 ? groupId : `${groupId}.${generation}`
  const framed = { groupId: inside, epoch, body }
  return {
    id: `bundle-${made++}`,
    epoch,
    commit: external ? publicMessage(framed, 'commit', 'newMemberCommit') : privateMessage(framed, 'commit'),
    groupInfo: groupInfo({ groupId: inside, epoch: epoch + 1 }),
  }
}

/** A group id as clients make them. */
export function randomGroupId(): string {
  made++
  return Buffer.from(Array.from({ length: 16 }, (_, at) => (made * 131 + at * 17 + (made >>> at)) & 0xff)).toString('base64url')
}
