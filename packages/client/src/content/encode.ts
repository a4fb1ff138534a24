import { encodeCbor, utf8Bytes } from './cbor.ts'
import type { Content, Custom, Envelope } from './content.ts'
import { jsonCopy } from './json-value.ts'
import { checkEnvelope, customBounds } from './limits.ts'
import { messageIdBytes } from './message-id.ts'
import { cardinality, disposition, extensionKeys, mediaTypes, messageStatus, semantics } from './parts.ts'

/**
 * The bytes of an envelope: deterministic CBOR after draft-ietf-mimi-content-08 (`parts.ts` says where it differs). They
 * are what `messageId` hashes; padding comes later (`padding.ts`).
 *
 * @throws SottoClientError `invalid_content`: nothing is made that a reader would refuse.
 * @example
 * const bytes = encodeEnvelope({
 *   salt: crypto.getRandomValues(new Uint8Array(16)),
 *   sentAt: Date.now(),
 *   content: { kind: 'text', text: 'hello' },
 * })
 */
export function encodeEnvelope(envelope: Envelope): Uint8Array {
  checkEnvelope(envelope)
  const { content, expiresAt } = envelope
  const { replaces, inReplyTo } = relations(content)
  return encodeCbor([
    envelope.salt,
    replaces === undefined ? null : messageIdBytes(replaces),
    new Uint8Array(0),
    expiresAt === undefined ? null : [false, expiresAt],
    inReplyTo === undefined ? null : messageIdBytes(inReplyTo),
    extensions(envelope),
    part(content),
  ])
}

function extensions({ sentAt }: Envelope): Map<string, unknown> {
  return new Map<string, unknown>([[extensionKeys.sentAt, sentAt]])
}

function relations(content: Content): { readonly replaces?: string | undefined; readonly inReplyTo?: string | undefined } {
  switch (content.kind) {
    case 'text':
    case 'custom':
      return { inReplyTo: content.replyTo }
    case 'edit':
    case 'delete':
      return { replaces: content.replaces }
    case 'reaction':
      return { inReplyTo: content.to }
    default:
      return {}
  }
}

function part(content: Content): readonly unknown[] {
  switch (content.kind) {
    case 'text':
    case 'edit':
      return content.custom === undefined ? textPart(content.text) : mixed(textPart(content.text), customPart(content.custom))
    case 'custom':
      return customPart(content.custom)
    case 'delete':
      return [disposition.render, '', cardinality.none]
    case 'reaction':
      return content.emoji === undefined
        ? [disposition.reaction, '', cardinality.none]
        : textPart(content.emoji, disposition.reaction)
    case 'receipt':
      return unseen(mediaTypes.receipt, [
        ...content.delivered.map((id) => [messageIdBytes(id), messageStatus.delivered]),
        ...content.read.map((id) => [messageIdBytes(id), messageStatus.read]),
      ])
    case 'state':
      return unseen(mediaTypes.state, {
        revision: content.revision,
        ...(content.name === undefined ? {} : { name: content.name }),
      })
    case 'stateRequest':
      return unseen(mediaTypes.stateRequest, {})
    case 'sync':
      return unseen(mediaTypes.sync, { name: content.name, data: content.data })
    case 'unknown':
      return single(disposition.unspecified, content.mediaType, content.bytes)
  }
}

function single(as: number, mediaType: string, content: Uint8Array): readonly unknown[] {
  return [as, '', cardinality.single, mediaType, content]
}

function textPart(text: string, as: number = disposition.render): readonly unknown[] {
  return single(as, mediaTypes.text, utf8Bytes(text))
}

function customPart({ type, data }: Custom): readonly unknown[] {
  const copied = jsonCopy(data, customBounds, 'custom.data')
  return single(disposition.render, mediaTypes.custom, encodeCbor({ type, data: copied }))
}

/** A part that is for the software, not for the eyes. */
function unseen(mediaType: string, value: unknown): readonly unknown[] {
  return single(disposition.unspecified, mediaType, encodeCbor(value))
}

function mixed(...parts: readonly (readonly unknown[])[]): readonly unknown[] {
  return [disposition.render, '', cardinality.multi, semantics.processAll, parts]
}
