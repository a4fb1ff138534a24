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

/**
 * One sender. Messages to different recipients may be accepted in another order than they were sent in; a slot of the
 * outbox is free once its message and all before it are accepted.
 */
class Filler {
  outbox: Outbox | undefined
  readonly #depth: number
  readonly #waiting: Uint8Array
  #settled = 0

  constructor(depth: number) {
    this.#depth = depth
    this.#waiting = new Uint8Array(depth)
  }

  get maySend(): boolean {
    return this.outbox !== undefined && this.outbox.sent < this.#settled + this.#depth
  }

  send(to: string): void {
    this.#waiting[this.outbox!.sent % this.#depth] = 1
    this.outbox!.send(to)
  }

  accepted(counter: number): void {
    const sent = this.outbox?.sent ?? 0
    const slot = counter % this.#depth
    if (counter < this.#settled || counter >= sent || this.#waiting[slot] === 0)
      throw new Error(`message ${counter} was accepted twice`)
    this.#waiting[slot] = 0
    while (this.#settled < sent && this.#waiting[this.#settled % this.#depth] === 0) this.#settled += 1
  }
}

/** Sends to recipients in turn; a message is complete when it is accepted. */
export async function runFill(job: FillJob, failure: Failure): Promise<Rate> {
  const { target, depth, recipients, messages } = job
  const fillers = Array.from({ length: job.senders }, () => new Filler(depth))
  let sent = 0
  let completed = 0
  const advance = (filler: Filler) => {
    while (sent < messages && filler.maySend) {
      filler.send(userName(job.recipientPrefix, sent % recipients))
      sent += 1
    }
  }
  const events = (stream: number) => ({
    accepted: (bytes: Buffer, { idStart }: FrameMembers) => {
      const filler = fillers[stream]!
      filler.accepted(counterOfId(bytes, idStart))
      completed += 1
      advance(filler)
    },
  })
  const fleet = { target, userPrefix: 'filler', count: job.senders, ackEntries: 1, fail: failure.fail }
  const senders = await openFleet({ ...fleet, events })
  await Promise.race([Promise.all(senders.map(({ synced }) => synced)), failure.happened])

  const salt = randomBytes(5).toString('hex')
  const beginMs = performance.now()
  const to = userName(job.recipientPrefix, 0)
  for (const [stream, filler] of fillers.entries()) {
    const shape = { to, scope: 'direct', ciphertext: someCiphertext(), depth, salt, stream } as const
    filler.outbox = new Outbox(senders[stream]!.socket, shape)
    advance(filler)
  }
  const missing = () => `${messages - completed} of ${messages} accepted`
  await Promise.race([eventually(() => completed === messages, limitMs, missing), failure.happened])
  const seconds = (performance.now() - beginMs) / 1_000
  await closeFleet(senders)
  return { count: messages, seconds, perSecond: messages / seconds }
}
