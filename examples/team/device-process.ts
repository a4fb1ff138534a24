import { type Message, Sotto, SottoClientError } from '@sotto/client'
import { sqliteStorage } from '@sotto/client/node'
import type { DeviceSetting, Order, Orders, Shown, Told } from './orders.ts'

/** One device of one user: an application over the SDK, in a process of its own, so that it can be killed. */

const { url, userId, file, name, link, diesReading } = JSON.parse(process.argv[2] ?? '{}') as DeviceSetting

const tell = (told: Told) => void process.send?.(told)

/** Here it is the server's for local work; an application asks its login. */
async function token(): Promise<string> {
  const answer = await fetch(`${url}/auth/dev-token`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ userId }),
  })
  return ((await answer.json()) as { token: string }).token
}

const shown = ({ id, from, text }: Message): Shown => ({ id, from, text })

// Who has started this is gone.
process.on('disconnect', () => process.exit())

const sotto = await Sotto.open({
  url,
  token,
  storage: sqliteStorage({ path: file }),
  device: { name },
  ...(link ? { link: { onCode: (code: string) => tell({ type: 'code', code }) } } : {}),
})

sotto.on('message', async (message) => {
  if (message.text === diesReading) {
    tell({ type: 'dying', message: shown(message) })
    // It has been read to the application, and is not handled.
    await new Promise(() => {})
  }
  tell({ type: 'handed', message: shown(message) })
})
sotto.on('update', (message) => {
  if (message.own && message.status !== 'queued') tell({ type: 'own', message: shown(message) })
})
sotto.on('unreadable', ({ reason }) => tell({ type: 'unreadable', reason }))
sotto.on('error', ({ kind, detail }) => tell({ type: 'incident', kind, detail }))

function chat(conversationId: string) {
  const found = sotto.find(conversationId)
  if (found === undefined) throw new SottoClientError('not_a_member', 'there is no such conversation on this device')
  return found
}

const orders: Orders = {
  direct: async (other) => (await sotto.conversation(other)).id,
  group: async (groupName, members) => (await sotto.createGroup({ name: groupName, members })).id,
  send: async (conversationId, text) => (await chat(conversationId).send(text)).id,
  add: (conversationId, userIds) => chat(conversationId).add(userIds),
  remove: (conversationId, user) => chat(conversationId).remove(user),
  makeAdmin: (conversationId, user) => chat(conversationId).setRole(user, 'admin'),
  link: async (code) => void (await sotto.linkDevice(code)),
  safetyDigits: async (user) => (await sotto.safetyNumber(user)).digits,
  verify: async (user, digits) => (await sotto.safetyNumber(user)).verify(digits),
  async standing(conversationId) {
    const found = sotto.find(conversationId)
    if (found === undefined) return undefined
    const members = found.members.map((member) => member.userId).sort()
    return { state: found.state, epoch: found.toJSON().epoch, members }
  },
  async history() {
    const all: Shown[] = []
    for (const conversation of sotto.conversations()) {
      const messages: Shown[] = []
      for await (const message of conversation.messages()) messages.unshift(shown(message))
      all.push(...messages)
    }
    return all
  },
  async close() {
    await sotto.close()
    setImmediate(() => process.disconnect())
  },
}

process.on('message', async ({ n, name: asked, args }: Order) => {
  try {
    const run = orders[asked] as (...given: readonly unknown[]) => Promise<unknown>
    tell({ type: 'done', n, answer: await run(...args) })
  } catch (error) {
    const code = error instanceof SottoClientError ? error.code : 'internal'
    tell({ type: 'failed', n, code, message: error instanceof Error ? error.message : String(error) })
  }
})

tell({ type: 'open' })
