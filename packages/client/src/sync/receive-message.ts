import type { Envelope } from '../content/content.ts'
import { decodeEnvelope } from '../content/decode.ts'
import { ContentFailure } from '../content/failure.ts'
import { messageId } from '../content/message-id.ts'
import { decodePlaintext, type Plaintext } from '../content/plaintext.ts'
import { actionsOf, recordOf, unreadableRecord } from '../content/record.ts'
import type { MemberDevice } from '../membership/membership.ts'
import { type ApplicationStep, MlsFailure } from '../mls/engine.ts'
import type { EntryFrame } from '../transport/transport.ts'
import { fromBase64 } from './base64.ts'
import type { Batch } from './batch.ts'
import type { ConversationState } from './conversation-state.ts'
import { goOnWithout, maySetAnew } from './gone-on.ts'
import { namedBy } from './leaves.ts'
import type { Parts } from './parts.ts'
import { readElsewhere } from './reading.ts'
import { addMessage, changeMessage, isKnown, noteId, orderOf, snapshotOf } from './rows.ts'
import type { Transaction } from './transaction.ts'
import { extendTranscript } from './transcript.ts'

type MsgFrame = Extract<EntryFrame, { readonly type: 'msg' }>

const mlsContentType = 'message/mls'

export const isMlsMessage = ({ scope, contentType }: MsgFrame): boolean => scope === 'group' && contentType === mlsContentType

/** A message of a group: decrypts, judges who sent it, and does what it says. */
export async function receiveMessage(parts: Parts, transaction: Transaction, batch: Batch, frame: MsgFrame): Promise<void> {
  // Other protocols may use the same server: not for us.
  if (!isMlsMessage(frame)) return
  const conversation = transaction.conversation(frame.to)
  if (conversation === undefined || conversation.mailbox !== frame.mailbox) return
  extend(parts, transaction, conversation, frame)
  // Before this device's own epoch, or while its state is lost: nobody here could read it.
  if (conversation.status !== 'active' && conversation.status !== 'broken') return
  const step = await decrypt(parts, transaction, conversation, frame)
  if (step === undefined) return
  transaction.take(conversation.id, step)

  // Every leaf of the tree was admitted when it came; a device that was revoked since may still have messages in the log.
  const from = namedBy(step.by)
  if (from === undefined) return unreadable(parts, transaction, frame, 'refused', 'the sender has no name')
  if (from.userId !== frame.from || from.deviceId !== frame.fromDevice) {
    const detail = `the server says ${frame.from}/${frame.fromDevice}, the signature is of ${from.userId}/${from.deviceId}`
    incident(transaction, 'sender_mismatch', conversation.id, from.userId, detail)
  }
  try {
    const plaintext = decodePlaintext(step.plaintext)
    compare(parts, transaction, conversation, step, from, plaintext, frame.seq)
    await apply(parts, transaction, batch, frame, from, plaintext.envelope)
  } catch (error) {
    if (!(error instanceof ContentFailure)) throw error
    await unreadable(parts, transaction, frame, error.reason, error.message)
  }
}

async function decrypt(
  parts: Parts,
  transaction: Transaction,
  conversation: ConversationState,
  frame: MsgFrame,
): Promise<ApplicationStep | undefined> {
  try {
    const state = await transaction.group(conversation.id)
    if (state === undefined || conversation.rejoin) throw new MlsFailure('lost_state')
    const step = await parts.engine.process(state, bytesOf(frame.ciphertext), () => 'a commit is no message')
    if (step.kind === 'application') return step
    throw new MlsFailure('malformed', 'a commit is no message')
  } catch (error) {
    if (!(error instanceof MlsFailure)) throw error
    if (error.reason === 'duplicate' || error.reason === 'own_message') {
      incident(transaction, 'replayed', conversation.id, frame.from, `entry ${frame.seq} was read before`)
      return undefined
    }
    if (error.reason === 'pruned_epoch' && isBefore(parts, conversation, frame)) return undefined
    if (error.reason === 'future_epoch' || error.reason === 'lost_state') behind(parts, transaction, conversation.id)
    await unreadable(parts, transaction, frame, error.reason, error.message)
    return undefined
  }
}

/** It was encrypted before this device came in, and has crossed its coming: it was never for this device. */
function isBefore(parts: Parts, { sinceEpoch }: ConversationState, frame: MsgFrame): boolean {
  const { epoch } = parts.engine.readHeader(bytesOf(frame.ciphertext))
  return sinceEpoch !== undefined && epoch !== undefined && epoch < sinceEpoch
}

/** The server has taken messages of an epoch whose commit did not come, or was not what it should be: join anew. */
function behind(parts: Parts, transaction: Transaction, conversationId: string): void {
  const conversation = transaction.conversation(conversationId)!
  if (conversation.status === 'broken') return goOnWithout(parts, transaction, conversation)
  if (conversation.rejoin || conversation.status !== 'active') return
  transaction.updateConversation(conversationId, { rejoin: true, transcript: undefined })
  transaction.afterwards(() => parts.ask.rejoin(conversationId))
}

function extend(parts: Parts, transaction: Transaction, conversation: ConversationState, frame: MsgFrame): void {
  const transcript = extendTranscript(parts.engine, conversation.transcript, frame.seq, frame.ciphertext)
  transaction.updateConversation(conversation.id, { transcript })
  if (transcript !== undefined) transaction.afterwards(() => parts.digests.note(conversation.id, transcript))
}

