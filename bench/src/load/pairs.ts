import { randomBytes } from 'node:crypto'
import { settleEvery } from './acks.ts'
import { Completions } from './completions.ts'
import { eventually, type Failure } from './failure.ts'
import { closeFleet, openFleet } from './fleet.ts'
import type { FrameMembers } from './frame-members.ts'
import type { Measured, PairsJob } from './job.ts'
import { counterOfId } from './message-id.ts'
import { Outbox } from './outbox.ts'
import { Latencies, measureSpan } from './span.ts'

/** Bytes of each ciphertext: characters of base64. */
export const ciphertextBytes = 512

export function someCiphertext(): string {
  return randomBytes((ciphertextBytes / 4) * 3).toString('base64')
}

/**
 * A sender and a receiver. A message is complete when the sender has its `accepted` and the receiver has the `msg`;
 * only then does the next one go out. Latency is from handing the message to the socket to reading it at the receiver.
 */
class Pair {
  stopped = false
  outbox: Outbox | undefined
  readonly #accepted: Completions
  readonly #sentAtMs: Float64Array
  readonly #depth: number
  readonly #latencies: Latencies
  #delivered = 0

  constructor(depth: number, latencies: Latencies) {
    this.#depth = depth
    this.#latencies = latencies
    this.#accepted = new Completions(depth, 1)
    this.#sentAtMs = new Float64Array(depth)
  }

  get completed(): number {
    return Math.min(this.#accepted.settled, this.#delivered)
  }

  /** Fills up what may be in flight. */
  advance(now: number): void {
    const { outbox } = this
    if (this.stopped || outbox === undefined) return
    const limit = this.completed + this.#depth
    while (outbox.sent < limit) {
      this.#sentAtMs[outbox.sent % this.#depth] = now
      outbox.send()
    }
  }

  readonly senderEvents = {
    accepted: (bytes: Buffer, { idStart }: FrameMembers, now: number) => {
      this.#accepted.report(counterOfId(bytes, idStart))
      this.advance(now)
    },
  }

  readonly receiverEvents = {
    entry: (bytes: Buffer, { idStart, seq }: FrameMembers, now: number) => {
      const counter = counterOfId(bytes, idStart)
      const turn = this.#delivered
      if (counter !== turn) throw new Error(`message ${counter} (seq ${seq}) was delivered in the turn of message ${turn}`)
      this.#latencies.add(now - this.#sentAtMs[turn % this.#depth]!)
      this.#delivered += 1
      this.advance(now)
    },
  }
}

export async function runPairs(job: PairsJob, failure: Failure): Promise<Measured> {
  const { target, depth, ack } = job
  const { fail } = failure
  const latencies = new Latencies()
  const pairs = Array.from({ length: job.pairs }, () => new Pair(depth, latencies))
  const shape = { target, count: job.pairs, ackEntries: ack.entries, fail }
  const receivers = await openFleet({ ...shape, userPrefix: 'receiver', events: (index) => pairs[index]!.receiverEvents })
  const senders = await openFleet({ ...shape, userPrefix: 'sender', events: (index) => pairs[index]!.senderEvents })
  const all = [...receivers, ...senders]
  await Promise.race([Promise.all(all.map(({ synced }) => synced)), failure.happened])
  const endSettling = settleEvery(
    ack.afterMs,
    receivers.map(({ acks }) => acks),
  )

  const salt = randomBytes(5).toString('hex')
  for (const [stream, pair] of pairs.entries()) {
    const to = `receiver-${stream.toString().padStart(6, '0')}`
    pair.outbox = new Outbox(senders[stream]!.socket, { to, scope: 'direct', ciphertext: someCiphertext(), depth, salt, stream })
    pair.advance(performance.now())
  }

  const completed = () => pairs.reduce((sum, pair) => sum + pair.completed, 0)
  const measured = await Promise.race([measureSpan({ ...job, serverPid: target.pid, completed }, latencies), failure.happened])

  for (const pair of pairs) pair.stopped = true
  const late = () => pairs.filter((pair) => pair.outbox!.sent > pair.completed)
  await Promise.race([
    eventually(
      () => late().length === 0,
      10_000,
      () => `messages of ${late().length} pairs`,
    ),
    failure.happened,
  ])
  endSettling()
  await closeFleet(all)
  return measured
}
