import { type ClientFrame, reliableProtocol, type ServerFrame, type ServerFrameType, serverFrames } from '@sotto/protocol'
import { WebSocket } from 'ws'

type FrameOf<type extends ServerFrameType> = Extract<ServerFrame, { readonly type: type }>
type Fits = (frame: ServerFrame) => boolean

export interface PeerOptions {
  /** Speaks `sotto.v1`. */
  readonly reliable?: boolean
  /** `X-Device-Id`. */
  readonly device?: string
  readonly authorization?: string | undefined
  readonly headers?: Readonly<Record<string, string>>
  /** Begins with `?`. */
  readonly search?: string
  /** Answers the server's pings; true by default. */
  readonly autoPong?: boolean
}

export interface Closed {
  readonly code: number
  readonly reason: string
}

/** A client's socket: sends anything, checks whatever it receives against the protocol, keeps it until it is asked for. */
export class Peer {
  readonly ws: WebSocket
  readonly closed: Promise<Closed>
  /** Everything ever received. */
  readonly received: ServerFrame[] = []
  private readonly unread: ServerFrame[] = []
  private readonly waiting = new Set<() => void>()
  private end: Closed | null = null

  constructor(ws: WebSocket) {
    this.ws = ws
    ws.on('message', (data) => this.arrived(`${data}`))
    // What went wrong is told by the close that follows.
    ws.on('error', () => {})
    this.closed = new Promise((resolve) => {
      ws.on('close', (code, reason) => {
        this.end = { code, reason: `${reason}` }
        resolve(this.end)
        for (const look of this.waiting) look()
      })
    })
  }

  /** Frames that nobody has asked for yet. */
  get left(): readonly ServerFrame[] {
    return this.unread
  }

  send(frame: ClientFrame): void {
    this.ws.send(JSON.stringify(frame))
  }

  /** The first unread frame that fits, once it is there; those before it stay. Throws when the socket closes first. */
  async find(fits: Fits): Promise<ServerFrame> {
    for (;;) {
      const at = this.unread.findIndex(fits)
      if (at >= 0) return this.unread.splice(at, 1)[0]!
      if (this.end !== null) throw new Error(`the socket was closed with ${this.end.code} ${this.end.reason}`)
      await new Promise<void>((resolve) => {
        const look = () => {
          this.waiting.delete(look)
          resolve()
        }
        this.waiting.add(look)
      })
    }
  }

  /** The next frame, whatever it is. */
  next(): Promise<ServerFrame> {
    return this.find(() => true)
  }

  /** The next frame, which must be of this type. */
  async take<type extends ServerFrameType>(type: type): Promise<FrameOf<type>> {
    const frame = await this.next()
    if (frame.type !== type) throw new Error(`expected ${type}, received ${JSON.stringify(frame)}`)
    return frame as FrameOf<type>
  }

  /** The next frame of this type; those before it stay unread. */
  async pick<type extends ServerFrameType>(
    type: type,
    fits: (frame: FrameOf<type>) => boolean = () => true,
  ): Promise<FrameOf<type>> {
    return (await this.find((frame) => frame.type === type && fits(frame as FrameOf<type>))) as FrameOf<type>
  }

  /** All unread frames before the next of this type, which is read too. */
  async until(type: ServerFrameType): Promise<ServerFrame[]> {
    const frames: ServerFrame[] = []
    for (;;) {
      const frame = await this.next()
      if (frame.type === type) return frames
      frames.push(frame)
    }
  }

  /** So many frames. */
  async several(count: number): Promise<ServerFrame[]> {
    const frames: ServerFrame[] = []
    while (frames.length < count) frames.push(await this.next())
    return frames
  }

  /** What had been sent to this socket when the server read the ping of this call. */
  async flushed(): Promise<ServerFrame[]> {
    this.send({ type: 'ping' })
    return this.until('pong')
  }

  /** Sends a message whose ciphertext is its id, and waits for the answer. */
  async message(to: string, id: string, more: Partial<Extract<ClientFrame, { type: 'msg' }>> = {}): Promise<FrameOf<'accepted'>> {
    this.send({ type: 'msg', id, to, scope: 'direct', ciphertext: id, ...more })
    const answer = await this.find((frame) => (frame.type === 'accepted' || frame.type === 'error') && frame.id === id)
    if (answer.type !== 'accepted') throw new Error(`refused: ${JSON.stringify(answer)}`)
    return answer
  }

  /** A message to a group. */
  group(groupId: string, id: string): Promise<FrameOf<'accepted'>> {
    return this.message(groupId, id, { scope: 'group' })
  }

  /** The answer to anything, which must be an error. */
  async refusal(frame: ClientFrame | string): Promise<FrameOf<'error'>> {
    this.ws.send(typeof frame === 'string' ? frame : JSON.stringify(frame))
    return await this.pick('error')
  }

  ack(mailbox: string, seq: number): void {
    this.send({ type: 'ack', mailbox, seq })
  }

  async close(): Promise<void> {
    this.ws.close()
    await this.closed
  }

  /** Ends the connection without saying so. */
  async vanish(): Promise<void> {
    this.ws.terminate()
    await this.closed
  }

  private arrived(text: string): void {
    const frame = JSON.parse(text) as ServerFrame
    serverFrames[frame.type].parse(frame)
    this.received.push(frame)
    this.unread.push(frame)
    for (const look of this.waiting) look()
  }
}

/** An open socket. Rejects, with the status in its message, when the handshake is refused. */
export async function connect(port: number, options: PeerOptions = {}): Promise<Peer> {
  const { reliable = false, device, authorization, headers, search = '', autoPong = true } = options
  const ws = new WebSocket(`ws://127.0.0.1:${port}/ws${search}`, reliable ? [reliableProtocol] : [], {
    autoPong,
    perMessageDeflate: false,
    headers: {
      ...(authorization === undefined ? {} : { authorization }),
      ...(device === undefined ? {} : { 'x-device-id': device }),
      ...headers,
    },
  })
  const peer = new Peer(ws)
  await new Promise((resolve, reject) => ws.once('open', resolve).once('error', reject))
  return peer
}

/** Entries in short: `msg:ID`, `own:ID`, `membership:+added-removed`, `gone:FROM-TO reason`. */
export function inShort(frames: readonly ServerFrame[]): string[] {
  return frames.map((frame) => {
    switch (frame.type) {
      case 'msg':
      case 'own':
      case 'accepted':
        return `${frame.type}:${frame.id}`
      case 'membership':
        return `membership:${frame.added.map((user) => `+${user}`).join('')}${frame.removed.map((user) => `-${user}`).join('')}`
      case 'gone':
        return `gone:${frame.from}-${frame.to} ${frame.reason}`
      case 'error':
        return `error:${frame.code}`
      default:
        return frame.type
    }
  })
}
