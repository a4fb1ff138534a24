import { randomBytes } from 'node:crypto'
import { userName } from '../token.ts'
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
  const outboxes: Outbox[] = []
  const accepted = new Int32Array(job.senders)
  let sent = 0
  let completed = 0
  const advance = (stream: number) => {
    const outbox = outboxes[stream]!
    while (sent < messages && outbox.sent < accepted[stream]! + depth) {
      outbox.send(userName(job.recipientPrefix, sent % recipients))
      sent += 1
    }
  }
  const events = (stream: number) => ({
    accepted: (bytes: Buffer, { idStart }: FrameMembers) => {
      if (counterOfId(bytes, idStart) !== accepted[stream]) throw new Error(`accepted out of turn after ${accepted[stream]}`)
      accepted[stream]! += 1
      completed += 1
      advance(stream)
    },
  })
  const shape = { target, userPrefix: 'filler', count: job.senders, ackEntries: 1, fail: failure.fail }
  const senders = await openFleet({ ...shape, events })
  await Promise.race([Promise.all(senders.map(({ synced }) => synced)), failure.happened])

  const salt = randomBytes(5).toString('hex')
  const beginMs = performance.now()
  for (const [stream, { socket }] of senders.entries()) {
    const to = userName(job.recipientPrefix, 0)
    outboxes.push(new Outbox(socket, { to, scope: 'direct', ciphertext: someCiphertext(), depth, salt, stream }))
  }
  for (const stream of senders.keys()) advance(stream)
  const missing = () => `${messages - completed} of ${messages} accepted`
  await Promise.race([eventually(() => completed === messages, limitMs, missing), failure.happened])
  const seconds = (performance.now() - beginMs) / 1_000
  await closeFleet(senders)
  return { count: messages, seconds, perSecond: messages / seconds }
}
