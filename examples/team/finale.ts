import { transcript } from '../stage/transcript.ts'
import { countsOf, type Ledger, type Plan, problemsOf, type Search } from './ledger.ts'

/** Shows the counts and what is wrong with them. Returns the exit code. */
export function finale(ledger: Ledger, search: Search, plan: Plan): 0 | 1 {
  const counts = countsOf(ledger)
  const problems = problemsOf(counts, search, plan)
  transcript.heading('The counts')
  transcript.row('sent', counts.sent)
  transcript.row('shown exactly once', `${counts.shownOnce} of ${counts.due}, a message for each device that is to have it`)
  transcript.row('handed over again', `${counts.handedAgain}, after a kill in the middle of it`)
  transcript.row('duplicates', counts.duplicates)
  transcript.row('lost', counts.lost)
  transcript.row('misplaced', counts.misplaced)
  transcript.row('unreadable', counts.unreadable)
  transcript.row('texts at the server', `${search.atServer.length} of ${search.secrets}, in its files and its log`)
  transcript.row('texts in devices’ files', `${search.onDevices.length} of ${search.secrets}: they are sealed`)
  transcript.row('ids found at the server', `${search.knownFound} of ${search.known}: it knows who is in a group, and no more`)
  transcript.verdict(problems)
  return problems.length === 0 ? 0 : 1
}
