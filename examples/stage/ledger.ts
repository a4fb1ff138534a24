import { differences, type Expected, type Present } from './differences.ts'
/** What was seen at the ends, in the order in which it was seen. Plain data: the counts below are made of nothing else. */
export interface Ledger {
  readonly sent: { readonly id: string; readonly text: string; readonly readers: readonly string[] }[]
  readonly accepted: { readonly id: string; readonly mailbox: string; readonly seq: number; readonly wasStored: boolean }[]
  readonly sentAgain: { readonly id: string }[]
  readonly read: { readonly id: string; readonly reader: string; readonly text: string }[]
  readonly duplicates: { readonly reader: string; readonly mailbox: string; readonly seq: number }[]
  readonly unreadable: { readonly id: string; readonly reader: string; readonly reason: string }[]
  readonly holes: { readonly reader: string; readonly mailbox: string; readonly from: number; readonly to: number }[]
}

export function emptyLedger(): Ledger {
  return { sent: [], accepted: [], sentAgain: [], read: [], duplicates: [], unreadable: [], holes: [] }
}

/** A message is counted for each of its readers. */
export interface Counts {
  readonly sent: number
  /** Told to be on disk, each at a place of its own. */
  readonly accepted: number
  /** Attempts beyond the first, and answers that said that an earlier attempt had arrived. */
  readonly sentAgain: number
  readonly wereStored: number
  readonly due: number
  /** Decrypted exactly once, to exactly the text that was sent. */
  readonly deliveredOnce: number
  readonly deliveredTwice: number
  /** Read with another text, or by somebody whom it was not for. */
  readonly altered: number
  readonly lost: number
  /** Came again from the server, and were not shown again. */
  readonly duplicatesDropped: number
  readonly unreadable: number
  readonly holes: number
}

export function countsOf(ledger: Ledger): Counts {
  const texts = new Map<string, string>()
  for (const { id, text, readers } of ledger.sent) for (const reader of readers) texts.set(deliveryOf(reader, id), text)
  const times = new Map<string, number>()
  let altered = 0
  for (const { id, reader, text } of ledger.read) {
    const delivery = deliveryOf(reader, id)
    if (texts.get(delivery) === text) times.set(delivery, (times.get(delivery) ?? 0) + 1)
    else altered++
  }
  const timesEach = [...times.values()]
  const sentIds = new Set(ledger.sent.map(({ id }) => id))
  const acceptedIds = new Set(ledger.accepted.map(({ id }) => id).filter((id) => sentIds.has(id)))
  const places = new Set(ledger.accepted.map(({ mailbox, seq }) => `${mailbox} ${seq}`))
  return {
    sent: sentIds.size,
    accepted: Math.min(acceptedIds.size, places.size),
    sentAgain: ledger.sentAgain.length,
    wereStored: ledger.accepted.filter(({ wasStored }) => wasStored).length,
    due: texts.size,
    deliveredOnce: timesEach.filter((count) => count === 1).length,
    deliveredTwice: timesEach.filter((count) => count > 1).length,
    altered,
    lost: texts.size - times.size,
    duplicatesDropped: ledger.duplicates.length,
    unreadable: ledger.unreadable.length,
    holes: ledger.holes.length,
  }
}

function deliveryOf(reader: string, id: string): string {
  return `${reader} ${id}`
}

/** What the search through the server's files and log brought to light. */
export interface Traces {
  readonly secrets: number
  readonly secretsFound: readonly string[]
  /** Ciphertexts that wait at the server must be found: else the search could not have found anything. */
  readonly ciphertextsFound: number
}

export interface Outcome {
  readonly counts: Counts
  /** Messages on their way when the server was killed: written to a socket, and never answered. */
  readonly inFlight: number
  readonly traces: Traces
}

/** What a complete run has sent. */
export interface Plan {
  readonly sent: number
  readonly deliveries: number
}

/** One line for each thing that is not as it has to be; none: all is well. */
export function problemsOf({ counts, inFlight, traces }: Outcome, plan: Plan): string[] {
  const equal: readonly Expected[] = [
    ['messages sent', counts.sent, plan.sent],
    ['messages accepted', counts.accepted, plan.sent],
    ['deliveries due', counts.due, plan.deliveries],
    ['messages delivered once', counts.deliveredOnce, plan.deliveries],
    ['messages delivered twice', counts.deliveredTwice, 0],
    ['messages altered', counts.altered, 0],
    ['messages lost', counts.lost, 0],
    ['messages unreadable', counts.unreadable, 0],
    ['holes', counts.holes, 0],
    ['secrets found at the server', traces.secretsFound.length, 0],
  ]
  const atLeastOne: readonly Present[] = [
    ['messages in flight at the kill', inFlight],
    ['messages sent again', counts.sentAgain],
    ['duplicates dropped', counts.duplicatesDropped],
    ['secrets searched for', traces.secrets],
    ['ciphertexts found at the server', traces.ciphertextsFound],
  ]
  return differences(equal, atLeastOne)
}
