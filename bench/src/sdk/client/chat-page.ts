import { indexedDbStorage, Sotto } from '@sotto/client'

/** A page as an application has it, for its size alone: it opens a client and chats. */

declare const server: { readonly url: string; readonly token: () => Promise<string> }

async function start(): Promise<void> {
  const sotto = await Sotto.open({ ...server, storage: indexedDbStorage() })
  sotto.on('message', ({ from, text }) => console.log(from, text))
  const chat = await sotto.conversation('bob')
  await chat.send('hello')
}

void start()
