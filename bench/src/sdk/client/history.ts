import { systemClock } from '../../../../packages/client/src/clock.ts'
import { messageId } from '../../../../packages/client/src/content/message-id.ts'
import { recordOf } from '../../../../packages/client/src/content/record.ts'
import { rosterOfNew } from '../../../../packages/client/src/membership/roster-changes.ts'
import { createMlsEngine } from '../../../../packages/client/src/mls/ts-mls-engine.ts'
import { newConversation } from '../../../../packages/client/src/sync/conversation-state.ts'
import { loadDevice } from '../../../../packages/client/src/sync/kept-device.ts'
import { Memory } from '../../../../packages/client/src/sync/memory.ts'
import type { DeviceRecord } from '../../../../packages/client/src/sync/records.ts'
import { addMessage, orderOf } from '../../../../packages/client/src/sync/rows.ts'
import { openAs } from './accounts.ts'
import type { OpenJob, SeedJob } from './job.ts'
import type { Platform } from './platform.ts'

/** Written in one transaction. */
const chunk = 250
/** Members of each group, and as many authors. */
const friends = ['ada', 'bo', 'cy']

/** Puts a history into a new device's storage with the SDK's own parts: as if it had been received. */
export async function seedHistory(job: SeedJob, platform: Platform): Promise<{ seconds: number }> {
  const beganMs = performance.now()
  const storage = platform.storage('disk', job.account.userId)
  await (await openAs(job.url, job.account, storage)).close()
  const open = await storage.open({ wait: true })
  const nobody = () => {}
  const memory = new Memory(open, await createMlsEngine({ clock: systemClock }), nobody, nobody)
  await memory.load()
  const self = (await loadDevice(open))!
  const each = Math.ceil(job.messages / job.conversations)
  for (let made = 0; made < job.conversations; made++) await seedConversation(memory, self, `seeded-${made}`, each, job.textBytes)
  await open.close()
  return { seconds: (performance.now() - beganMs) / 1_000 }
}

async function seedConversation(
  memory: Memory,
  self: DeviceRecord,
  id: string,
  messages: number,
  textBytes: number,
): Promise<void> {
  const { engine } = memory
  const first = await engine.createGroup({ keys: self.signature, credential: self.credential! }, id)
  const startMs = systemClock.now() - messages * 60_000
  await memory.transact(async (transaction) => {
    transaction.take(id, first)
    const roster = rosterOfNew(self.userId, [...friends], false)
    const fresh = newConversation(id, 'group', undefined, roster, startMs)
    const place = { mailbox: `mailbox of ${id}`, lastOrder: orderOf(messages), updatedAt: startMs + messages * 60_000 }
    transaction.setConversation({ ...fresh, status: 'active', name: `Group ${id}`, named: true, ...place })
  })
  for (let from = 1; from <= messages; from += chunk)
    await memory.transact(async (transaction) => {
      for (let seq = from; seq < from + chunk && seq <= messages; seq++) {
        const author = { userId: friends[seq % friends.length]!, deviceId: 'phone' }
        const names = { groupId: id, senderUserId: author.userId, senderDeviceId: author.deviceId }
        const text = `${seq} `.padEnd(textBytes, 'x')
        const sentAt = startMs + seq * 60_000
        const message = { id: messageId(names, new TextEncoder().encode(text)), conversationId: id, author, own: false }
        const envelope = { salt: new Uint8Array(16), sentAt, content: { kind: 'text', text } } as const
        await addMessage(transaction, recordOf({ ...message, order: orderOf(seq), receivedAt: sentAt }, envelope)!)
      }
    })
}

/** To be run once in a process or page: code that has never run is part of a start. */
export async function measureOpen(job: OpenJob, platform: Platform): Promise<{ openMs: number }> {
  const beganMs = performance.now()
  const sotto = await openAs(job.url, job.account, platform.storage('disk', job.account.userId))
  const listed = sotto.conversations()
  const openMs = performance.now() - beganMs
  const complete = listed.length === job.conversations && listed.every((chat) => chat.lastMessage?.text !== undefined)
  await sotto.close()
  if (!complete) throw new Error(`${listed.length} of ${job.conversations} conversations were listed with their newest messages`)
  return { openMs }
}
