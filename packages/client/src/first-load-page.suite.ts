import { indexedDbStorage, type Message, Sotto } from './index.ts'

/** What the test of the first load calls in a page: there, it is `entry`. All arguments and answers are JSON. */

let sotto: Sotto | undefined
const received: Message[] = []
const incidents: string[] = []

export async function open(url: string, token: string): Promise<void> {
  sotto = await Sotto.open({ url, token: () => token, storage: indexedDbStorage() })
  sotto.on('message', (message) => void received.push(message))
  sotto.on('error', ({ kind, detail }) => void incidents.push(`${kind}: ${detail}`))
}

/** The conversation's id, or the code of the refusal. */
export async function createGroup(members: readonly string[]): Promise<string> {
  try {
    return (await opened().createGroup({ name: 'Team', members })).id
  } catch (error) {
    return (error as { code: string }).code
  }
}

/** What comes of it is not waited for. */
export function beginToAdd(conversationId: string, userId: string): void {
  void opened()
    .find(conversationId)
    ?.add([userId])
    .catch(() => {})
}

export async function send(conversationId: string, text: string): Promise<void> {
  await opened().find(conversationId)?.send(text)
}

export function seen() {
  return { texts: received.map(({ text }) => text), incidents, known: opened().conversations().length, state: opened().state }
}

function opened(): Sotto {
  if (sotto === undefined) throw new Error('this page has nothing open')
  return sotto
}
