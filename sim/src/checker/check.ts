import type { HistoryEvent } from '../history.ts'
import { cursorForward } from './cursors.ts'
import { factsOf, type Invariant, type Violation } from './facts.ts'
import {
  contentIntact,
  noInvention,
  noLoss,
  noRefusedShown,
  ownPlace,
  rightReader,
  shownAsDelivered,
  shownOnce,
} from './messages.ts'
import { realTimeOrder, senderOrder, showOrder } from './order.ts'
import { gaplessMailboxes, gaplessSessions, oneContent, onePosition, sameAnswer, timeRises } from './positions.ts'
import { preKeyConserved, preKeyGenuine, preKeyOnce } from './prekeys.ts'
import { enough, finalRead, type Volume } from './volume.ts'

/** Every invariant by its name. The function's comment says what it holds. */
export const invariants = {
  'no-loss': noLoss,
  'shown-once': shownOnce,
  'no-invention': noInvention,
  'no-refused-shown': noRefusedShown,
  'content-intact': contentIntact,
  'right-reader': rightReader,
  'own-place': ownPlace,
  'shown-as-delivered': shownAsDelivered,
  'one-content': oneContent,
  'one-position': onePosition,
  'same-answer': sameAnswer,
  'gapless-mailboxes': gaplessMailboxes,
  'gapless-sessions': gaplessSessions,
  'time-rises': timeRises,
  'sender-order': senderOrder,
  'real-time-order': realTimeOrder,
  'show-order': showOrder,
  'cursor-forward': cursorForward,
  'prekey-once': preKeyOnce,
  'prekey-genuine': preKeyGenuine,
  'prekey-conserved': preKeyConserved,
  'final-read': finalRead,
} as const satisfies Record<string, Invariant>

export type InvariantName = keyof typeof invariants | 'enough'

/** Violations of one invariant that are told; the rest is counted. */
const toldMax = 10

/** Judges a history. No violations, and at least the wanted volume: it is as promised. */
export function check(events: readonly HistoryEvent[], volume: Volume): Violation[] {
  const facts = factsOf(events)
  const found: Violation[] = []
  function take(invariant: InvariantName, details: Iterable<string>): void {
    let count = 0
    for (const detail of details) {
      count++
      if (count <= toldMax) found.push({ invariant, detail })
    }
    if (count > toldMax) found.push({ invariant, detail: `… and ${count - toldMax} more` })
  }
  take('enough', enough(facts, volume))
  for (const [name, invariant] of Object.entries(invariants)) take(name as InvariantName, invariant(facts))
  return found
}
