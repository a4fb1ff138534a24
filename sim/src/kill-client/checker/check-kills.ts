import type { KillRecord } from '../kill-record.ts'
import { handedUntilHandled, noIncidents, noneUnreadable, stateKept } from './lost-state.ts'
import { arrives, inOrder, nothingInvented, nothingTwice, ownHistory, peersArrive } from './messages.ts'
import { oneKeyOneMessage, readableOffers } from './offers.ts'

/** One thing that must hold: tells what contradicts it. */
export type KillInvariant = (record: KillRecord) => Iterable<string>

/** Every invariant by its name. The function's comment says what it holds. */
export const killInvariants = {
  'one-key-one-message': oneKeyOneMessage,
  'readable-offers': readableOffers,
  arrives,
  'in-order': inOrder,
  'nothing-twice': nothingTwice,
  'nothing-invented': nothingInvented,
  'peers-arrive': peersArrive,
  'own-history': ownHistory,
  'handed-until-handled': handedUntilHandled,
  'none-unreadable': noneUnreadable,
  'state-kept': stateKept,
  'no-incidents': noIncidents,
} as const satisfies Record<string, KillInvariant>

export interface KillVolume {
  readonly killsMin: number
  readonly sendsMin: number
  readonly receivedMin: number
}

export interface KillViolation {
  readonly invariant: keyof typeof killInvariants | 'enough'
  readonly detail: string
}

/** Violations of one invariant that are told; the rest is counted. */
const toldMax = 10

/** Judges a run. No violations, and at least the wanted volume: it is as promised. */
export function checkKills(record: KillRecord, volume: KillVolume): KillViolation[] {
  const found: KillViolation[] = []
  function take(invariant: KillViolation['invariant'], details: Iterable<string>): void {
    const all = [...details]
    for (const detail of all.slice(0, toldMax)) found.push({ invariant, detail })
    if (all.length > toldMax) found.push({ invariant, detail: `… and ${all.length - toldMax} more` })
  }
  take('enough', tooLittle(record, volume))
  for (const [name, invariant] of Object.entries(killInvariants)) take(name as KillViolation['invariant'], invariant(record))
  return found
}

function* tooLittle({ kills, journal, history, offers }: KillRecord, volume: KillVolume): Iterable<string> {
  if (kills < volume.killsMin) yield `${kills} kills, not ${volume.killsMin}`
  const sent = journal.filter(({ event }) => event === 'sent').length
  if (sent < volume.sendsMin) yield `${sent} messages sent, not ${volume.sendsMin}`
  const received = history.filter(({ own }) => !own).length
  if (received < volume.receivedMin) yield `${received} messages received, not ${volume.receivedMin}`
  // A proxy that sees nothing proves nothing.
  const offered = new Set(offers.map(({ id }) => id))
  const unseen = journal.filter((line) => line.event === 'sent' && !offered.has(line.id)).length
  if (unseen > 0) yield `${unseen} messages reached the server unseen`
}
