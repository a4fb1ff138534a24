import { type Limits, SottoError, wire } from '@sotto/protocol'
import { mayWrite } from '../groups/may-write.ts'
import { acknowledge } from '../messages/acknowledge.ts'
import { draftOf, recipientOf } from '../messages/draft.ts'
import { send } from '../messages/send.ts'
import type { Counts } from '../observability/metrics.ts'
import { messagesText } from './answers.ts'
import type { Handlers } from './handlers.ts'
import { type PollParts, poll } from './poll.ts'
import type { TokenBuckets } from './rate.ts'

export interface MessageHandlersParts extends PollParts {
  readonly limits: Limits
  readonly counts: Counts
  /** By device number, shared with the sockets. */
  readonly sends: TokenBuckets
}

/** What sockets do, over HTTP. */
export function messageHandlers(
  parts: MessageHandlersParts,
): Pick<Handlers, 'POST /messages' | 'GET /messages' | 'POST /messages/ack'> {
  const { store, clock, counts, sends } = parts
  return {
    'POST /messages': async ({ body }, caller) => {
      const message = { ...body, id: body.id ?? clock.random(12) }
      const device = await caller.device()
      const retryAfterMs = sends.take(`${device.no}`)
      if (retryAfterMs > 0) {
        // A resend is answered before its rate is judged.
        const first = await store.repeated(draftOf(message, device, recipientOf(message), clock.now()))
        if (first !== undefined) return { type: 'accepted', id: message.id, ...first }
        throw new SottoError('rate_limited', 'this device sends too fast', { limit: 'SENDS_PER_SECOND', retryAfterMs })
      }
      try {
        const { mailbox, seq, receivedAt, duplicate } = await send(parts, device, message, mayWrite)
        if (duplicate) counts.messagesDuplicate++
        else counts.messagesAccepted++
        const accepted = { type: 'accepted', id: message.id, mailbox, seq, receivedAt } as const
        return duplicate ? { ...accepted, duplicate } : accepted
      } catch (error) {
        counts.messagesRefused[error instanceof SottoError ? error.code : 'internal']++
        throw error
      }
    },
    'GET /messages': async ({ query }, caller) => {
      const { limit = wire.messagesPerPage, waitMs = 0 } = query
      const { frames, more } = await poll(parts, caller, { limit, waitMs })
      counts.entriesDelivered += frames.length
      return messagesText(frames, { more })
    },
    'POST /messages/ack': async ({ body }, caller) => {
      counts.acks += body.acks.length
      await acknowledge(store, caller, body.acks)
      return { ok: true }
    },
  }
}
