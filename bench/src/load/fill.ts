import { randomBytes } from 'node:crypto'
import { userName } from '../token.ts'
import { Completions } from './completions.ts'
import { eventually, type Failure } from './failure.ts'
import { closeFleet, openFleet } from './fleet.ts'
import type { FrameMembers } from './frame-members.ts'
import type { FillJob, Rate } from './job.ts'
import { counterOfId } from './message-id.ts'
import { Outbox } from './outbox.ts'
import { someCiphertext } from './pairs.ts'

/** Longer than a store may stall; a fill that stands still for so long has failed. */
const limitMs = 300_000

/** Sends to recipients in turn; a message is complete when it is accepted. */
export async function runFill(job: FillJob, failure: Failure): Promise<Rate> {
  const { target, depth, recipients, messages } = job
  const accepted = Array.from({ length: job.senders }, () => new Completions(depth, 1))
  const outboxes: Outbox[] = []
  let sent = 0
  let completed = 0
  const advance = (stream: number) => {
    const outbox = outboxes[stream]!
    while (sent < messages && outbox.sent < accepted[stream]!.settled + depth) {
      outbox.send(userName(job.recipientPrefix, sent % recipients))
      sent += 1
    }
  }
  const events = (stream: number) => ({
    accepted: (bytes: Buffer, { idStart }: FrameMembers) => {
      accepted[stream]!.report(counterOfId(bytes, idStart))
      completed += 1
      advance(stream)
    },
  })
  const fleet = { target, userPrefix: 'filler', count: job.senders, ackEntries: 1, fail: failure.fail }
  const senders = await openFleet({ ...fleet, events })
  await Promise.race([Promise.all(senders.map(({ synced }) => synced)), failure.happened])

  const salt = randomBytes(5).toString('hex')
  const beginMs = performance.now()
  const to = userName(job.recipientPrefix, 0)
  for (const [stream, { socket }] of senders.entries()) {
    outboxes.push(new Outbox(socket, { to, scope: 'direct', ciphertext: someCiphertext(), depth, salt, stream }))
    advance(stream)
  }
  const missing = () => `${messages - completed} of ${messages} accepted`
  await Promise.race([eventually(() => completed === messages, limitMs, missing), failure.happened])
  const seconds = (performance.now() - beginMs) / 1_000
  await closeFleet(senders)
  return { count: messages, seconds, perSecond: messages / seconds }
}
