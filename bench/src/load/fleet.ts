import { setTimeout as pause } from 'node:timers/promises'
import { signToken, userName } from '../token.ts'
import type { Target } from './job.ts'
import { openSession, type Session, type SessionEvents } from './session.ts'
import type { SocketAddress } from './socket.ts'

const handshakesAtOnce = 64
const localAddresses = 50

export interface FleetShape {
  readonly target: Target
  readonly userPrefix: string
  /** Number of the first user; 0 when left out. */
  readonly firstUser?: number
  readonly count: number
  readonly ackEntries: number
  readonly fail: (reason: Error) => void
  readonly events: (index: number) => SessionEvents
}

/** Opens a session for each of `count` users, some handshakes at a time. Resolves when all are open, in the users' order. */
export async function openFleet(shape: FleetShape): Promise<Session[]> {
  const { target, userPrefix, firstUser = 0, count, ackEntries, fail, events } = shape
  const sessions: Session[] = []
  let next = 0
  const open = async () => {
    while (next < count) {
      const index = next++
      const address = addressOf(target, userName(userPrefix, firstUser + index), index)
      sessions[index] = await openSession({ address, ackEntries, fail, events: events(index) })
    }
  }
  await Promise.all(Array.from({ length: Math.min(handshakesAtOnce, count) }, open))
  return sessions
}

/** Says goodbye on every socket, once what was written has had the time to arrive. */
export async function closeFleet(sessions: readonly Session[]): Promise<void> {
  for (const { acks } of sessions) acks.settle()
  await pause(50)
  for (const { socket } of sessions) socket.end()
  await pause(100)
}

function addressOf(target: Target, userId: string, index: number): SocketAddress {
  return { port: target.port, token: signToken(userId, target.secret), localAddress: `127.0.0.${1 + (index % localAddresses)}` }
}
