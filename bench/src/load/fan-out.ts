import { randomBytes } from 'node:crypto'
import { settleEvery } from './acks.ts'
import { Completions } from './completions.ts'
import { eventually, type Failure } from './failure.ts'
import { closeFleet, openFleet } from './fleet.ts'
import type { FrameMembers } from './frame-members.ts'
import type { FanOutJob, Measured } from './job.ts'
import { counterOfId, streamOfId } from './message-id.ts'
import { Outbox } from './outbox.ts'
import { someCiphertext } from './pairs.ts'
import { Latencies, measureSpan } from './span.ts'

/** A member that sends. A message is complete when it is accepted and has come to every device of the group. */
class Sender {
  stopped = false
  outbox: Outbox | undefined
  readonly #accepted: Completions
  readonly #delivered: Completions
  readonly #depth: number
  readonly #sentAtMs: Float64Array

  constructor(depth: number, devices: number) {
    this.#depth = depth
    this.#accepted = new Completions(depth, 1)
    this.#delivered = new Completions(depth, devices)
    this.#sentAtMs = new Float64Array(depth)
  }

  get inFlight(): number {
    return (this.outbox?.sent ?? 0) - this.#completed
  }

  get #completed(): number {
    return Math.min(this.#accepted.settled, this.#delivered.settled)
  }

  advance(now: number): void {
    const { outbox } = this
    if (this.stopped || outbox === undefined) return
    const limit = this.#completed + this.#depth
    while (outbox.sent < limit) {
      this.#sentAtMs[outbox.sent % this.#depth] = now
      outbox.send()
    }
  }

  accepted(counter: number, now: number): void {
    if (this.#accepted.report(counter)) this.advance(now)
  }

  /** Returns the message's latency when this was the last of its devices. */
  delivered(counter: number, now: number): number | undefined {
    const latencyMs = now - this.#sentAtMs[counter % this.#depth]!
    if (!this.#delivered.report(counter)) return undefined
    this.advance(now)
    return latencyMs
  }
}

/** Counts deliveries: entries (`msg`, or `own` at the sender) read by a device. Latency is to the last device. */
export async function runFanOut(job: FanOutJob, failure: Failure): Promise<Measured> {
  const { target, depth, userPrefix, ack } = job
  const latencies = new Latencies()
  const senders = Array.from({ length: job.senders }, () => new Sender(depth, job.members))
  let deliveries = 0
  const senderOf = (bytes: Buffer, idStart: number) => senders[streamOfId(bytes, idStart)]!
  const events = {
    accepted: (bytes: Buffer, { idStart }: FrameMembers, now: number) => {
      senderOf(bytes, idStart).accepted(counterOfId(bytes, idStart), now)
    },
    entry: (bytes: Buffer, { idStart }: FrameMembers, now: number) => {
      deliveries += 1
      const latencyMs = senderOf(bytes, idStart).delivered(counterOfId(bytes, idStart), now)
      if (latencyMs !== undefined) latencies.add(latencyMs)
    },
  }
  const ackEntries = ack?.entries ?? Number.POSITIVE_INFINITY
  const members = await openFleet({
    target,
    userPrefix,
    count: job.members,
    ackEntries,
    fail: failure.fail,
    events: () => events,
  })
  await Promise.race([Promise.all(members.map(({ synced }) => synced)), failure.happened])
  const endSettling =
    ack === null
      ? () => {}
      : settleEvery(
          ack.afterMs,
          members.map(({ acks }) => acks),
        )

  const salt = randomBytes(5).toString('hex')
  for (const [stream, sender] of senders.entries()) {
    const shape = { to: job.groupId, scope: 'group', ciphertext: someCiphertext(), depth, salt, stream } as const
    sender.outbox = new Outbox(members[stream]!.socket, shape)
    sender.advance(performance.now())
  }
  const span = measureSpan({ ...job, serverPid: target.pid, completed: () => deliveries }, latencies)
  const measured = await Promise.race([span, failure.happened])

  for (const sender of senders) sender.stopped = true
  const late = () => senders.filter(({ inFlight }) => inFlight > 0).length
  await Promise.race([
    eventually(
      () => late() === 0,
      10_000,
      () => `deliveries of ${late()} senders`,
    ),
    failure.happened,
  ])
  endSettling()
  await closeFleet(members)
  return measured
}
