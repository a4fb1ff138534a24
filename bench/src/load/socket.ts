import { createHash, randomBytes } from 'node:crypto'
import { connect as connectTcp, type Socket } from 'node:net'
import { clientHeader } from './client-frames.ts'
import { FrameReader, opcodes } from './frame-reader.ts'

export interface SocketAddress {
  readonly port: number
  readonly token: string
  /** The address to come from: spread over 127.0.0.x, so that ports do not run out. */
  readonly localAddress: string
}

export interface SocketEvents {
  /** A text frame's payload: `bytes[start, end)`, valid only during the call. `now` is performance.now() at its arrival. */
  frame(bytes: Buffer, start: number, end: number, now: number): void
  /** The socket has failed, or the server has closed it. */
  closed(reason: string): void
}

/** What all sockets of this process read into: a read and its handling are one synchronous call. */
const readBuffer = Buffer.allocUnsafeSlow(256 * 1024)

/** A WebSocket client that does nothing but what the load needs: a raw socket, frames cut by offsets, no events. */
export class LoadSocket {
  readonly #tcp: Socket
  readonly #events: SocketEvents
  readonly #reader = new FrameReader()
  #ending = false
  #now = 0

  constructor(tcp: Socket, events: SocketEvents) {
    this.#tcp = tcp
    this.#events = events
  }

  /** Bytes of whole frames. A buffer must not change until the server has answered. */
  write(bytes: Buffer): void {
    this.#tcp.write(bytes)
  }

  /** Two runs of bytes in one write. */
  writeTwo(first: Buffer, second: Buffer): void {
    this.#tcp.cork()
    this.#tcp.write(first)
    this.#tcp.write(second)
    this.#tcp.uncork()
  }

  writeLatin1(text: string): void {
    this.#tcp.write(text, 'latin1')
  }

  /** Says goodbye; what was written before is sent. */
  end(): void {
    if (this.#ending) return
    this.#ending = true
    this.#tcp.end(Buffer.concat([clientHeader(2, 0x88), Buffer.from([0x03, 0xe8])]))
  }

  received(bytes: Buffer, length: number): void {
    this.#now = performance.now()
    try {
      this.#reader.push(bytes, length, this.#frame)
    } catch (error) {
      this.closed(String(error))
    }
  }

  closed(reason: string): void {
    if (this.#ending) return
    this.#ending = true
    this.#tcp.destroy()
    this.#events.closed(reason)
  }

  readonly #frame = (opcode: number, bytes: Buffer, start: number, end: number): void => {
    if (opcode === opcodes.text) this.#events.frame(bytes, start, end, this.#now)
    else if (opcode === opcodes.ping) {
      this.#tcp.write(Buffer.concat([clientHeader(end - start, 0x8a), bytes.subarray(start, end)]))
    } else if (opcode === opcodes.close) {
      this.closed(
        end - start < 2 ? 'closed' : `closed with ${bytes.readUInt16BE(start)} ${bytes.toString('utf8', start + 2, end)}`,
      )
    }
  }
}

/** Opens a reliable session (subprotocol `sotto.v1`). Resolves once the handshake is through; rejects when it is refused. */
export function openSocket(address: SocketAddress, events: SocketEvents): Promise<LoadSocket> {
  const { promise, resolve, reject } = Promise.withResolvers<LoadSocket>()
  const key = randomBytes(16).toString('base64')
  let answer = ''
  let open = false
  const tcp = connectTcp({
    host: '127.0.0.1',
    port: address.port,
    localAddress: address.localAddress,
    noDelay: true,
    onread: {
      buffer: readBuffer,
      callback(length) {
        if (open) {
          socket.received(readBuffer, length)
          return true
        }
        answer += readBuffer.toString('latin1', 0, length)
        const end = answer.indexOf('\r\n\r\n')
        if (end < 0) return true
        const wrong = refusal(answer.slice(0, end), key)
        if (wrong !== undefined) {
          tcp.destroy()
          reject(new Error(wrong))
          return false
        }
        open = true
        resolve(socket)
        const rest = Buffer.from(answer.slice(end + 4), 'latin1')
        if (rest.length > 0) queueMicrotask(() => socket.received(rest, rest.length))
        return true
      },
    },
  })
  const socket = new LoadSocket(tcp, events)
  const gone = (reason: string) => (open ? socket.closed(reason) : reject(new Error(`no handshake: ${reason}`)))
  tcp.on('error', (error) => gone(error.message))
  tcp.on('close', () => gone('the connection ended'))
  tcp.write(
    `GET /ws HTTP/1.1\r\nHost: 127.0.0.1:${address.port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
      `Sec-WebSocket-Key: ${key}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: sotto.v1\r\n` +
      `Authorization: Bearer ${address.token}\r\n\r\n`,
  )
  return promise
}

/** Why a handshake's answer is not acceptable; undefined when it is. */
function refusal(head: string, key: string): string | undefined {
  if (!head.startsWith('HTTP/1.1 101 ')) return `the handshake was refused: ${head.split('\r\n', 1)[0]}`
  const expected = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')
  const headers = new Map(head.split('\r\n').slice(1).map(header))
  if (headers.get('sec-websocket-accept') !== expected) return 'the handshake was answered with a wrong key'
  if (headers.get('sec-websocket-protocol') !== 'sotto.v1') return 'the server does not speak sotto.v1'
  return undefined
}

function header(line: string): [string, string] {
  const colon = line.indexOf(':')
  return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()]
}
