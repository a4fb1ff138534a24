import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { onTestFinished } from 'vitest'
import { framesIn, opcodes, type WireFrame } from './websocket-bytes.suite.ts'

export interface Handshake {
  readonly method?: string
  readonly path?: string
  readonly version?: string
  /** By name; undefined leaves one of the usual out. */
  readonly headers?: Readonly<Record<string, string | undefined>>
}

const usualHeaders = {
  host: 'relay.example',
  connection: 'Upgrade',
  upgrade: 'websocket',
  'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
  'sec-websocket-version': '13',
}

/** The request that begins a WebSocket, or one that is wrong. */
export function handshakeText({ method = 'GET', path = '/ws', version = '1.1', headers = {} }: Handshake = {}): string {
  const all = Object.entries({ ...usualHeaders, ...headers }).filter(([, value]) => value !== undefined)
  return `${method} ${path} HTTP/${version}\r\n${all.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`
}

/** A TCP connection under the test's own hand; it is destroyed after the test. */
export class RawSocket {
  readonly tcp: Socket
  /** Resolves when the server has ended its side, or cut the connection. */
  readonly ended: Promise<void>
  private bytes: Buffer = Buffer.alloc(0)
  private isOver = false
  private wake: () => void = () => {}

  constructor(port: number) {
    this.tcp = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    this.tcp.on('error', () => {})
    this.tcp.on('data', (chunk) => {
      this.bytes = Buffer.concat([this.bytes, chunk])
      this.wake()
    })
    const over = Promise.withResolvers<void>()
    this.ended = over.promise
    for (const event of ['end', 'close']) {
      this.tcp.on(event, () => {
        this.isOver = true
        over.resolve()
        this.wake()
      })
    }
    onTestFinished(() => {
      this.tcp.destroy()
    })
  }

  write(bytes: string | Buffer): void {
    this.tcp.write(bytes)
  }

  /** Sends the handshake; the status that it is answered with, 0 when there is no answer. */
  async handshake(handshake?: Handshake): Promise<number> {
    this.write(handshakeText(handshake))
    return this.status()
  }

  /** The status of an HTTP answer, whose head is then passed over. */
  async status(): Promise<number> {
    for (;;) {
      const end = this.bytes.indexOf('\r\n\r\n')
      if (end >= 0) {
        const head = this.bytes.subarray(0, end).toString()
        this.bytes = this.bytes.subarray(end + 4)
        return Number(/^HTTP\/1\.1 (\d{3})/.exec(head)?.[1] ?? 0)
      }
      if (this.isOver) return 0
      await this.more()
    }
  }

  /** The next frame; undefined when the server has ended the connection. */
  async next(): Promise<WireFrame | undefined> {
    for (;;) {
      const { frames, rest } = framesIn(this.bytes)
      const [frame] = frames
      if (frame !== undefined) {
        const later = frames.slice(1).reduce((sum, { payload }) => sum + headerBytes(payload.length) + payload.length, 0)
        this.bytes = this.bytes.subarray(this.bytes.length - rest.length - later)
        return frame
      }
      if (this.isOver) return undefined
      await this.more()
    }
  }

  /** The next text frame, parsed. */
  async json(): Promise<Record<string, unknown> | undefined> {
    for (let frame = await this.next(); frame !== undefined; frame = await this.next()) {
      if (frame.opcode === opcodes.text) return JSON.parse(frame.payload.toString()) as Record<string, unknown>
    }
    return undefined
  }

  /** Reads on to the close frame: its code, 1005 when it has none; undefined when the connection ended without one. */
  async closeCode(): Promise<number | undefined> {
    for (let frame = await this.next(); frame !== undefined; frame = await this.next()) {
      if (frame.opcode === opcodes.close) return frame.payload.length < 2 ? 1005 : frame.payload.readUInt16BE()
    }
    return undefined
  }

  /** Whether the server has let go of the connection, not only ended its own side of it. */
  async isCut(): Promise<boolean> {
    await this.ended
    // What is sent to a closed connection is answered by a reset.
    for (let tries = 0; tries < 50 && !this.tcp.destroyed; tries++) {
      this.tcp.write('x')
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    return this.tcp.destroyed
  }

  private more(): Promise<void> {
    return new Promise((resolve) => {
      this.wake = resolve
    })
  }
}

function headerBytes(length: number): number {
  return length < 126 ? 2 : length < 65_536 ? 4 : 10
}

/** A connection on which nothing has been said. */
export async function rawSocket(port: number): Promise<RawSocket> {
  const socket = new RawSocket(port)
  await once(socket.tcp, 'connect')
  return socket
}
