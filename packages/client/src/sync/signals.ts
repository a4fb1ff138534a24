import { decodeSignal, encodeSignal } from '../content/signal-content.ts'
import type { SignalFrame } from '../transport/transport.ts'
import { base64, fromBase64 } from './base64.ts'
import type { Parts } from './parts.ts'
import { obstacle } from './sealing.ts'

const label = 'sotto signal v1'
const keyBytes = 16

/** Ephemeral, under a key of the epoch that no message uses: typing and the like. */
async function keyOf(parts: Parts, conversationId: string): Promise<Uint8Array | undefined> {
  const state = await parts.memory.group(conversationId)
  return state === undefined
    ? undefined
    : await parts.engine.exportSecret(state, label, new TextEncoder().encode(conversationId), keyBytes)
}

function boundTo(conversationId: string, userId: string, deviceId: string): Uint8Array {
  return new TextEncoder().encode(JSON.stringify([label, conversationId, userId, deviceId]))
}

export async function sendTyping(parts: Parts, conversationId: string, typing: boolean): Promise<void> {
  const conversation = parts.memory.conversations.get(conversationId)
  if (!parts.ready() || conversation === undefined) return
  if ((await parts.memory.transact((transaction) => obstacle(transaction, conversationId))) !== undefined) return
  const key = await keyOf(parts, conversationId)
  if (key === undefined) return
  const { userId, deviceId } = parts.self
  const sealed = await parts.engine.sealSignal(
    key,
    encodeSignal({ kind: 'typing', typing }),
    boundTo(conversationId, userId, deviceId),
  )
  parts.transport.signal(conversationId, 'group', base64(sealed))
}

export async function receiveSignal(parts: Parts, frame: SignalFrame): Promise<void> {
  if (frame.scope !== 'group' || frame.from === parts.self.userId) return
  const conversation = parts.memory.conversations.get(frame.to)
  if (conversation?.status !== 'active' || !conversation.roster.members.has(frame.from)) return
  const key = await keyOf(parts, frame.to)
  if (key === undefined) return
  const opened = await parts.engine.openSignal(key, fromBase64(frame.ciphertext), boundTo(frame.to, frame.from, frame.fromDevice))
  const signal = decodeSignal(opened)
  if (signal.kind === 'typing')
    parts.memory.emit({ type: 'typing', conversationId: frame.to, userId: frame.from, active: signal.typing })
}
