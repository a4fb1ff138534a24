import { setTimeout as sleep } from 'node:timers/promises'
import type { Cast } from './cast.ts'
import type { Peer } from './peer.ts'
import type { Seeded } from './seeded.ts'

/** What the devices do while the server is being killed. */
export interface Traffic {
  /** Rejects with the first thing that goes wrong; never resolves. */
  readonly failed: Promise<never>
  /** Lets everything come to an end. */
  stop(): Promise<void>
}

/** Messages that a device sends at once, without waiting for an answer. */
const burstMax = 8
const lanesPerPeer = 2
const pauseMsMax = 400
const chaosMsMax = 60
const visitMsMax = 100
/** How long a device stays away, and how long the two hermits do. */
const awayMsMax = 1_500
const hermitMs = 12_000
const hermits = ['bo/laptop', 'fay/phone']

/** Every device sends bursts of direct and group messages; sockets break, devices come and go. */
export function startTraffic({ peers, addresses, visit }: Cast, chance: Seeded): Traffic {
  const ending = new AbortController()
  const { signal } = ending
  let sent = 0

  function compose(peer: Peer) {
    sent++
    const id = `${peer.device.replace('/', '-')}-${sent}`
    const length = chance.chance(0.1) ? chance.below(8_192) : chance.below(512)
    return { id, ...chance.pick(addresses(peer)), ciphertext: `${id}:`.padEnd(length, `${chance.below(1e9)}`) }
  }

  async function pause(msMax: number): Promise<void> {
    await sleep(chance.below(msMax), undefined, { signal }).catch(() => {})
  }

  async function lane(peer: Peer): Promise<void> {
    while (!signal.aborted) {
      await pause(pauseMsMax)
      const burst = Array.from({ length: 1 + chance.below(burstMax) }, () => peer.send(compose(peer)))
      await Promise.all(burst)
    }
  }

  async function chaos(): Promise<void> {
    while (!signal.aborted) {
      await pause(chaosMsMax)
      const peer = chance.pick(peers.filter((each) => !hermits.includes(each.device)))
      const turn = chance.below(10)
      if (turn < 5) peer.resend()
      else if (turn < 7) peer.abandon()
      else leave(peer, chance.chance(0.5) ? 1 : chance.below(awayMsMax))
    }
  }

  function leave(peer: Peer, ms: number): void {
    peer.goOffline()
    sleep(ms, undefined, { signal })
      .catch(() => {})
      .finally(() => peer.goOnline())
  }

  async function seclusion(peer: Peer): Promise<void> {
    while (!signal.aborted) {
      leave(peer, hermitMs)
      await sleep(hermitMs * 1.5, undefined, { signal }).catch(() => {})
    }
  }

  async function visits(): Promise<void> {
    while (!signal.aborted) {
      await pause(visitMsMax)
      await visit(signal)
    }
  }

  const running = [
    ...peers.flatMap((peer) => Array.from({ length: lanesPerPeer }, () => lane(peer))),
    ...peers.filter((peer) => hermits.includes(peer.device)).map(seclusion),
    chaos(),
    visits(),
  ]
  const all = Promise.all(running)
  const failed = new Promise<never>((_, reject) => all.catch(reject))
  failed.catch(() => ending.abort())

  return {
    failed,
    async stop() {
      ending.abort()
      for (const peer of peers) peer.goOnline()
      await all
    },
  }
}
