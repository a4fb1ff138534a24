import { register } from './accounts.ts'
import { measureFirstMessage } from './first-message.ts'
import { measureOpen, seedHistory } from './history.ts'
import { measureIdle, prepareIdle } from './idle.ts'
import type { ClientJob } from './job.ts'
import { measureMessages } from './messages.ts'
import type { Platform } from './platform.ts'

export function runJob(job: ClientJob, platform: Platform) {
  switch (job.kind) {
    case 'register':
      return register(job)
    case 'messages':
      return measureMessages(job, platform)
    case 'firstMessage':
      return measureFirstMessage(job, platform)
    case 'seed':
      return seedHistory(job, platform)
    case 'open':
      return measureOpen(job, platform)
    case 'prepare':
      return prepareIdle(job, platform)
    case 'idle':
      return measureIdle(job, platform)
  }
}
