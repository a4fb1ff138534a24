import { onTestFinished } from 'vitest'
import { type ClientStorage, type Incident, type Message, memoryStorage, Sotto, type SottoOptions } from './index.ts'
import type { Relay } from './transport/relay.suite.ts'

/** A user's device in a test, with everything that it was told. */
export interface Person {
  readonly sotto: Sotto
  readonly storage: ClientStorage
  readonly messages: Message[]
  readonly incidents: Incident[]
  readonly unreadable: string[]
  /** Texts of the messages of others, in order. */
  texts(): string[]
  /** Closes and opens again on the same storage. */
  again(options?: Partial<SottoOptions>): Promise<Person>
}

/** Opens a device of a user on a real server; it is closed at the end of the test. */
export async function person(
  relay: Pick<Relay, 'url' | 'userToken'>,
  userId: string,
  options: Partial<SottoOptions> = {},
): Promise<Person> {
  const storage = options.storage ?? memoryStorage()
  const sotto = await Sotto.open({ url: relay.url, token: () => relay.userToken(userId), ...options, storage })
  onTestFinished(() => sotto.close())
  const messages: Message[] = []
  const incidents: Incident[] = []
  const unreadable: string[] = []
  sotto.on('message', (message) => void messages.push(message))
  sotto.on('error', (incident) => void incidents.push(incident))
  sotto.on('unreadable', ({ reason }) => void unreadable.push(reason))
  return {
    sotto,
    storage,
    messages,
    incidents,
    unreadable,
    texts: () => messages.map(({ text }) => text ?? ''),
    async again(more = {}) {
      await sotto.close()
      return person(relay, userId, { ...options, ...more, storage })
    },
  }
}

/** Everything in a conversation, oldest first. */
export async function historyOf({ sotto }: Person, conversationId: string): Promise<Message[]> {
  const messages: Message[] = []
  for await (const message of sotto.find(conversationId)!.messages()) messages.unshift(message)
  return messages
}

export async function textsIn(one: Person, conversationId: string): Promise<(string | undefined)[]> {
  return (await historyOf(one, conversationId)).map(({ text }) => text)
}
