import type { ClientStorage, Message } from '@sotto/client'
import { begin, joined, online, openAs, reached } from './accounts.ts'
import { EnginePair } from './engine-pair.ts'
import type { Account, MessagesJob, MessagesRound } from './job.ts'
import type { Platform } from './platform.ts'

/** Members up to which the SDK tells the sender that a message has arrived. */
const receiptMembersMax = 20

interface Device {
  readonly account: Account
  readonly storage: ClientStorage
}

/** Sender and receiver take turns: each has the process for itself while it is measured. */
export async function measureMessages(job: MessagesJob, platform: Platform) {
  const { url, others, rounds, messages, warmUpMessages } = job
  const text = 'x'.repeat(job.textBytes)
  const sender = { account: job.sender, storage: platform.storage(job.storage, job.sender.userId) }
  const receiver = { account: job.receiver, storage: platform.storage(job.storage, job.receiver.userId) }
  const members = [job.receiver.userId, ...others]
  const beginMs = performance.now()
  const conversationId = await build(url, sender, receiver, members)
  const engine = await EnginePair.create(1 + members.length, text)
  const buildSeconds = (performance.now() - beginMs) / 1_000
  const told = members.length < receiptMembersMax

  async function round(count: number): Promise<MessagesRound> {
    const { perSecond: encryptsPerSecond, messages: encrypted } = await engine.encrypt(count)
    const { last, perSecond: sendsPerSecond } = await send(url, sender, conversationId, text, count)
    const decryptsPerSecond = await engine.decrypt(encrypted)
    const receivesPerSecond = await drain({ url, sender, receiver, conversationId, count, last: told ? last : undefined })
    return { sendsPerSecond, receivesPerSecond, encryptsPerSecond, decryptsPerSecond }
  }

  await round(warmUpMessages)
  const measured: MessagesRound[] = []
  for (let made = 0; made < rounds; made++) measured.push(await round(messages))
  return { buildSeconds, rounds: measured }
}

/** Creates the conversation and lets the receiver in; both are closed then. */
async function build(url: string, sender: Device, receiver: Device, members: readonly string[]): Promise<string> {
  const there = await openAs(url, receiver.account, receiver.storage)
  const here = await openAs(url, sender.account, sender.storage)
  const { id } = await begin(here, members)
  await joined(there, id)
  await Promise.all([here.close(), there.close()])
  return id
}

/** One after the other, as an application awaits them. The clock stops when the server has all and this device knows. */
async function send(url: string, { account, storage }: Device, conversationId: string, text: string, count: number) {
  const sotto = await openAs(url, account, storage)
  await online(sotto)
  const chat = await joined(sotto, conversationId)
  // The first one waits until the connection is up to date.
  await reached(sotto, await chat.send(text), 'sent')
  const beginMs = performance.now()
  let last: Message | undefined
  for (let sent = 0; sent < count; sent++) last = await chat.send(text)
  await reached(sotto, last!, 'sent')
  const perSecond = (count / (performance.now() - beginMs)) * 1_000
  await sotto.close()
  return { last: last!.id, perSecond }
}

interface Drain {
  readonly url: string
  readonly sender: Device
  readonly receiver: Device
  readonly conversationId: string
  readonly count: number
  /** The message whose sender is to hear of its arrival before the next round. */
  readonly last: string | undefined
}

/** From the connection to the return of the application's handler for the last message; each is on disk by then. */
async function drain({ url, sender, receiver, conversationId, count, last }: Drain): Promise<number> {
  const sotto = await openAs(url, receiver.account, receiver.storage)
  const { promise, resolve } = Promise.withResolvers<void>()
  let got = 0
  sotto.on('message', (message) => {
    if (message.conversationId !== conversationId) return
    got += 1
    // With the one that went before the clock ran.
    if (got === count + 1) resolve()
  })
  await online(sotto)
  const beginMs = performance.now()
  await promise
  const perSecond = ((count + 1) / (performance.now() - beginMs)) * 1_000
  if (last !== undefined) await heard(url, sender, last)
  await sotto.close()
  return perSecond
}

async function heard(url: string, { account, storage }: Device, messageId: string): Promise<void> {
  const sotto = await openAs(url, account, storage)
  const message = await sotto.message(messageId)
  if (message === undefined) throw new Error('the sender does not know its own message')
  await reached(sotto, message, 'delivered')
  await sotto.close()
}
