import type { ClientsRecord } from '../record.ts'
import { type ClientInvariant, clientFacts } from './client-facts.ts'
import { membersAndDevices, oneCommitAnEpoch, oneLog, oneOwner, sameEpoch, sameMembers, settled } from './groups.ts'
import { noIncidents, refusalsExplained } from './incidents.ts'
import { loggedOnce, senderOrder, sentOrFailed } from './sent.ts'
import { asSent, entitledRead, handedUntilHandled, inPlace, nothingMore, shownOnce, unreadableExplained } from './shown.ts'

/** Every invariant by its name. The function's comment says what it holds. */
export const clientInvariants = {
  'one-log': oneLog,
  settled,
  'one-commit-an-epoch': oneCommitAnEpoch,
  'same-epoch': sameEpoch,
  'same-members': sameMembers,
  'members-and-devices': membersAndDevices,
  'one-owner': oneOwner,
  'entitled-read': entitledRead,
  'nothing-more': nothingMore,
  'as-sent': asSent,
  'shown-once': shownOnce,
  'in-place': inPlace,
  'unreadable-explained': unreadableExplained,
  'handed-until-handled': handedUntilHandled,
  'logged-once': loggedOnce,
  'sent-or-failed': sentOrFailed,
  'sender-order': senderOrder,
  'no-incidents': noIncidents,
  'refusals-explained': refusalsExplained,
} as const satisfies Record<string, ClientInvariant>

export interface ClientVolume {
  readonly changesMin: number
  readonly sendsMin: number
}

export interface ClientViolation {
  readonly invariant: keyof typeof clientInvariants | 'enough'
  readonly detail: string
}

/** Violations of one invariant that are told; the rest is counted. */
const toldMax = 10

/** Judges a run. No violations, and at least the wanted volume: it is as promised. */
export function checkClients(record: ClientsRecord, volume: ClientVolume): ClientViolation[] {
  const facts = clientFacts(record)
  const found: ClientViolation[] = []
  function take(invariant: ClientViolation['invariant'], details: Iterable<string>): void {
    const all = [...details]
    for (const detail of all.slice(0, toldMax)) found.push({ invariant, detail })
    if (all.length > toldMax) found.push({ invariant, detail: `… and ${all.length - toldMax} more` })
  }
  take('enough', tooLittle(record, volume))
  for (const [name, invariant] of Object.entries(clientInvariants)) take(name as ClientViolation['invariant'], invariant(facts))
  return found
}

/** A run in which too little happened, or that nobody was left to see, shows nothing. */
function* tooLittle({ changes, sends, views, devices }: ClientsRecord, { changesMin, sendsMin }: ClientVolume): Iterable<string> {
  const changed = Object.values(changes).reduce((sum, count) => sum + count, 0)
  if (changed < changesMin) yield `${changed} changes of membership, not ${changesMin}`
  const resolved = sends.filter(({ id }) => id !== undefined).length
  if (resolved < sendsMin * 0.95) yield `${resolved} messages sent, not ${sendsMin}`
  const seen = new Set(views.map(({ device }) => device))
  for (const { device, revoked } of devices) if (!revoked && !seen.has(device)) yield `nobody looked at ${device}`
}
