import { openAs, reached } from './accounts.ts'
import type { FirstMessageJob, FirstMessageParts } from './job.ts'
import type { Platform } from './platform.ts'

/** To be run once in a process or page: code that has never run is part of a first start. */
export async function measureFirstMessage(job: FirstMessageJob, platform: Platform): Promise<FirstMessageParts> {
  const { url, account, peer } = job
  const beganMs = performance.now()
  const sotto = await openAs(url, account, platform.storage(job.storage, account.userId))
  const openedMs = performance.now()
  const chat = await sotto.conversation(peer)
  const foundMs = performance.now()
  const message = await chat.send('hello')
  const queuedMs = performance.now()
  await reached(sotto, message, 'sent')
  const acceptedMs = performance.now()
  await sotto.close()
  return {
    openMs: openedMs - beganMs,
    conversationMs: foundMs - openedMs,
    queuedMs: queuedMs - foundMs,
    acceptedMs: acceptedMs - queuedMs,
    totalMs: acceptedMs - beganMs,
  }
}
