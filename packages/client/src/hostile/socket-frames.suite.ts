import { createHash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'

/** The server's side of a WebSocket (RFC 6455), text alone: what a man in the middle needs to rewrite what passes. */
export interface TextSocket {
  send(text: string): void
  close(code: number): void
}

export interface TextSocketListeners {
  readonly text: (text: string) => void
  /** Once. `code` as the other side said it. */
  readonly ended: (code: number | undefined) => void
}

const acceptSuffix = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'
const opcodes = { text: 1, close: 8, ping: 9, pong: 10 } as const

/** Answers the upgrade, with the first subprotocol that was offered. */
export function acceptSocket(
  request: IncomingMessage,
  stream: Duplex,
  head: Buffer,
  { text, ended }: TextSocketListeners,
): TextSocket {
  const accept = createHash('sha1').update(`${request.headers['sec-websocket-key']}${acceptSuffix}`).digest('base64')
  const [protocol] = (request.headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim())
  const lines = [
    'HTTP/1.1 101 Switching Protocols',
    'Upgrade: websocket',
    'Connection: Upgrade',
    `Sec-WebSocket-Accept: ${accept}`,
  ]
  if (protocol !== undefined && protocol !== '') lines.push(`Sec-WebSocket-Protocol: ${protocol}`)
  stream.write(`${lines.join('\r\n')}\r\n\r\n`)

  let rest = head
  let parts: Buffer[] = []
  let isOver = false
  const end = (code: number | undefined) => {
    if (isOver) return
    isOver = true
    stream.destroy()
    ended(code)
  }
  const take = (opcode: number, isLast: boolean, payload: Buffer) => {
    if (opcode === opcodes.close) {
      const code = payload.length >= 2 ? payload.readUInt16BE(0) : undefined
      if (!stream.destroyed) stream.write(frame(opcodes.close, payload))
      return end(code)
    }
    if (opcode === opcodes.ping) return void stream.write(frame(opcodes.pong, payload))
    if (opcode === opcodes.pong) return
    parts.push(payload)
    if (!isLast) return
    const whole = Buffer.concat(parts).toString('utf8')
    parts = []
    text(whole)
  }
  stream.on('data', (bytes: Buffer) => {
    rest = Buffer.concat([rest, bytes])
    for (let next = nextFrame(rest); next !== undefined && !isOver; next = nextFrame(rest)) {
      rest = rest.subarray(next.end)
      take(next.opcode, next.isLast, next.payload)
    }
  })
  stream.on('error', () => end(undefined))
  stream.on('close', () => end(undefined))
  return {
    send(message) {
      if (!isOver) stream.write(frame(opcodes.text, Buffer.from(message)))
    },
    close(code) {
      if (isOver) return
      const payload = Buffer.alloc(2)
      payload.writeUInt16BE(code)
      stream.end(frame(opcodes.close, payload))
      isOver = true
    },
  }
}

function frame(opcode: number, payload: Buffer): Buffer {
  const { length } = payload
  const head = Buffer.alloc(length < 126 ? 2 : length < 65_536 ? 4 : 10)
  head[0] = 0x80 | opcode
  if (length < 126) head[1] = length
  else if (length < 65_536) {
    head[1] = 126
    head.writeUInt16BE(length, 2)
  } else {
    head[1] = 127
    head.writeBigUInt64BE(BigInt(length), 2)
  }
  return Buffer.concat([head, payload])
}

function nextFrame(bytes: Buffer): { opcode: number; isLast: boolean; payload: Buffer; end: number } | undefined {
  if (bytes.length < 2) return undefined
  const [first, second] = [bytes.readUInt8(0), bytes.readUInt8(1)]
  const short = second & 0x7f
  const lengthBytes = short === 126 ? 2 : short === 127 ? 8 : 0
  const isMasked = (second & 0x80) !== 0
  const from = 2 + lengthBytes + (isMasked ? 4 : 0)
  if (bytes.length < from) return undefined
  const length = lengthBytes === 0 ? short : lengthBytes === 2 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2))
  const end = from + length
  if (bytes.length < end) return undefined
  const payload = Buffer.from(bytes.subarray(from, end))
  if (isMasked) for (let at = 0; at < length; at++) payload[at]! ^= bytes[2 + lengthBytes + (at & 3)]!
  return { opcode: first & 0x0f, isLast: (first & 0x80) !== 0, payload, end }
}
