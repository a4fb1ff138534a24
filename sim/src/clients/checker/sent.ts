import { type ClientInvariant, type GroupFacts, type LoggedText, viewOf } from './client-facts.ts'

/** No message stands in the log twice. */
export const loggedOnce: ClientInvariant = function* ({ texts }) {
  for (const [id, logged] of texts) {
    if (logged.length > 1) yield `${id} stands in the log ${logged.length} times`
  }
}

/** What was queued is in the log, or its sender says why not; and says of nothing else that it was sent. */
export const sentOrFailed: ClientInvariant = function* (facts) {
  for (const { device, group, id, text } of facts.record.sends) {
    if (id === undefined || !facts.views.has(device)) continue
    const shown = viewOf(facts, device, group)?.messages.find((message) => message.id === id)
    const isLogged = facts.texts.has(id)
    const where = `${text.slice(0, 10)} of ${device} to ${group}`
    if (shown === undefined) yield `${where} is not in its own history`
    else if (isLogged && (shown.status === 'queued' || shown.status === 'failed'))
      yield `${where} is in the log, and ${shown.status} for its sender`
    else if (!isLogged && shown.status !== 'failed') yield `${where} is not in the log, and ${shown.status} for its sender`
    else if (shown.status === 'failed' && shown.failure !== 'not_a_member') yield `${where} failed: ${shown.failure}`
  }
}

/**
 * The messages of a device to a group stand in the log in the order in which it sent them. One exception: the server refuses
 * messages between a departure and the commit that removes who has departed. Of two that are on their way at that time, the
 * first may be refused, and the second, which comes after the commit, be taken.
 */
export const senderOrder: ClientInvariant = function* ({ record, texts, groups }) {
  const newest = new Map<string, LoggedText>()
  for (const { device, group, id, text } of record.sends) {
    const logged = id === undefined ? undefined : texts.get(id)?.at(0)
    if (logged === undefined) continue
    const before = newest.get(`${device} ${group}`)
    if (before !== undefined && before.seq > logged.seq && !hasOvertaken(groups.get(group)!, logged))
      yield `${device} sent ${before.call.text.slice(0, 10)} before ${text.slice(0, 10)} to ${group}, and it stands behind it`
    if (before === undefined || before.seq < logged.seq) newest.set(`${device} ${group}`, logged)
  }
}

function hasOvertaken({ entries, commits }: GroupFacts, later: LoggedText): boolean {
  return commits.some(({ seq, epoch, generation }) => {
    const wasUnderway = later.generation === generation && later.epoch <= epoch && seq < later.seq
    return wasUnderway && entries.some((entry) => entry.kind === 'departed' && entry.seq < seq)
  })
}
