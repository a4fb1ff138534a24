import { decodeEnvelope } from '../content/decode.ts'
import { actionsOf } from '../content/record.ts'
import type { EntryFrame } from '../transport/transport.ts'
import type { Parts } from './parts.ts'
import { changeMessage, orderOf } from './rows.ts'
import type { Transaction } from './transaction.ts'
import { extendTranscript } from './transcript.ts'

type OwnFrame = Extract<EntryFrame, { readonly type: 'own' }>

/** What this device sent has come back in its place in the log: a message, or a commit that has won. */
export async function receiveOwn(parts: Parts, transaction: Transaction, frame: OwnFrame): Promise<void> {
  for (const pending of parts.memory.pending.values()) {
    if (pending.id === frame.id) return await (await parts.handshakes()).wonCommit(parts, transaction, pending, frame)
  }
  const item = parts.outbox.find(frame.id)
  if (item === undefined) return unknown(parts, transaction, frame)
  // Sent, though it was never encrypted as far as is known here.
  if (item.sealed === undefined) unknown(parts, transaction, frame)
  parts.outbox.remove(transaction, item)
  transaction.afterwards(() => parts.sent(item.id))
  const { conversationId } = item
  const conversation = transaction.conversation(conversationId)
  if (conversation === undefined) return
  const order = orderOf(frame.seq)
  const transcript =
    item.sealed === undefined
      ? undefined
      : extendTranscript(parts.engine, conversation.transcript, frame.seq, item.sealed.ciphertext)
  if (transcript !== undefined) transaction.afterwards(() => parts.digests.note(conversationId, transcript))
  transaction.updateConversation(conversationId, {
    transcript,
    ...(item.shown ? { lastOrder: order, updatedAt: frame.receivedAt } : {}),
  })
  if (item.shown) {
    await changeMessage(transaction, conversationId, item.id, { kind: 'accepted', order, receivedAt: frame.receivedAt })
    return
  }
  applyOwnState(transaction, conversationId, item.envelope)
  if (item.target === undefined) return
  // Until now the change was only pending; from here on its place in the log decides.
  const author = { userId: parts.self.userId, deviceId: parts.self.deviceId }
  for (const { target, action } of actionsOf(decodeEnvelope(item.envelope), { id: item.id, author, order }))
    await changeMessage(transaction, conversationId, target, action)
}

/** This device sent something that its storage knows nothing of: the storage is an older copy. */
function unknown(parts: Parts, transaction: Transaction, frame: OwnFrame): void {
  const detail = `entry ${frame.seq} was sent by this device and is unknown here`
  storageIsOld(parts, transaction, parts.memory.conversationOf(frame.mailbox), detail)
}

/** The name of a group as this device has given it: of two at once, the later in the log holds for everybody. */
function applyOwnState(transaction: Transaction, conversationId: string, envelope: Uint8Array): void {
  const { content } = decodeEnvelope(envelope)
  const conversation = transaction.conversation(conversationId)
  if (content.kind !== 'state' || conversation === undefined || content.revision < conversation.revision) return
  transaction.updateConversation(conversationId, { name: content.name, revision: content.revision, named: true })
  transaction.emitConversation(conversationId)
}

/** The keys in it may have been used for other messages since: nothing is encrypted before the group is joined anew. */
export function storageIsOld(parts: Parts, transaction: Transaction, conversationId: string | undefined, detail: string): void {
  const conversation = conversationId === undefined ? undefined : transaction.conversation(conversationId)
  transaction.emit({ type: 'error', incident: { kind: 'storage_restored', conversationId, userId: undefined, detail } })
  if (conversation === undefined || conversation.status !== 'active') return
  transaction.updateConversation(conversation.id, { rejoin: true, transcript: undefined })
  transaction.afterwards(() => parts.ask.rejoin(conversation.id))
}
