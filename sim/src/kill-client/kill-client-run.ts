import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { withinMs } from '../deadline.ts'
import { raisedLimits } from '../raised-limits.ts'
import type { RunReport } from '../report.ts'
import { seeded } from '../seeded.ts'
import { serverProcess } from '../server-process.ts'
import { unsoundFiles } from '../sqlite-files.ts'
import { startWireTap } from '../wire-tap.ts'
import { checkKills } from './checker/check-kills.ts'
import { EpochStates } from './epoch-states.ts'
import { type KeptMessage, readJournal } from './journal.ts'
import type { KillRecord } from './kill-record.ts'
import { type KilledClient, startKilledClient } from './killed-client.ts'
import { offersOf } from './offers.ts'
import { openPeer, type Peer, startPeer } from './peers.ts'

export interface KillClientRun {
  /** Where the server's data, the client's database and, if something is wrong, the record go. */
  readonly directory: string
  readonly seed: number
  readonly kills: number
}

const [userId, visitor] = ['vic', 'rob']
const peerNames = ['pat', 'quinn']
/** Part of the kills that come however far the client is, and when. */
const early = 0.3
const earlyMsMax = 250
/** The others come so long after the first message of that opening was on its way. */
const lateMsMax = 300
const losing = 0.4
const losingMsMax = 120
const progressMsMax = 20_000
const endMsMax = 120_000
const roleMs = 1_500
const quietMs = 1_500

/**
 * A client whose storage is SQLite sends and receives, in a group and in conversations of two, is killed at moments that
 * the seed chooses, and starts again on the same storage. Everything that it says to the server is kept.
 */
export async function killClientRun(run: KillClientRun): Promise<RunReport> {
  const { directory, seed, kills } = run
  const began = performance.now()
  const chance = seeded(seed)
  const dataDir = join(directory, 'data')
  mkdirSync(dataDir, { recursive: true })
  const server = serverProcess({ dataDir, environment: raisedLimits })
  const states = await EpochStates.begin()
  const offers = offersOf(states)
  const [journal, history] = [join(directory, 'journal.jsonl'), join(directory, 'history.json')]
  const tap = await startWireTap(() => server.address, offers.witness)
  const clients: KilledClient[] = []
  const peers: Peer[] = []

  /** The process for the so-many-th opening: started long before it is its turn. */
  function ready(opening: number): KilledClient {
    const database = join(directory, 'client', 'vic.db')
    const { secret } = server
    const client = startKilledClient({ url: tap.url, secret, userId, database, journal, history, opening, seed, visitor })
    clients.push(client)
    return client
  }

  async function killings(): Promise<KilledClient> {
    let next = ready(2)
    for (let kill = 1; kill <= kills; kill++) {
      const client = next
      const before = offers.count
      client.go('go')
      next = ready(client.opening + 1)
      if (chance.chance(early)) await sleep(chance.below(earlyMsMax))
      else {
        for (let waitedMs = 0; offers.count === before && waitedMs < progressMsMax; waitedMs += 5) await sleep(5)
        await sleep(chance.below(lateMsMax))
      }
      // What it says last is sometimes lost: it has to say it again, with the very same bytes.
      if (chance.chance(losing)) {
        tap.isLossy = true
        await sleep(chance.below(losingMsMax))
      }
      client.assertAlive()
      await client.kill()
      tap.cut()
      tap.isLossy = false
    }
    return next
  }

  /** New epochs, whoever is alive. */
  async function changing(group: string, owner: Peer, signal: AbortSignal): Promise<void> {
    for (let isAdmin = true; !signal.aborted; isAdmin = !isAdmin) {
      await sleep(roleMs, undefined, { signal }).catch(() => {})
      await owner.sotto
        .find(group)
        ?.setRole(peerNames[1]!, isAdmin ? 'admin' : 'member')
        .catch(() => {})
    }
  }

  try {
    await server.start()
    // The first opening makes the device; it ends once it is in its conversations.
    const first = ready(1)
    const [pat, quinn, rob] = await Promise.all([...peerNames, visitor].map((name) => openPeer(server, name, states)))
    first.go('end')
    await withinMs(progressMsMax, begun(first), () => 'the first opening')
    const team = await pat!.createGroup({ name: 'team', members: [userId, peerNames[1]!] })
    await team.setRole(userId, 'admin')
    await quinn!.conversation(userId)
    await pat!.conversation(userId)
    await withinMs(endMsMax, first.ended(), () => server.log().slice(-4_000))

    peers.push(startPeer(pat!, chance), startPeer(quinn!, chance))
    const resting = new AbortController()
    const changes = changing(team.id, peers[0]!, resting.signal)
    const last = await Promise.race([killings(), ...peers.map(({ failed }) => failed)])
    resting.abort()
    await Promise.all([changes, ...peers.map((peer) => peer.rest())])
    last.go('end')
    await withinMs(endMsMax, Promise.all([last.ended(), settled(peers)]), () => server.log().slice(-4_000))
    const record: KillRecord = {
      client: userId,
      kills,
      journal: readJournal(journal),
      history: JSON.parse(readFileSync(history, 'utf8')) as KeptMessage[],
      offers: await offers.read(),
      comings: offers.comings,
      peers: await Promise.all(peers.map((peer) => peer.record())),
    }
    await Promise.all([pat!.close(), quinn!.close(), rob!.close()])
    await server.stop()
    const violations = checkKills(record, { killsMin: kills, sendsMin: kills, receivedMin: kills })
    if (violations.length > 0) writeFileSync(join(directory, 'record.json'), JSON.stringify(record, null, 1))
    return {
      wallMs: performance.now() - began,
      counts: {
        kills,
        sent: record.journal.filter(({ event }) => event === 'sent').length,
        received: record.history.filter(({ own }) => !own).length,
        offers: record.offers.length,
        repeated: record.offers.length - new Set(record.offers.map(({ ciphertext }) => ciphertext)).size,
        epochs: new Set(record.offers.map(({ group, key }) => `${group} ${key?.epoch}`)).size,
      },
      problems: [...violations.map(({ invariant, detail }) => `${invariant}: ${detail}`), ...unsoundFiles(dataDir)],
    }
  } finally {
    await Promise.all(clients.map((client) => client.kill()))
    await tap.close()
    await server.dispose()
  }

  async function begun(client: KilledClient): Promise<void> {
    while (!isOpen()) {
      client.assertAlive()
      await sleep(10)
    }
  }

  function isOpen(): boolean {
    try {
      return readJournal(journal).some(({ event }) => event === 'opened')
    } catch {
      return false
    }
  }
}

async function settled(peers: readonly Peer[]): Promise<void> {
  for (let quiet = 0; quiet < quietMs; quiet += 50) {
    await sleep(50)
    for (const peer of peers) if (!(await peer.isSettled())) quiet = 0
  }
}
