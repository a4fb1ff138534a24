import { type CborValue, decodeCbor, encodeCbor, utf8Text } from './cbor.ts'
import type { Content, Custom, Envelope } from './content.ts'
import { ContentFailure } from './failure.ts'
import { jsonCopy, NotJson } from './json-value.ts'
import { contentLimits, contentProblem, customBounds, envelopeProblem } from './limits.ts'
import { messageIdText } from './message-id.ts'
import {
  cardinality,
  disposition,
  extensionKeys,
  mediaTypeKey,
  mediaTypes,
  messageStatus,
  multipartTypes,
  semantics,
} from './parts.ts'
import { readBytes, readFlag, readInteger, readList, readMap, readOptional, readText, readTime } from './read-value.ts'

/**
 * Reads what `encodeEnvelope` made, of this version or another: media types, combinations and multiparts that are not
 * known here give content of kind `unknown`; unknown extensions and members of known maps are passed over.
 *
 * @throws ContentFailure `malformed`: damaged or hostile, or beyond the limits (`limits.ts`); `unsupported`: the structure
 * itself is of a newer version.
 */
export function decodeEnvelope(bytes: Uint8Array): Envelope {
  const bounds = { bytesMax: contentLimits.envelopeBytes, depthMax: contentLimits.envelopeDepth }
  const fields = readList(decodeCbor(bytes, bounds), 'the envelope')
  if (fields.length < 7) throw new ContentFailure('malformed', 'the envelope has 7 fields')
  if (fields.length > 7) throw new ContentFailure('unsupported', 'the envelope has more than 7 fields')
  const extensions = readMap(fields[5], 'extensions')
  const expiresAt = readOptional(fields[3], 'expires', readExpiry)
  readBytes(fields[2], 'topicId')
  const head = {
    salt: readBytes(fields[0], 'salt'),
    sentAt: readTime(extensions.get(extensionKeys.sentAt), 'sentAt'),
    ...(expiresAt === undefined ? {} : { expiresAt }),
  }
  const content = readContent(readList(fields[6], 'the part'), {
    replaces: readOptional(fields[1], 'replaces', readId),
    inReplyTo: readOptional(fields[4], 'inReplyTo', readId),
  })
  const problem = envelopeProblem(head) ?? contentProblem(content)
  if (problem !== undefined) throw new ContentFailure('malformed', problem)
  return { ...head, content }
}

interface Relations {
  readonly replaces: string | undefined
  readonly inReplyTo: string | undefined
}

const readId = (value: CborValue, what: string): string => messageIdText(readBytes(value, what))

function readExpiry(value: CborValue): number {
  const [relative, time] = readList(value, 'expires')
  if (readFlag(relative, 'expires.relative')) throw new ContentFailure('unsupported', 'a relative expiry')
  return readTime(time, 'expires.time')
}

function readContent(part: readonly CborValue[], relations: Relations): Content {
  const as = readInteger(part[0], 'disposition', 0, 255)
  readText(part[1], 'language')
  switch (readInteger(part[2], 'cardinality', 0, 255)) {
    case cardinality.none:
      return readNothing(as, relations)
    case cardinality.single:
      return readSingle(as, readText(part[3], 'media type'), readBytes(part[4], 'content'), relations)
    case cardinality.external:
      return unknown(readText(part[3], 'media type'), encodeCbor(part))
    case cardinality.multi:
      return readMulti(part, relations)
    default:
      throw new ContentFailure('unsupported', `a part of cardinality ${part[2]}`)
  }
}

function readNothing(as: number, { replaces, inReplyTo }: Relations): Content {
  if (as === disposition.reaction && inReplyTo !== undefined) return { kind: 'reaction', to: inReplyTo }
  // In the draft the end of a reaction replaces the message that brought it, which is not kept here.
  if (as === disposition.reaction && replaces !== undefined) return unknown('', new Uint8Array(0))
  if (replaces !== undefined) return { kind: 'delete', replaces }
  throw new ContentFailure('malformed', 'a part of nothing about nothing')
}

