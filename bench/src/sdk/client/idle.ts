import { begin, online, openAs, reached } from './accounts.ts'
import type { IdleJob, PrepareJob } from './job.ts'
import type { Platform } from './platform.ts'

export async function prepareIdle(job: PrepareJob, platform: Platform): Promise<{ seconds: number }> {
  const beganMs = performance.now()
  const sotto = await openAs(job.url, job.account, platform.storage('disk', job.account.userId))
  const chat = await begin(sotto, job.others)
  await reached(sotto, await chat.send('hello'), 'sent')
  await sotto.close()
  return { seconds: (performance.now() - beganMs) / 1_000 }
}

/** Memory with the SDK's code loaded, and with a client that is online and has sent a message, so that its group is at hand. */
export async function measureIdle(job: IdleJob, platform: Platform) {
  const before = await platform.footprint()
  const sotto = await openAs(job.url, job.account, platform.storage('disk', job.account.userId))
  await online(sotto)
  const [chat] = sotto.conversations()
  if (chat === undefined) throw new Error('the storage has no conversation')
  await reached(sotto, await chat.send('here'), 'sent')
  await new Promise((resolve) => setTimeout(resolve, job.settleMs))
  const after = await platform.footprint()
  await sotto.close()
  return { before, after }
}
