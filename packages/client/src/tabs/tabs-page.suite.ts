import { type Conversation, indexedDbStorage, Sotto } from '../index.ts'

/** What the tests of tabs call in a page: there, it is `entry`. All arguments and answers are JSON. */

let sotto: Sotto | undefined
let chat: Conversation | undefined
/** Texts in the order in which handlers got them. */
const handed: string[] = []
const incidents: string[] = []
/** Texts of messages that `update` was told of. */
const told = new Set<string>()

/** Tells the test of each message that this page knows to be kept. */
declare const accepted: (text: string) => Promise<void>

/** `ok`, or the code of the refusal. */
export async function open(url: string, token: string): Promise<string> {
  try {
    sotto = await Sotto.open({ url, token: () => token, storage: indexedDbStorage() })
  } catch (error) {
    return (error as { code: string }).code
  }
  sotto.on('message', async ({ text }) => {
    // As an application does that writes it down somewhere.
    await new Promise((resolve) => setTimeout(resolve))
    handed.push(text ?? '')
  })
  sotto.on('error', ({ kind, detail }) => void incidents.push(`${kind}: ${detail}`))
  sotto.on('unreadable', ({ reason }) => void incidents.push(`unreadable: ${reason}`))
  sotto.on('update', ({ text }) => void told.add(text ?? ''))
  return 'ok'
}

export async function talkTo(userId: string): Promise<string> {
  chat = await opened().conversation(userId)
  return chat.id
}

/** Sends so many, a few at once; each is told to the test as soon as `send` has resolved. */
export async function send(prefix: string, count: number, atOnce: number): Promise<void> {
  let next = 0
  const one = async () => {
    while (next < count) {
      const text = `${prefix} ${next++}`
      await chat!.send(text)
      await accepted(text)
    }
  }
  await Promise.all(Array.from({ length: atOnce }, one))
}

/** Everything in the conversation, oldest first. */
export async function history(): Promise<string[]> {
  const texts: string[] = []
  for await (const message of chat!.messages()) texts.unshift(message.text ?? '')
  return texts
}

export async function statuses(): Promise<(string | undefined)[]> {
  const own: (string | undefined)[] = []
  for await (const message of chat!.messages()) if (message.own) own.push(message.status)
  return own
}

export function stateNow() {
  const { state, deviceId } = opened()
  return { state, deviceId, handed, incidents, told: [...told], last: chat?.lastMessage?.text }
}

export async function close(): Promise<void> {
  await sotto?.close()
}

function opened(): Sotto {
  if (sotto === undefined) throw new Error('this page has nothing open')
  return sotto
}
