import { type ClientStorage, type Conversation, type Message, memoryStorage, Sotto } from '@sotto/client'
import type { Account, RegisterJob } from './job.ts'

/** How long anything may take before the measurement has failed. */
const patienceMs = 120_000
const atOnce = 4

export async function openAs(url: string, account: Account, storage: ClientStorage): Promise<Sotto> {
  return await Sotto.open({ url, token: () => account.token, storage })
}

/** Registers accounts: what others need of them is on the server then. */
export async function register({ url, accounts }: RegisterJob): Promise<{ seconds: number }> {
  const beginMs = performance.now()
  const left = [...accounts]
  const worker = async () => {
    for (let account = left.shift(); account !== undefined; account = left.shift())
      await (await openAs(url, account, memoryStorage())).close()
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
  return { seconds: (performance.now() - beginMs) / 1_000 }
}

/** With one other the conversation of two, otherwise a group. */
export async function begin(sotto: Sotto, others: readonly string[]): Promise<Conversation> {
  const [only] = others
  return others.length === 1 && only !== undefined ? await sotto.conversation(only) : await sotto.createGroup({ members: others })
}

/** The conversation, once this device can write to it. */
export async function joined(sotto: Sotto, conversationId: string): Promise<Conversation> {
  await until(sotto, 'conversation', () => sotto.find(conversationId)?.state === 'active')
  return sotto.find(conversationId)!
}

const ranks = ['queued', 'sent', 'delivered', 'read']

/** Resolves once the message has come so far. */
export async function reached(sotto: Sotto, message: Message, status: 'sent' | 'delivered'): Promise<void> {
  await until(sotto, 'update', () => {
    if (message.status === 'failed') throw new Error(`a message failed: ${message.failure}`)
    return ranks.indexOf(message.status ?? '') >= ranks.indexOf(status)
  })
}

export async function online(sotto: Sotto): Promise<void> {
  await until(sotto, 'state', () => sotto.state === 'online')
}

/** Looks again at each event of this name. Rejects with what `isSo` throws, at an event `error`, and when it takes too long. */
async function until(sotto: Sotto, event: 'conversation' | 'update' | 'state', isSo: () => boolean): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const look = () => {
    try {
      if (isSo()) resolve()
    } catch (error) {
      reject(error)
    }
  }
  const failed = `waited ${patienceMs} ms for an event '${event}' of ${sotto.userId}`
  const timer = setTimeout(() => reject(new Error(failed)), patienceMs)
  const offs = [sotto.on(event, look), sotto.on('error', ({ kind, detail }) => reject(new Error(`${kind}: ${detail}`)))]
  look()
  try {
    await promise
  } finally {
    clearTimeout(timer)
    for (const off of offs) off()
  }
}
