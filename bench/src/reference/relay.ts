/**
 * What Sotto's durable relay is compared with: the same frames in and out, parsed and made with JSON, gathered for each
 * socket and tick into one write; nothing stored, nothing verified. Messages to users who are away are counted and
 * dropped.
 */
import { GatheredStream } from './gathered-stream.ts'
import { type Connection, serve } from './serve.ts'
import { frameText } from './server-frames.ts'

interface Mailbox {
  readonly name: string
  seq: number
  cursor: number
  owner: GatheredStream | undefined
}

type ClientFrame =
  | {
      readonly type: 'msg'
      readonly id: string
      readonly to: string
      readonly scope: string
      readonly ciphertext: string
      readonly contentType: string
      readonly timestamp: number
    }
  | { readonly type: 'ack'; readonly mailbox: string; readonly seq: number }

const byUser = new Map<string, Mailbox>()
const byName = new Map<string, Mailbox>()

serve(({ userId, socket, stream }: Connection) => {
  const mailbox = mailboxOf(userId)
  const out = new GatheredStream(stream)
  mailbox.owner = out
  out.send(frameText(JSON.stringify({ type: 'welcome', userId, deviceId: 'default', serverTime: Date.now(), limits: {} })))
  out.send(frameText('{"type":"synced"}'))
  socket.on('message', (data) => received(userId, out, JSON.parse((data as Buffer).toString()) as ClientFrame))
  socket.on('close', () => left(mailbox, out))
})

function received(from: string, out: GatheredStream, frame: ClientFrame): void {
  if (frame.type === 'ack') {
    const mailbox = byName.get(frame.mailbox)
    if (mailbox !== undefined && frame.seq > mailbox.cursor) mailbox.cursor = frame.seq
    return
  }
  const { id, to, scope, ciphertext, contentType, timestamp } = frame
  const target = mailboxOf(to)
  const mailbox = target.name
  const seq = ++target.seq
  const receivedAt = Date.now()
  out.send(frameText(JSON.stringify({ type: 'accepted', id, mailbox, seq, receivedAt })))
  if (target.owner === undefined) return
  const entry = {
    type: 'msg',
    mailbox,
    seq,
    receivedAt,
    id,
    from,
    fromDevice: 'default',
    to,
    scope,
    ciphertext,
    contentType,
    timestamp,
  }
  target.owner.send(frameText(JSON.stringify(entry)))
}

function mailboxOf(userId: string): Mailbox {
  const known = byUser.get(userId)
  if (known !== undefined) return known
  const mailbox: Mailbox = { name: `u${(byUser.size + 1).toString(36)}`, seq: 0, cursor: 0, owner: undefined }
  byUser.set(userId, mailbox)
  byName.set(mailbox.name, mailbox)
  return mailbox
}

function left(mailbox: Mailbox, out: GatheredStream): void {
  if (mailbox.owner === out) mailbox.owner = undefined
}
