import { setTimeout as sleep } from 'node:timers/promises'
import { memoryStorage, Sotto } from '@sotto/client'
import type { Seeded } from '../seeded.ts'
import type { ServerProcess } from '../server-process.ts'
import { mintToken } from '../token.ts'
import type { EpochStates } from './epoch-states.ts'
import { historyOf, isSettled } from './history-of.ts'
import type { PeerRecord } from './kill-record.ts'

const pauseMsMax = 240

/** Somebody who stays, and writes to whom the client writes to. */
export interface Peer {
  readonly sotto: Sotto
  /** Rejects with the first thing that goes wrong; never resolves. */
  readonly failed: Promise<never>
  isSettled(): Promise<boolean>
  /** Sends no more. Resolves when nothing is under way. */
  rest(): Promise<void>
  record(): Promise<PeerRecord>
}

export async function openPeer(server: ServerProcess, userId: string, states: EpochStates): Promise<Sotto> {
  return Sotto.open({
    url: `http://${server.address}`,
    token: () => mintToken(server.secret, userId),
    storage: states.watching(memoryStorage()),
  })
}

export function startPeer(sotto: Sotto, chance: Seeded): Peer {
  const sends: { group: string; text: string; id: string }[] = []
  let isOver = false

  async function work(): Promise<void> {
    while (!isOver) {
      await sleep(chance.below(pauseMsMax))
      const chats = sotto.conversations().filter(({ state }) => state === 'active')
      if (chats.length === 0 || isOver) continue
      const chat = chance.pick(chats)
      const text = `${sotto.userId} ${sends.length}`
      const place = sends.push({ group: chat.id, text, id: '' }) - 1
      const { id } = await chat.send(text)
      sends[place] = { group: chat.id, text, id }
    }
  }

  const working = work()
  const failed = new Promise<never>((_, reject) => working.catch(reject))
  failed.catch(() => {})
  return {
    sotto,
    failed,
    isSettled: () => isSettled(sotto),
    async rest() {
      isOver = true
      await working
    },
    record: async () => ({ name: sotto.userId, sends, history: await historyOf(sotto) }),
  }
}
