import { setTimeout as sleep } from 'node:timers/promises'
import type { Entry, Message, Outgoing, RelayClient, RelayEvent } from '../relay/relay-client.ts'
import { type Counts, countsOf, emptyLedger, type Outcome, type Traces } from './ledger.ts'
import type { ServerProcess } from './server-process.ts'
import { everythingIn, tracesOf } from './traces.ts'
import { shorten, transcript } from './transcript.ts'

const settleMsMax = 20_000
const lookMs = 10

/** Sees everything at the ends, keeps the ledger, and tells the spectator of it. */
export class Witness {
  readonly #ledger = emptyLedger()
  /** What the server must never have: texts, group keys. And ciphertexts, which it must. */
  readonly #secrets = new Set<string>()
  readonly #ciphertexts = new Set<string>()
  readonly #secretsFound = new Set<string>()
  readonly #ciphertextsFound = new Set<string>()
  readonly #watches = new Set<(who: string) => void>()
  #inFlight = 0
  #isQuiet = false

  /** Counts as before, and shows nothing, while something happens a hundred times. */
  async quietly<result>(run: () => Promise<result>): Promise<result> {
    this.#isQuiet = true
    try {
      return await run()
    } finally {
      this.#isQuiet = false
    }
  }

  /** Somebody is about to send `text`, encrypted, to readers. */
  says(who: string, message: Outgoing, text: string, readers: readonly string[]): void {
    this.#ledger.sent.push({ id: message.id, text, readers })
    this.#secrets.add(text)
    this.#ciphertexts.add(bodyOf(message.ciphertext))
    if (!this.#isQuiet) transcript.line(who, `to ${readers.join(' and ')}: “${shorten(text)}”`)
  }

  reads(who: string, { id, from }: Message, text: string): void {
    this.#ledger.read.push({ id, reader: who, text })
    if (!this.#isQuiet) transcript.line(who, `reads, from ${from}: “${shorten(text)}”`)
    for (const watch of this.#watches) watch(who)
  }

  /** Resolves in the moment in which each has read so many more messages than now. */
  willRead(messages: Readonly<Record<string, number>>): Promise<void> {
    const left = new Map(Object.entries(messages))
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`still to be read: ${JSON.stringify([...left])}`)), settleMsMax)
      const watch = (who: string) => {
        left.set(who, (left.get(who) ?? 0) - 1)
        if ([...left.values()].some((count) => count > 0)) return
        clearTimeout(timer)
        this.#watches.delete(watch)
        resolve()
      }
      this.#watches.add(watch)
    })
  }

  cannotRead(who: string, { id, from }: Message, reason: string): void {
    this.#ledger.unreadable.push({ id, reader: who, reason })
    transcript.blow(who, `cannot read a message from ${from}: ${reason}`)
  }

  /** What a person's connection does. */
  observer(who: string): (event: RelayEvent) => void {
    return (event) => {
      this.#record(who, event)
      if (!this.#isQuiet) show(who, event)
    }
  }

  #record(who: string, event: RelayEvent): void {
    switch (event.kind) {
      case 'sent':
        if (event.again) this.#ledger.sentAgain.push({ id: event.message.id })
        return
      case 'accepted': {
        const { id, mailbox, seq, duplicate = false } = event.accepted
        this.#ledger.accepted.push({ id, mailbox, seq, wasStored: duplicate })
        return
      }
      case 'duplicate':
        if (event.entry.type === 'msg') {
          const { mailbox, seq } = event.entry
          this.#ledger.duplicates.push({ reader: who, mailbox, seq })
        }
        return
      case 'hole':
        this.#ledger.holes.push({ reader: who, mailbox: event.mailbox, from: event.from, to: event.to })
        return
      default:
    }
  }

  /**
   * Kills the server, at once. Resolves when those who were online have noticed: what was not accepted by then was in
   * flight. The server's files hold still now, so what waits for somebody must be in them: as ciphertext.
   */
  async kills(server: ServerProcess, online: readonly RelayClient[]): Promise<void> {
    const { pid } = server
    await server.kill()
    while (online.some(({ isOnline }) => isOnline)) await sleep(1)
    this.#inFlight = online.reduce((sum, { unaccepted }) => sum + unaccepted, 0)
    transcript.blow(
      'server',
      `SIGKILL to pid ${pid}: ${this.counts.accepted} messages accepted so far, ${this.#inFlight} in flight`,
    )
    this.search(server)
  }

  /** Looks for secrets in all that the server has written; the search counts if it finds ciphertexts there. */
  search(server: ServerProcess): void {
    const places = everythingIn(server.dataDir, server.log)
    for (const secret of tracesOf([...this.#secrets], places)) this.#secretsFound.add(secret)
    for (const ciphertext of tracesOf([...this.#ciphertexts], places)) this.#ciphertextsFound.add(ciphertext)
  }

  /** Messages that somebody has read so far. */
  readBy(who: string): number {
    return this.#ledger.read.filter(({ reader }) => reader === who).length
  }

  get counts(): Counts {
    return countsOf(this.#ledger)
  }

  /** Resolves when everything sent has been read by everybody, or when that takes too long: the counts tell. */
  async settled(): Promise<void> {
    for (let waitedMs = 0; waitedMs < settleMsMax && this.counts.lost > 0; waitedMs += lookMs) await sleep(lookMs)
  }

  outcome(): Outcome {
    const traces: Traces = {
      secrets: this.#secrets.size,
      secretsFound: [...this.#secretsFound],
      ciphertextsFound: this.#ciphertextsFound.size,
    }
    return { counts: this.counts, inFlight: this.#inFlight, traces }
  }
}

function show(who: string, event: RelayEvent): void {
  switch (event.kind) {
    case 'connected':
      transcript.line(who, 'is online')
      break
    case 'disconnected':
      transcript.line(who, 'is offline')
      break
    case 'sent': {
      const { to, device, ciphertext } = event.message
      const address = device === undefined ? `group ${to}` : `${to}/${device}`
      transcript.wire(who, `→ ${event.again ? 'again, ' : ''}for ${address}: ${shorten(bodyOf(ciphertext))}`)
      break
    }
    case 'accepted': {
      const { mailbox, seq, duplicate } = event.accepted
      transcript.wire(who, `← accepted as ${mailbox}:${seq}${duplicate ? ', and was on disk already' : ''}`)
      break
    }
    case 'entry':
      showEntry(who, event.entry)
      break
    case 'duplicate':
      if (event.entry.type === 'msg') transcript.line(who, `has ${placeOf(event.entry)} already, and drops it`)
      break
    case 'hole':
      transcript.blow(who, `misses ${event.mailbox}:${event.from} to ${event.to}`)
  }
}

function showEntry(who: string, entry: Entry): void {
  if (entry.type === 'msg') transcript.wire(who, `← ${placeOf(entry)} from ${entry.from}: ${shorten(bodyOf(entry.ciphertext))}`)
  else if (entry.type === 'membership') transcript.wire(who, `← ${placeOf(entry)}: ${entry.by} adds ${entry.added.join(', ')}`)
  else if (entry.type === 'gone') transcript.wire(who, `← ${placeOf(entry)}: gone, ${entry.reason}`)
}

function placeOf(entry: Entry): string {
  return entry.type === 'gone' ? `${entry.mailbox}:${entry.from} to ${entry.to}` : `${entry.mailbox}:${entry.seq}`
}

/** The part of the envelope that is encrypted. */
function bodyOf(ciphertext: string): string {
  return (JSON.parse(ciphertext) as { body: string }).body
}
