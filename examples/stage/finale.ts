import { type Outcome, type Plan, problemsOf } from './ledger.ts'
import { transcript } from './transcript.ts'

/** Shows the counts and what is wrong with them. Returns the exit code. */
export function finale(outcome: Outcome, plan: Plan): 0 | 1 {
  const { counts, inFlight, traces } = outcome
  const problems = problemsOf(outcome, plan)
  transcript.heading('The counts')
  transcript.row('sent', counts.sent)
  transcript.row('accepted', counts.accepted)
  transcript.row('in flight at the kill', inFlight)
  transcript.row('sent again, same id', `${counts.sentAgain}, of which the server had ${counts.wereStored} already`)
  transcript.row('delivered once', `${counts.deliveredOnce} of ${counts.due}`)
  transcript.row('delivered twice', counts.deliveredTwice)
  transcript.row('duplicates dropped', counts.duplicatesDropped)
  transcript.row('altered, unreadable', counts.altered + counts.unreadable)
  transcript.row('holes in mailboxes', counts.holes)
  transcript.row('lost', counts.lost)
  transcript.row('plaintexts at the server', `${traces.secretsFound.length} of ${traces.secrets}, in its files and its log`)
  transcript.row('ciphertexts found there', traces.ciphertextsFound)
  transcript.verdict(problems)
  return problems.length === 0 ? 0 : 1
}
