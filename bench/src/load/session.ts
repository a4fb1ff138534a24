import { Acks } from './acks.ts'
import { type FrameMembers, frameTypes, noMembers, scanMembers } from './frame-members.ts'
import { type LoadSocket, openSocket, type SocketAddress } from './socket.ts'

export interface SessionEvents {
  /** An `accepted`; its id begins at `members.idStart` of `bytes`. Valid only during the call. */
  accepted?(bytes: Buffer, members: FrameMembers, now: number): void
  /** A `msg` or `own`, already noted for acknowledgement. Valid only during the call. */
  entry?(bytes: Buffer, members: FrameMembers, now: number): void
}

export interface SessionShape {
  readonly address: SocketAddress
  /** Acknowledge after so many entries. */
  readonly ackEntries: number
  /** Called once when the session breaks or the server refuses something. */
  readonly fail: (reason: Error) => void
  readonly events: SessionEvents
}

export interface Session {
  readonly socket: LoadSocket
  readonly acks: Acks
  /** The backlog at connect time has come. */
  readonly synced: Promise<void>
}

const members = noMembers()

/** A device's reliable session: hot frames go to `events`, the rest is dealt with here. Resolves after the handshake. */
export async function openSession({ address, ackEntries, fail, events }: SessionShape): Promise<Session> {
  const synced = Promise.withResolvers<void>()
  const socket = await openSocket(address, {
    frame(bytes, start, end, now) {
      scanMembers(bytes, start, end, members)
      const { type } = members
      if (type === frameTypes.accepted) events.accepted?.(bytes, members, now)
      else if (type === frameTypes.other) rare(bytes.toString('utf8', start, end))
      else {
        acks.received(bytes, members.mailboxStart, members.mailboxEnd, members.seq)
        events.entry?.(bytes, members, now)
      }
    },
    closed: (reason) => fail(new Error(`the server ended a session: ${reason}`)),
  })
  const acks = new Acks(socket, ackEntries)
  return { socket, acks, synced: synced.promise }

  function rare(text: string): void {
    const frame = JSON.parse(text) as { type: string; mailbox?: string; seq?: number }
    if (frame.type === 'synced') synced.resolve()
    else if (frame.type === 'error' || frame.type === 'gone') fail(new Error(`the server sent ${text}`))
    else if (frame.mailbox !== undefined && frame.seq !== undefined) {
      const mailbox = Buffer.from(frame.mailbox)
      acks.received(mailbox, 0, mailbox.length, frame.seq)
    }
  }
}
