import { decryptSenderData } from 'ts-mls/privateMessage.js'
import { createPrimitives } from '#crypto'
import { systemClock } from '../clock.ts'
import { decodeMessage } from '../mls/failures.ts'
import { LoadedState } from '../mls/group-state.ts'
import { readHeader } from '../mls/header.ts'
import { stateOf } from '../mls/state-records.ts'
import { createSuite } from '../mls/suite.ts'
import type { ClientStorage } from '../storage/storage.ts'

/** Collects the different ciphertexts that reach the sockets of this process. The answer ends it and returns them. */
export function tapCiphertexts(): () => Uint8Array[] {
  const { WebSocket } = globalThis
  const collected = new Set<string>()
  globalThis.WebSocket = class extends WebSocket {
    constructor(...args: ConstructorParameters<typeof WebSocket>) {
      super(...args)
      this.addEventListener('message', ({ data }: { readonly data: unknown }) => {
        if (typeof data !== 'string') return
        const frame = JSON.parse(data) as { readonly type: string; readonly ciphertext?: string }
        if (frame.type === 'msg') collected.add(frame.ciphertext!)
      })
    }
  }
  return () => {
    globalThis.WebSocket = WebSocket
    return [...collected].map((ciphertext) => new Uint8Array(Buffer.from(ciphertext, 'base64')))
  }
}

/**
 * Epoch, leaf and generation of each message, as the member reads them whose closed storage this is (RFC 9420 section 6.3.2).
 * Throws for messages of epochs that it no longer has.
 */
export async function sendersOf(
  storage: ClientStorage,
  conversationId: string,
  ciphertexts: readonly Uint8Array[],
): Promise<string[]> {
  const open = await storage.open()
  const prefix = `${conversationId}/`
  const records = await open.range('mls', { prefix })
  await open.close()
  const state = stateOf(new Map(records.map(({ key, value }) => [key.slice(prefix.length), value])))
  if (!(state instanceof LoadedState)) throw new Error('a state of another engine')
  const { parts } = state
  const secrets = new Map([
    [state.epoch, parts.keySchedule.senderDataSecret],
    ...parts.past.map(({ context, senderDataSecret }) => [Number(context.epoch), senderDataSecret] as const),
  ])
  const suite = await createSuite(createPrimitives(), systemClock)
  return await Promise.all(
    ciphertexts.map(async (bytes) => {
      const { epoch } = readHeader(bytes)
      const { privateMessage } = decodeMessage(bytes, 'mls_private_message', 'malformed')
      const secret = epoch === undefined ? undefined : secrets.get(epoch)
      if (secret === undefined) throw new Error(`epoch ${epoch} is not kept`)
      const sender = await decryptSenderData(privateMessage, secret, suite)
      return `epoch ${epoch} leaf ${sender?.leafIndex} generation ${sender?.generation}`
    }),
  )
}
