import { randomBytes } from 'node:crypto'
import { settleEvery } from './acks.ts'
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
  readonly #depth: number
  readonly #sentAtMs: Float64Array
  /** What is missing before the message in a slot is complete: the deliveries, and one for `accepted`. */
  readonly #missing: Int32Array
  readonly #parts: number
  #completed = 0

  constructor(depth: number, devices: number) {
    this.#depth = depth
    this.#parts = devices + 1
    this.#sentAtMs = new Float64Array(depth)
    this.#missing = new Int32Array(depth)
  }

  get inFlight(): number {
    return (this.outbox?.sent ?? 0) - this.#completed
  }

  advance(now: number): void {
    const { outbox } = this
    if (outbox === undefined) return
    while (!this.stopped && outbox.sent < this.#completed + this.#depth) {
      const slot = outbox.sent % this.#depth
      this.#sentAtMs[slot] = now
      this.#missing[slot] = this.#parts
      outbox.send()
    }
  }

  /** One part of a message has come. Returns its latency when that was the last. */
  part(counter: number, now: number): number | undefined {
    const slot = counter % this.#depth
    this.#missing[slot]! -= 1
    if (this.#missing[slot] !== 0) return undefined
    const latencyMs = now - this.#sentAtMs[slot]!
    while (this.inFlight > 0 && this.#missing[this.#completed % this.#depth] === 0) this.#completed += 1
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
  const part = (bytes: Buffer, idStart: number, now: number) => {
    const latencyMs = senders[streamOfId(bytes, idStart)]!.part(counterOfId(bytes, idStart), now)
    if (latencyMs !== undefined) latencies.add(latencyMs)
  }
  const events = {
    accepted: (bytes: Buffer, { idStart }: FrameMembers) => part(bytes, idStart, performance.now()),
    entry: (bytes: Buffer, { idStart }: FrameMembers, now: number) => {
      deliveries += 1
      part(bytes, idStart, now)
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
