import { differences, type Expected, type Present } from '../stage/differences.ts'
import type { Shown } from './orders.ts'

export interface SentMessage {
  readonly id: string
  readonly text: string
  readonly author: string
  readonly readers: readonly string[]
}

/** What was sent, to which devices, and what they have. Plain data: the counts are made of nothing else. */
export interface Ledger {
  /** `author` and `readers`: names of devices; all that were in the conversation then. */
  readonly sent: SentMessage[]
  /** Everything in the storage of each device at the end, by its name. */
  readonly histories: ReadonlyMap<string, readonly Shown[]>
  /** What the applications were given, each time. */
  readonly handed: { readonly id: string; readonly device: string }[]
  readonly unreadable: { readonly device: string; readonly reason: string }[]
}

/** A message is counted for each device that is to show it. */
export interface Counts {
  readonly sent: number
  readonly due: number
  /** There exactly once, with exactly the text that was sent. */
  readonly shownOnce: number
  /** There more than once, on whatever device. */
  readonly duplicates: number
  readonly lost: number
  /** There with another text, or on a device that it was not for. */
  readonly misplaced: number
  readonly unreadable: number
  /** Given to an application once more, since the first time was cut short by a kill. */
  readonly handedAgain: number
}

export function countsOf({ sent, histories, handed, unreadable }: Ledger): Counts {
  const texts = new Map(sent.map(({ id, text }) => [id, text]))
  const due = sent.flatMap(({ id, readers }) => readers.map((reader) => deliveryOf(reader, id)))
  const permitted = new Set([...due, ...sent.map(({ id, author }) => deliveryOf(author, id))])
  const times = new Map<string, number>()
  let misplaced = 0
  for (const [device, messages] of histories) {
    for (const { id, text } of messages) {
      const delivery = deliveryOf(device, id)
      if (permitted.has(delivery) && texts.get(id) === text) times.set(delivery, (times.get(delivery) ?? 0) + 1)
      else misplaced++
    }
  }
  const handings = handed.map(({ id, device }) => deliveryOf(device, id))
  return {
    sent: texts.size,
    due: due.length,
    shownOnce: due.filter((delivery) => times.get(delivery) === 1).length,
    duplicates: [...times.values()].filter((count) => count > 1).length,
    lost: due.filter((delivery) => !times.has(delivery)).length,
    misplaced,
    unreadable: unreadable.length,
    handedAgain: handings.length - new Set(handings).size,
  }
}

function deliveryOf(device: string, id: string): string {
  return `${device} ${id}`
}

/** What the search through files has found. */
export interface Search {
  readonly secrets: number
  /** At the server: files and log. */
  readonly atServer: readonly string[]
  /** In the files of the devices: what they keep is sealed. */
  readonly onDevices: readonly string[]
  /** What the server does know must be found: a search that finds nothing proves nothing. */
  readonly known: number
  readonly knownFound: number
}

export interface Plan {
  readonly sent: number
  readonly due: number
}

/** One line for each thing that is not as it has to be; none: all is well. */
export function problemsOf(counts: Counts, search: Search, plan: Plan): string[] {
  const equal: readonly Expected[] = [
    ['messages sent', counts.sent, plan.sent],
    ['deliveries due', counts.due, plan.due],
    ['shown exactly once', counts.shownOnce, plan.due],
    ['duplicates', counts.duplicates, 0],
    ['lost', counts.lost, 0],
    ['misplaced', counts.misplaced, 0],
    ['unreadable', counts.unreadable, 0],
    ['texts found at the server', search.atServer.length, 0],
    ['texts found in the files of the devices', search.onDevices.length, 0],
    ['ids found at the server', search.knownFound, search.known],
  ]
  const atLeastOne: readonly Present[] = [
    ['handed over again after a kill', counts.handedAgain],
    ['texts searched for', search.secrets],
    ['ids searched for', search.known],
  ]
  return differences(equal, atLeastOne)
}