function readSingle(as: number, mediaType: string, content: Uint8Array, relations: Relations): Content {
  const { replaces, inReplyTo } = relations
  switch (mediaTypeKey(mediaType)) {
    case mediaTypes.text:
      return readTextPart(as, utf8Text(content), relations)
    case mediaTypes.custom: {
      if (replaces !== undefined) return unknown(mediaType, content)
      const custom = readCustom(content)
      return { kind: 'custom', custom, ...(inReplyTo === undefined ? {} : { replyTo: inReplyTo }) }
    }
    case mediaTypes.receipt:
      return readReceipt(content)
    case mediaTypes.state: {
      const map = readMap(decodeBody(content), 'state')
      const name = readOptional(map.get('name'), 'name', readText)
      return { kind: 'state', revision: readInteger(map.get('revision'), 'revision', 0), ...(name === undefined ? {} : { name }) }
    }
    case mediaTypes.stateRequest:
      readMap(decodeBody(content), 'stateRequest')
      return { kind: 'stateRequest' }
    case mediaTypes.sync: {
      const map = readMap(decodeBody(content), 'sync')
      return { kind: 'sync', name: readText(map.get('name'), 'name'), data: readBytes(map.get('data'), 'data') }
    }
    default:
      return unknown(mediaType, content)
  }
}

function readTextPart(as: number, text: string, { replaces, inReplyTo }: Relations): Content {
  if (as === disposition.reaction) {
    if (inReplyTo === undefined) throw new ContentFailure('malformed', 'a reaction to nothing')
    return { kind: 'reaction', to: inReplyTo, emoji: text }
  }
  if (replaces !== undefined) return { kind: 'edit', replaces, text }
  return { kind: 'text', text, ...(inReplyTo === undefined ? {} : { replyTo: inReplyTo }) }
}

/** Known is one combination: a text and what the application adds to it. */
function readMulti(part: readonly CborValue[], relations: Relations): Content {
  const how = readInteger(part[3], 'semantics', 0, 255)
  const parts = readList(part[4], 'parts')
  const first = parts[0]
  const second = parts[1]
  if (
    how === semantics.processAll &&
    parts.length === 2 &&
    isSingle(first, mediaTypes.text) &&
    isSingle(second, mediaTypes.custom)
  ) {
    const content = readContent(first, relations)
    const custom = readCustom(readBytes(second[4], 'content'))
    if (content.kind === 'text' || content.kind === 'edit') return { ...content, custom }
  }
  return unknown(multipartTypes[how] ?? 'multipart/mixed', encodeCbor(part))
}

function isSingle(part: CborValue | undefined, mediaType: string): part is readonly CborValue[] {
  return (
    Array.isArray(part) && part[2] === cardinality.single && typeof part[3] === 'string' && mediaTypeKey(part[3]) === mediaType
  )
}

function readCustom(content: Uint8Array): Custom {
  const map = readMap(decodeBody(content), 'custom')
  const type = readText(map.get('type'), 'custom.type')
  const data = map.get('data')
  if (data === undefined) throw new ContentFailure('malformed', 'custom has no data')
  try {
    return { type, data: jsonCopy(data, { ...customBounds, maps: true }, 'custom.data') }
  } catch (cause) {
    if (cause instanceof NotJson) throw new ContentFailure('malformed', cause.message, { cause })
    throw cause
  }
}

/** Statuses that are not known here are passed over. */
function readReceipt(content: Uint8Array): Content {
  const statuses = readList(decodeBody(content), 'statuses')
  if (statuses.length > contentLimits.receiptIds) throw new ContentFailure('malformed', 'too many statuses')
  const delivered: string[] = []
  const read: string[] = []
  for (const entry of statuses) {
    const [id, status] = readList(entry, 'status')
    const known = readInteger(status, 'status', 0, 255)
    if (known === messageStatus.delivered) delivered.push(readId(id ?? null, 'message id'))
    if (known === messageStatus.read) read.push(readId(id ?? null, 'message id'))
  }
  return { kind: 'receipt', delivered, read }
}

function decodeBody(content: Uint8Array): CborValue {
  return decodeCbor(content, { bytesMax: contentLimits.envelopeBytes, depthMax: contentLimits.envelopeDepth })
}

/** Its media type is shown to nobody and may be anything; a long one is cut. */
function unknown(mediaType: string, bytes: Uint8Array): Content {
  return { kind: 'unknown', mediaType: mediaType.slice(0, contentLimits.mediaTypeLength).toWellFormed(), bytes }
}
