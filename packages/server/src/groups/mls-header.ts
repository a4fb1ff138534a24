import { SottoError } from '@sotto/protocol'

/**
 * What an MLS message says in the clear (RFC 9420 section 6): enough to know which group, epoch and kind of message it is,
 * without an MLS library. Nothing behind these members is looked at.
 */
export type MlsHeader =
  | {
      readonly format: 'public'
      readonly groupId: string
      readonly epoch: number
      readonly sender: Sender
      readonly content: Content
    }
  | { readonly format: 'private'; readonly groupId: string; readonly epoch: number; readonly content: Content }
  | { readonly format: 'welcome'; readonly ciphersuite: number }
  | { readonly format: 'groupInfo'; readonly ciphersuite: number; readonly groupId: string; readonly epoch: number }
  | { readonly format: 'keyPackage' }

export type Sender = 'member' | 'external' | 'newMemberProposal' | 'newMemberCommit'
export type Content = 'application' | 'proposal' | 'commit'

const version = 1
const formats = ['public', 'private', 'welcome', 'groupInfo', 'keyPackage'] as const
const contents: readonly Content[] = ['application', 'proposal', 'commit']
const senders: readonly Sender[] = ['member', 'external', 'newMemberProposal', 'newMemberCommit']

/** Characters that are decoded at once: the header of every message whose group id is one of ours lies in them. */
const headCharacters = 160
const base64 = /^[A-Za-z0-9+/]*={0,2}$/

/** Reads the header of a message in base64, of which only the beginning is decoded. Throws `bad_request`; `name` says of what. */
export function mlsHeader(text: string, name: string): MlsHeader {
  const from = new Bytes(text, name)
  if (from.u16() !== version) throw from.refusal('is not of MLS 1.0')
  const format = formats[from.u16() - 1]
  switch (format) {
    case 'private': {
      const groupId = from.vector()
      const epoch = from.u64()
      return { format, groupId, epoch, content: contentOf(from) }
    }
    case 'public': {
      const groupId = from.vector()
      const epoch = from.u64()
      const sender = senderOf(from)
      from.pass(from.length())
      return { format, groupId, epoch, sender, content: contentOf(from) }
    }
    case 'groupInfo': {
      if (from.u16() !== version) throw from.refusal('is not of MLS 1.0')
      const ciphersuite = from.u16()
      const groupId = from.vector()
      return { format, ciphersuite, groupId, epoch: from.u64() }
    }
    case 'welcome':
      return { format, ciphersuite: from.u16() }
    case 'keyPackage':
      return { format }
    default:
      throw from.refusal('is of an unknown wire format')
  }
}

function contentOf(from: Bytes): Content {
  const content = contents[from.u8() - 1]
  if (content === undefined) throw from.refusal('has an unknown content type')
  return content
}

function senderOf(from: Bytes): Sender {
  const sender = senders[from.u8() - 1]
  if (sender === undefined) throw from.refusal('has an unknown kind of sender')
  // A leaf's number, or that of an external sender.
  if (sender === 'member' || sender === 'external') from.pass(4)
  return sender
}

/** The bytes that a text in base64 stands for, read from the front. */
class Bytes {
  private at = 0
  private readonly head: Buffer
  private readonly text: string
  private readonly name: string
  private readonly bytes: number

  constructor(text: string, name: string) {
    this.text = text
    this.name = name
    const head = text.length > headCharacters ? text.slice(0, headCharacters) : text
    if (!base64.test(head)) throw this.refusal('is not in base64')
    this.head = Buffer.from(head, 'base64')
    const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0
    this.bytes = Math.floor(((text.length - padding) * 3) / 4)
  }

  refusal(what: string): SottoError {
    return new SottoError('bad_request', `${this.name}: it ${what}`)
  }

  u8(): number {
    const at = this.at++
    const byte = at < this.head.length ? this.head[at] : this.beyond(at)
    if (byte === undefined) throw this.refusal('ends within its header')
    return byte
  }

  u16(): number {
    return this.u8() * 0x100 + this.u8()
  }

  u32(): number {
    return this.u16() * 0x10000 + this.u16()
  }

  /** Exact up to 2^53; no epoch of ours comes near it. */
  u64(): number {
    return this.u32() * 0x100000000 + this.u32()
  }

  /** Of a vector (RFC 9420 section 2.1.2): in as few bytes as can be. */
  length(): number {
    const first = this.u8()
    const prefix = first >>> 6
    if (prefix === 0) return first
    const length = prefix === 1 ? (first & 0x3f) * 0x100 + this.u8() : this.longLength(prefix, first)
    if (length < (prefix === 1 ? 0x40 : 0x4000)) throw this.refusal('has a length in more bytes than it needs')
    return length
  }

  /** A vector's bytes, one character each: the group ids of ours are ASCII. */
  vector(): string {
    const length = this.length()
    const end = this.at + length
    if (end > this.bytes) throw this.refusal('ends within its header')
    if (end > this.head.length) throw this.refusal('has a group id that is none of ours')
    const text = this.head.toString('latin1', this.at, end)
    this.at = end
    return text
  }

  /** Goes on behind so many bytes, unread. */
  pass(bytes: number): void {
    this.at += bytes
  }

  private longLength(prefix: number, first: number): number {
    if (prefix === 3) throw this.refusal('has a length of no known form')
    return (first & 0x3f) * 0x1000000 + this.u8() * 0x10000 + this.u16()
  }

  /** One byte behind the head: of the four characters that it lies in. */
  private beyond(at: number): number | undefined {
    const start = Math.floor(at / 3) * 4
    const four = this.text.slice(start, start + 4)
    if (!base64.test(four)) throw this.refusal('is not in base64')
    return Buffer.from(four, 'base64')[at % 3]
  }
}
