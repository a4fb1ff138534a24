import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { WebSocketServer } from 'ws'
import type { Target } from './job.ts'

/** Unacknowledged entries of one session, as few as make a client that does not acknowledge stand still. */
const windowEntries = 64

export interface StoredEntry {
  readonly type: 'msg'
  readonly mailbox: string
  readonly seq: number
  readonly id: string
  readonly from: string
  readonly to: string
  readonly ciphertext: string
}

interface Mailbox {
  readonly name: string
  readonly entries: StoredEntry[]
  acked: number
  sent: number
  deliver: () => void
}

export interface StoringServer {
  readonly target: Target
  readonly mailboxes: ReadonlyMap<string, Mailbox>
  close(): Promise<void>
}

/** What a server does wrong: gets each frame that is to be sent, returns those that are. */
export type Tamper = (frame: Record<string, unknown>) => readonly Record<string, unknown>[]

/** A small reliable server in this process that keeps user mailboxes in memory: what the load generator is tested on. */
export async function storingServer(tamper: Tamper = (frame) => [frame]): Promise<StoringServer> {
  const mailboxes = new Map<string, Mailbox>()
  const sockets = new WebSocketServer({ noServer: true, handleProtocols: () => 'sotto.v1' })
  const http = createServer()
  http.on('upgrade', (request, stream, head) => {
    const userId = userOf(request)
    if (userId === 'refused-000000') {
      stream.end('HTTP/1.1 401 Unauthorized\r\n\r\n')
      return
    }
    sockets.handleUpgrade(request, stream, head, (socket) => {
      const send = (frame: Record<string, unknown>) => {
        for (const each of tamper(frame)) socket.send(JSON.stringify(each))
      }
      const own = mailboxOf(userId)
      own.deliver = () => {
        while (own.sent < own.entries.length && own.sent - own.acked < windowEntries) send({ ...own.entries[own.sent++] })
      }
      send({ type: 'welcome', userId, deviceId: 'default', serverTime: 1, limits: { FRAME_BYTES: 1 } })
      send({ type: 'synced' })
      own.deliver()
      socket.on('message', (data) => {
        const frame = JSON.parse(String(data)) as { type: string; id: string; to: string; ciphertext: string; seq: number }
        if (frame.type === 'ack') {
          own.acked = Math.max(own.acked, frame.seq)
          own.deliver()
          return
        }
        const mailbox = mailboxOf(frame.to)
        const seq = mailbox.entries.length + 1
        const { id, to, ciphertext } = frame
        mailbox.entries.push({ type: 'msg', mailbox: mailbox.name, seq, id, from: userId, to, ciphertext })
        send({ type: 'accepted', receivedAt: 1, seq, mailbox: mailbox.name, id })
        mailbox.deliver()
      })
      socket.on('close', () => {
        own.deliver = () => {}
      })
    })
  })
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  const target = { port: (http.address() as AddressInfo).port, pid: process.pid, secret: 'unused' }

  function mailboxOf(userId: string): Mailbox {
    const known = mailboxes.get(userId)
    if (known !== undefined) return known
    const mailbox: Mailbox = { name: `u${mailboxes.size + 1}`, entries: [], acked: 0, sent: 0, deliver: () => {} }
    mailboxes.set(userId, mailbox)
    return mailbox
  }

  return {
    target,
    mailboxes,
    async close() {
      for (const client of sockets.clients) client.terminate()
      http.close()
      await once(http, 'close')
    },
  }
}

function userOf(request: IncomingMessage): string {
  const claims = request.headers.authorization?.split('.')[1] ?? ''
  return (JSON.parse(Buffer.from(claims, 'base64url').toString()) as { userId: string }).userId
}
