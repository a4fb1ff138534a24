import type { AckFrame, MsgFrame } from './frames.ts'
import { wire } from './limits.ts'

/**
 * The two frames that make up nearly all traffic, recognised without their schemas when they are plain. What is not
 * recognised is left to the schemas, which alone decide what is wrong: this may only be stricter than they are, and a
 * test holds it to that.
 */

const plainText = /^[A-Za-z0-9 ._@:/+=-]+$/
const plainMediaType = /^[a-z0-9.+-]+\/[a-z0-9.+-]+$/

/** A message whose members are all of the plainest kind. */
export function isPlainMsg(value: object): value is MsgFrame {
  for (const name in value) {
    const member = (value as Record<string, unknown>)[name]
    switch (name) {
      case 'type':
        break
      case 'id':
        if (!isPlainText(member, wire.messageIdLength)) return false
        break
      case 'to':
        if (!isPlainText(member, wire.groupIdLength)) return false
        break
      case 'scope':
        if (member !== 'direct' && member !== 'group') return false
        break
      case 'ciphertext':
        if (typeof member !== 'string' || member.length === 0 || !member.isWellFormed()) return false
        break
      case 'contentType':
        if (typeof member !== 'string' || member.length > wire.contentTypeLength || !plainMediaType.test(member)) return false
        break
      case 'timestamp':
        if (!isWholeNumber(member)) return false
        break
      default:
        return false
    }
  }
  const { to, scope, ciphertext } = value as Partial<MsgFrame>
  return to !== undefined && scope !== undefined && ciphertext !== undefined
}

const plainMailbox = /^[a-z0-9]{1,32}$/

export function isPlainAck(value: object): value is AckFrame {
  let members = 0
  for (const name in value) {
    const member = (value as Record<string, unknown>)[name]
    if (name === 'mailbox') {
      if (typeof member !== 'string' || !plainMailbox.test(member)) return false
    } else if (name === 'seq') {
      if (!isWholeNumber(member) || member === 0) return false
    } else if (name !== 'type') return false
    members++
  }
  return members === 3
}

function isPlainText(value: unknown, lengthMax: number): boolean {
  return typeof value === 'string' && value.length <= lengthMax && plainText.test(value)
}

function isWholeNumber(value: unknown): boolean {
  return typeof value === 'number' && value >= 0 && Number.isSafeInteger(value) && !Object.is(value, -0)
}
