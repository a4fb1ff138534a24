import type { PendingCommit } from './conversation-state.ts'
import type { Parts } from './parts.ts'
import { patiently } from './patience.ts'

export interface CommitAnswer {
  readonly mailbox: string
  readonly seq: number
}

/**
 * Asks the server to decide a commit, as often as it takes: the id makes it one request.
 * @throws SottoError that refuses it; SottoClientError `closed`.
 */
export function post(parts: Parts, pending: PendingCommit): Promise<CommitAnswer> {
  return patiently(parts.timers, () => ask(parts, pending))
}

async function ask({ transport }: Parts, { conversationId, purpose, body }: PendingCommit): Promise<CommitAnswer> {
  const options = { retryMs: Number.POSITIVE_INFINITY }
  const params = { groupId: conversationId }
  // The body was made by `prepareCommit` for this route, and comes back from the storage as it was.
  const same = body as never
  switch (purpose) {
    case 'create':
      return (await transport.request('POST /groups', { body: same }, options)) as CommitAnswer
    case 'reset':
      return await transport.request('POST /groups/:groupId/reset', { params, body: same }, options)
    default:
      return await transport.request('POST /groups/:groupId/commits', { params, body: same }, options)
  }
}
