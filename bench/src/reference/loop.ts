/**
 * What Sotto's group delivery is compared with: for each message that comes in, one ready frame is written to each
 * connected socket, one write call each, in a bare loop. Nothing stored, nothing acknowledged, no windows.
 * With `--gathered` the frames for a socket are gathered for each tick into one write, as the relay does.
 */
import type { Duplex } from 'node:stream'
import { GatheredStream } from './gathered-stream.ts'
import { serve } from './serve.ts'
import { frameText } from './server-frames.ts'

interface Message {
  readonly type: string
  readonly id: string
  readonly to: string
  readonly scope: string
  readonly ciphertext: string
  readonly contentType: string
  readonly timestamp: number
}

const gathered = process.argv.includes('--gathered')
const mailbox = 'g1'
const streams = new Set<Duplex>()
const gatheredStreams = new Map<Duplex, GatheredStream>()
let seq = 0

serve(({ userId, socket, stream }) => {
  const out = new GatheredStream(stream)
  streams.add(stream)
  gatheredStreams.set(stream, out)
  out.send(frameText(JSON.stringify({ type: 'welcome', userId, deviceId: 'default', serverTime: Date.now(), limits: {} })))
  out.send(frameText('{"type":"synced"}'))
  socket.on('message', (data) => {
    const message = JSON.parse((data as Buffer).toString()) as Message
    if (message.type === 'msg') fanOut(userId, out, message)
  })
  socket.on('close', () => {
    streams.delete(stream)
    gatheredStreams.delete(stream)
  })
})

function fanOut(from: string, out: GatheredStream, { id, to, scope, ciphertext, contentType, timestamp }: Message): void {
  const receivedAt = Date.now()
  seq += 1
  out.send(frameText(JSON.stringify({ type: 'accepted', id, mailbox, seq, receivedAt })))
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
  const frame = frameText(JSON.stringify(entry))
  if (gathered) for (const stream of gatheredStreams.values()) stream.send(frame)
  else {
    const bytes = Buffer.from(frame, 'latin1')
    for (const stream of streams) stream.write(bytes)
  }
}