/** What the sender tells of its view: another history of the group, or a newer device list. */
function compare(
  parts: Parts,
  transaction: Transaction,
  conversation: ConversationState,
  step: ApplicationStep,
  from: MemberDevice,
  { seen, deviceList }: Plaintext,
  seq: number,
): void {
  // Nobody has seen the place where the message stands before writing it: then entries before it were dropped or swapped.
  const isAhead = seen !== undefined && seen.seq >= seq
  if (isAhead || (seen && parts.digests.agrees(conversation.id, step.epoch, seen.seq, seen.digest) === false)) {
    const detail = `${from.userId} has seen another history up to entry ${seen.seq}`
    incident(transaction, 'history_differs', conversation.id, from.userId, detail)
  }
  const list = transaction.contact(from.userId)?.list
  const differs = list?.version === deviceList.version && !list.hash.every((byte, index) => byte === deviceList.hash[index])
  if (differs)
    incident(transaction, 'list_refused', conversation.id, from.userId, 'the sender has another list of the same version')
  if (list === undefined || deviceList.version > list.version) transaction.afterwards(() => parts.ask.refresh(from.userId))
}

async function apply(
  parts: Parts,
  transaction: Transaction,
  batch: Batch,
  frame: MsgFrame,
  from: MemberDevice,
  bytes: Uint8Array,
): Promise<void> {
  const conversationId = frame.to
  const id = messageId({ groupId: conversationId, senderUserId: from.userId, senderDeviceId: from.deviceId }, bytes)
  if (await isKnown(transaction, id)) {
    incident(transaction, 'replayed', conversationId, from.userId, `message ${id} came a second time`)
    return
  }
  const envelope = decodeEnvelope(bytes)
  const own = from.userId === parts.self.userId
  const order = orderOf(frame.seq)
  const record = recordOf(
    { id, conversationId, author: from, own, order, receivedAt: frame.receivedAt, ...(own ? { status: 'sent' as const } : {}) },
    envelope,
  )
  if (record === undefined) {
    // Receipts come in numbers, and coming twice changes nothing.
    if (envelope.content.kind !== 'receipt') noteId(transaction, id)
    return await applyAction(parts, transaction, frame, from, id, envelope)
  }
  if (envelope.expiresAt !== undefined && envelope.expiresAt <= parts.clock.now()) return noteId(transaction, id)
  const stored = await addMessage(transaction, record)
  const { unread } = transaction.conversation(conversationId)!
  const next = transaction.updateConversation(conversationId, {
    lastOrder: order,
    updatedAt: frame.receivedAt,
    unread: own ? unread : unread + 1,
  })
  transaction.emitConversation(conversationId)
  const message = snapshotOf(stored)
  if (own) {
    transaction.emit({ type: 'update', message })
    return
  }
  parts.inbox.add(transaction, message)
  if (next.roster.members.size <= parts.settings.receiptMembersMax)
    batch.delivered.set(conversationId, [...(batch.delivered.get(conversationId) ?? []), id])
}

async function applyAction(
  parts: Parts,
  transaction: Transaction,
  frame: MsgFrame,
  from: MemberDevice,
  id: string,
  envelope: Envelope,
): Promise<void> {
  const conversationId = frame.to
  const { content } = envelope
  for (const { target, action } of actionsOf(envelope, { id, author: from, order: orderOf(frame.seq) }))
    await changeMessage(transaction, conversationId, target, action)
  const conversation = transaction.conversation(conversationId)!
  switch (content.kind) {
    case 'receipt':
      for (const status of ['delivered', 'read'] as const) {
        const messageIds = content[status]
        if (messageIds.length > 0) transaction.emit({ type: 'receipt', conversationId, userId: from.userId, status, messageIds })
      }
      return
    case 'state':
      if (conversation.named && !maySetAnew(conversation, from.userId)) return
      if (content.revision < conversation.revision) return
      transaction.updateConversation(conversationId, { name: content.name, revision: content.revision, named: true })
      transaction.emitConversation(conversationId)
      return
    case 'stateRequest':
      transaction.afterwards(() => parts.ask.tellState(conversationId))
      return
    case 'sync':
      if (content.name === 'read' && from.userId === parts.self.userId) {
        await readElsewhere(transaction, conversation, new TextDecoder().decode(content.data))
      }
      return
    default:
      return
  }
}

/** Shown once, as what it is: a message that could not be read. */
export async function unreadable(
  parts: Parts,
  transaction: Transaction,
  frame: MsgFrame,
  reason: string,
  detail: string,
): Promise<void> {
  const conversationId = frame.to
  const order = orderOf(frame.seq)
  const own = frame.from === parts.self.userId
  const author = { userId: frame.from, deviceId: frame.fromDevice }
  const record = unreadableRecord(
    { id: `unreadable-${frame.mailbox}-${frame.seq}`, conversationId, author, own, order, receivedAt: frame.receivedAt },
    frame.receivedAt,
    { reason, detail },
  )
  const message = snapshotOf(await addMessage(transaction, record))
  transaction.updateConversation(conversationId, { lastOrder: order, updatedAt: frame.receivedAt })
  transaction.emit({ type: 'unreadable', message, reason })
}

function bytesOf(text: string): Uint8Array {
  try {
    return fromBase64(text)
  } catch (cause) {
    throw new MlsFailure('malformed', 'the ciphertext is no base64', { cause })
  }
}

function incident(
  transaction: Transaction,
  kind: 'sender_mismatch' | 'replayed' | 'history_differs' | 'list_refused',
  conversationId: string,
  userId: string,
  detail: string,
): void {
  transaction.emit({ type: 'error', incident: { kind, conversationId, userId, detail } })
}
