import type { HistoryEvent } from '../history.ts'
import type { Seeded } from '../seeded.ts'
import { type Facts, factsOf, type Send, sendKey } from './facts.ts'

/** A wrong history, made from a good one. Throws `NotApplicable` where the history has nothing to turn wrong. */
export type Mutant = (world: MutantWorld) => HistoryEvent[]

export interface MutantWorld {
  readonly events: readonly HistoryEvent[]
  readonly facts: Facts
  readonly chance: Seeded
}

export class NotApplicable extends Error {}

export function mutantWorld(events: readonly HistoryEvent[], chance: Seeded): MutantWorld {
  return { events, facts: factsOf(events), chance }
}

/** One of the candidates, by chance. */
export function one<item>(chance: Seeded, candidates: readonly item[]): item {
  if (candidates.length === 0) throw new NotApplicable()
  return chance.pick(candidates)
}

export function without(events: readonly HistoryEvent[], unwanted: (event: HistoryEvent, index: number) => boolean) {
  return events.filter((event, index) => !unwanted(event, index))
}

export function insertAt(events: readonly HistoryEvent[], index: number, ...added: readonly HistoryEvent[]): HistoryEvent[] {
  return events.toSpliced(index, 0, ...added)
}

export function replaceAt(events: readonly HistoryEvent[], index: number, event: HistoryEvent): HistoryEvent[] {
  return events.with(index, event)
}

type Position = { readonly mailbox: string; readonly seq: number; readonly receivedAt?: number }

/** Changes where things stand, in every event that names a position but for acknowledgements. */
export function moved(events: readonly HistoryEvent[], to: (at: Position, event: HistoryEvent) => Position): HistoryEvent[] {
  return events.map((event): HistoryEvent => {
    const placed =
      event.event === 'deliver' || event.event === 'show' || (event.event === 'ok' && event.op === 'send') ? event : undefined
    return placed === undefined ? event : ({ ...event, ...to(placed, event) } as HistoryEvent)
  })
}

/** Lets two messages change places, for everybody. */
export function swapped(events: readonly HistoryEvent[], a: Send, b: Send): HistoryEvent[] {
  const [placeA, placeB] = [placeOf(a), placeOf(b)]
  return moved(events, (at) => {
    if (at.mailbox !== placeA.mailbox) return {} as Position
    const goal = at.seq === placeA.seq ? placeB : at.seq === placeB.seq ? placeA : undefined
    if (goal === undefined) return {} as Position
    return at.receivedAt === undefined ? { mailbox: goal.mailbox, seq: goal.seq } : goal
  })
}

function placeOf(send: Send): { mailbox: string; seq: number; receivedAt: number } {
  const { mailbox, seq, receivedAt } = send.answers[0]!
  return { mailbox, seq, receivedAt }
}

export function accepted(facts: Facts): Send[] {
  return [...facts.sends.values()].filter((send) => send.answers.length > 0)
}

/** Pairs of accepted messages of one mailbox, the first standing before the second. */
export function pairs(facts: Facts): [Send, Send][] {
  const sends = accepted(facts)
  return sends.flatMap((a) =>
    sends
      .filter((b) => b.answers[0]!.mailbox === a.answers[0]!.mailbox && b.answers[0]!.seq > a.answers[0]!.seq)
      .map((b): [Send, Send] => [a, b]),
  )
}

export function isOf(event: HistoryEvent, send: Send): boolean {
  return (event.event === 'deliver' && event.type === 'msg') || event.event === 'show'
    ? sendKey(event.from, event.id) === sendKey(send.device, send.id)
    : false
}
