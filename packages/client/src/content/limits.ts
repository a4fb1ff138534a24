import { SottoClientError } from '../errors.ts'
import type { Content, Custom, Envelope } from './content.ts'
import { type JsonBounds, jsonCopy, NotJson } from './json-value.ts'
import { isMessageId } from './message-id.ts'
import { knownMediaTypes, mediaTypeKey, mediaTypePattern } from './parts.ts'
import { timeMax } from './read-value.ts'

/** Every bound on content. Lengths are in UTF-16 code units, as JavaScript counts them. */
export const contentLimits = {
  /** How long a text may be; what fits into one message is `contentBytesMax` of the server's limit. */
  textLength: 65_536,
  /** One grapheme is one emoji, however many code points it takes. */
  emojiLength: 64,
  /** Delivered and read together. */
  receiptIds: 200,
  nameLength: 256,
  mediaTypeLength: 255,
  syncNameLength: 64,
  /** Arrays and objects inside each other. */
  customDepth: 16,
  customValues: 100_000,
  saltBytes: 16,
  /** More than any server lets through by default (CIPHERTEXT_BYTES), so that raising that limit needs nothing here. */
  envelopeBytes: 1_048_576,
  /** Of the envelope around the parts: room for extensions and parts of newer versions. */
  envelopeDepth: 32,
} as const

export const customBounds: JsonBounds = { depthMax: contentLimits.customDepth, valuesMax: contentLimits.customValues }

/**
 * Whether this may be sent.
 * @throws SottoClientError `invalid_content`, its message says what is wrong.
 * @example checkContent({ kind: 'text', text: 'hello' })
 */
export function checkContent(content: Content): void {
  const problem = contentProblem(content) ?? sendingProblem(content)
  if (problem !== undefined) throw new SottoClientError('invalid_content', problem)
}

/** `checkContent` of what an envelope holds, and the rest of it. @throws SottoClientError `invalid_content`. */
export function checkEnvelope(envelope: Envelope): void {
  const problem = envelopeProblem(envelope)
  if (problem !== undefined) throw new SottoClientError('invalid_content', problem)
  checkContent(envelope.content)
}

export function envelopeProblem(envelope: Omit<Envelope, 'content'>): string | undefined {
  const { salt, sentAt, expiresAt } = envelope
  if (salt.length !== contentLimits.saltBytes) return `the salt has ${contentLimits.saltBytes} bytes`
  if (!isInteger(sentAt, 0, timeMax)) return 'sentAt is a time in milliseconds since 1970'
  if (expiresAt !== undefined && !isInteger(expiresAt, 0, timeMax)) return 'expiresAt is a time in milliseconds since 1970'
  return undefined
}

/** What sender and reader agree about: undefined when the content keeps every bound. */
export function contentProblem(content: Content): string | undefined {
  // Applications without types pass anything.
  if (typeof content !== 'object' || content === null) return 'content is an object with a kind'
  switch (content.kind) {
    case 'text':
      return textProblem(content.text) ?? idProblem('replyTo', content.replyTo) ?? customProblem(content.custom)
    case 'custom':
      return idProblem('replyTo', content.replyTo) ?? customProblem(content.custom)
    case 'edit':
      return idProblem('replaces', content.replaces, 'needed') ?? textProblem(content.text) ?? customProblem(content.custom)
    case 'delete':
      return idProblem('replaces', content.replaces, 'needed')
    case 'reaction':
      return idProblem('to', content.to, 'needed') ?? emojiProblem(content.emoji)
    case 'receipt':
      return receiptProblem(content.delivered, content.read)
    case 'state':
      if (!isInteger(content.revision, 0)) return 'revision is 0, 1, 2…'
      return content.name === undefined ? undefined : shortTextProblem('name', content.name, contentLimits.nameLength)
    case 'stateRequest':
      return undefined
    case 'sync':
      if (!(content.data instanceof Uint8Array)) return 'data is bytes'
      return shortTextProblem('name', content.name, contentLimits.syncNameLength)
    case 'unknown':
      return content.bytes instanceof Uint8Array ? undefined : 'bytes is bytes'
    default:
      return `there is no content of kind ${String((content as { readonly kind?: unknown }).kind)}`
  }
}

/** What a reader lets pass: newer emoji that it cannot segment, an empty text. */
function sendingProblem(content: Content): string | undefined {
  if ((content.kind === 'text' || content.kind === 'edit') && content.text === '' && content.custom === undefined) {
    return 'the text is empty'
  }
  if (content.kind === 'reaction' && content.emoji !== undefined && graphemes(content.emoji) !== 1)
    return 'a reaction is one emoji'
  if (content.kind === 'receipt' && content.delivered.length + content.read.length === 0) return 'the receipt names no message'
  if (content.kind === 'unknown') {
    if (content.mediaType.length > contentLimits.mediaTypeLength || !mediaTypePattern.test(content.mediaType)) {
      return 'mediaType is a media type such as application/octet-stream'
    }
    if (knownMediaTypes.has(mediaTypeKey(content.mediaType))) return `${content.mediaType} is known`
  }
  return undefined
}

function textProblem(text: unknown): string | undefined {
  if (typeof text !== 'string') return 'text is a string'
  if (text.length > contentLimits.textLength) return `the text is longer than ${contentLimits.textLength}`
  return text.isWellFormed() ? undefined : 'the text has a lone surrogate'
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
const control = /[\u0000-\u001f\u007f-\u009f]/

function shortTextProblem(what: string, text: unknown, lengthMax: number): string | undefined {
  if (typeof text !== 'string' || text.length < 1 || text.length > lengthMax) return `${what} is a text of 1 to ${lengthMax}`
  return control.test(text) || !text.isWellFormed() ? `${what} has a control character or lone surrogate` : undefined
}

function emojiProblem(emoji: unknown): string | undefined {
  return emoji === undefined ? undefined : shortTextProblem('emoji', emoji, contentLimits.emojiLength)
}

let segmenter: Intl.Segmenter | undefined

function graphemes(text: string): number {
  segmenter ??= new Intl.Segmenter('und', { granularity: 'grapheme' })
  return [...segmenter.segment(text)].length
}

function idProblem(what: string, id: unknown, needed?: 'needed'): string | undefined {
  if (id === undefined && needed === undefined) return undefined
  return isMessageId(id) ? undefined : `${what} is no message id`
}

function receiptProblem(delivered: unknown, read: unknown): string | undefined {
  if (!Array.isArray(delivered) || !Array.isArray(read)) return 'delivered and read are lists of message ids'
  if (delivered.length + read.length > contentLimits.receiptIds)
    return `a receipt names at most ${contentLimits.receiptIds} messages`
  return delivered.every(isMessageId) && read.every(isMessageId) ? undefined : 'delivered and read are lists of message ids'
}

function customProblem(custom: Custom | undefined): string | undefined {
  if (custom === undefined) return undefined
  if (typeof custom !== 'object' || custom === null) return 'custom is {type, data}'
  const { type } = custom
  if (typeof type !== 'string' || type.length > contentLimits.mediaTypeLength || !mediaTypePattern.test(type)) {
    return 'custom.type is a media type such as application/vnd.example.poll+json'
  }
  try {
    jsonCopy(custom.data, customBounds, 'custom.data')
    return undefined
  } catch (error) {
    if (error instanceof NotJson) return error.message
    throw error
  }
}

function isInteger(value: unknown, min: number, max = Number.MAX_SAFE_INTEGER): boolean {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= min && value <= max
}
