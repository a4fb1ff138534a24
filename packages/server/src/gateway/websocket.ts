import type { IncomingMessage, Server } from 'node:http'
import type { Socket as TcpSocket } from 'node:net'
import type { Duplex } from 'node:stream'
import { closeCodes, errorFrame, reliableProtocol, SottoError, wire } from '@sotto/protocol'
import { type ServerOptions, WebSocket, WebSocketServer } from 'ws'
import type { Identity } from '../auth/authenticator.ts'
import { bearerToken } from '../auth/rules.ts'
import { redeemTicket } from '../auth/tickets.ts'
import type { Entry } from '../store/store.ts'
import { BurstMemory } from './burst-memory.ts'
import { Outbox } from './frame-writer.ts'
import { Session, type SessionParts, type SocketLike } from './session.ts'

/** How often deadlines are looked at. */
const tickMs = 250
/** Fragments of one message: a client has no reason to send many. */
const fragmentsMax = 64
const tooLargeByProtocol = 1009
/** How long a client may take to answer a close. */
const closeMsMax = 5_000
/** How long a server that stops waits for its clients to answer, and how often it looks. */
const stopMsMax = 2_000
const stopStepMs = 20

export interface GatewayOptions {
  /** Whether a page of this origin may open sockets. */
  readonly isAllowedOrigin: (origin: string, host: string | undefined) => boolean
}

/** A socket that answers too large a frame with our own code and error. */
class ClosingSocket extends WebSocket {
  override close(code?: number, data?: string | Buffer): void {
    // With data it is the answer to a close of the client's own.
    if (code !== tooLargeByProtocol || data !== undefined) super.close(code, data)
    else {
      this.send(JSON.stringify(errorFrame(new SottoError('too_large', 'the frame is too large', { limit: 'FRAME_BYTES' }))))
      super.close(closeCodes.tooLarge, 'too_large')
    }
  }
}

/** `GET /ws`: owns `ws`. Attach it to the HTTP server's `upgrade` event. */
export class Gateway {
  private readonly parts: SessionParts
  private readonly options: GatewayOptions
  private readonly wss: WebSocketServer
  private readonly connections = new Set<Connection>()
  private readonly unwritten: Connection[] = []
  private readonly memory = new BurstMemory()
  private readonly timer: NodeJS.Timeout
  private isStopping = false
  private readonly flushAll = () => {
    const { unwritten } = this
    for (let i = 0; i < unwritten.length; i++) unwritten[i]!.flush()
    unwritten.length = 0
  }

  constructor(parts: SessionParts, options: GatewayOptions) {
    this.parts = parts
    this.options = options
    const accept: ServerOptions & { closeTimeout: number } = {
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      maxPayload: parts.limits.FRAME_BYTES,
      maxFragments: fragmentsMax,
      WebSocket: ClosingSocket,
      handleProtocols: (offered) => (offered.has(reliableProtocol) ? reliableProtocol : false),
      closeTimeout: closeMsMax,
    }
    this.wss = new WebSocketServer(accept)
    this.timer = setInterval(() => this.tick(), tickMs).unref()
  }

  /** Answers upgrades of this server; anything but `GET /ws` is refused. */
  attach(server: Server): void {
    server.on('upgrade', (request, socket, head) => {
      socket.on('error', () => socket.destroy())
      this.upgrade(request, socket, head)
    })
  }

  /** Closes every socket, asking clients to come back. */
  async stop(): Promise<void> {
    this.isStopping = true
    clearInterval(this.timer)
    for (const { session } of this.connections) session.close(closeCodes.restarting, 'restarting')
    for (let waitedMs = 0; this.connections.size > 0 && waitedMs < stopMsMax; waitedMs += stopStepMs) {
      await new Promise((resolve) => setTimeout(resolve, stopStepMs))
    }
    for (const connection of this.connections) connection.terminate()
  }

  private upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const url = URL.parse(request.url ?? '', 'ws://localhost')
    const { origin, host } = request.headers
    if (url === null || url.pathname !== '/ws') refuseUpgrade(socket, 404, 'Not Found')
    else if (origin !== undefined && !this.options.isAllowedOrigin(origin, host)) refuseUpgrade(socket, 403, 'Forbidden')
    else if (this.isStopping || this.connections.size >= this.parts.limits.SOCKETS) {
      refuseUpgrade(socket, 503, 'Service Unavailable')
    } else this.wss.handleUpgrade(request, socket, head, (ws) => this.connected(ws, request, url))
  }

  private connected(ws: WebSocket, request: IncomingMessage, url: URL): void {
    const { parts } = this
    const requested = [url.searchParams.get('device') ?? undefined, headerOf(request, 'x-device-id')]
    const connection = new Connection(ws, request.socket, parts, requested, (waiting) => this.writeSoon(waiting))
    this.connections.add(connection)
    this.memory.sessionOpened()
    ws.on('close', () => {
      this.connections.delete(connection)
      connection.session.closed()
    })
    const identify = this.credentialsOf(request, url)
    if (identify !== undefined) void connection.session.open(identify)
  }

  /** What the handshake says of who it is from; undefined when that is left to a `hello`. */
  private credentialsOf({ headers }: IncomingMessage, { searchParams }: URL): (() => Promise<Identity>) | undefined {
    const { authenticator, store, clock } = this.parts
    const { authorization } = headers
    const token = searchParams.get('token')
    const ticket = searchParams.get('ticket')
    // Async, so that what is no token is refused like one that is not accepted.
    if (authorization !== undefined) return async () => authenticator.verify(bearerToken(authorization) ?? '')
    if (token !== null) return () => authenticator.verify(token)
    return ticket === null ? undefined : () => redeemTicket(store, clock, ticket)
  }

  /** After the poll phase: everything for one socket leaves in one write. */
  private writeSoon(connection: Connection): void {
    if (this.unwritten.push(connection) === 1) setImmediate(this.flushAll)
  }

  private tick(): void {
    const now = this.parts.clock.now()
    for (const connection of this.connections) connection.tick(now)
    this.memory.tick(this.parts.counts.framesIn)
  }
}

/** A socket with its session. */
class Connection implements SocketLike {
  readonly session: Session
  private readonly ws: WebSocket
  private readonly tcp: TcpSocket
  private readonly parts: SessionParts
  private readonly outbox = new Outbox()
  private readonly writeSoon: (connection: Connection) => void
  private pingAt: number
  private isAlive = true
  private isHeldBack = false
  private isPaused = false

  constructor(
    ws: WebSocket,
    tcp: TcpSocket,
    parts: SessionParts,
    requested: readonly (string | undefined)[],
    writeSoon: (connection: Connection) => void,
  ) {
    this.ws = ws
    this.tcp = tcp
    this.parts = parts
    this.writeSoon = writeSoon
    this.pingAt = parts.clock.now() + wire.pingMs
    this.session = new Session(parts, this, ws.protocol === reliableProtocol, requested)
    ws.on('message', (data, isBinary) => this.received(data as Buffer, isBinary))
    ws.on('pong', () => {
      this.isAlive = true
    })
    // The close that follows says it all.
    ws.on('error', () => {})
    tcp.on('drain', () => this.drained())
  }

  get isCongested(): boolean {
    return this.outbox.bytes + this.tcp.writableLength > this.parts.limits.WINDOW_BYTES
  }

  text(json: string): void {
    if (this.outbox.isEmpty) this.writeSoon(this)
    this.outbox.text(json)
    this.holdBack()
  }

  entry(entry: Entry, framed: Buffer | null): void {
    if (this.outbox.isEmpty) this.writeSoon(this)
    if (framed !== null) this.outbox.frame(framed)
    else if (entry.pieces !== undefined) this.outbox.pieces(entry.pieces)
    else this.outbox.payload(entry.json)
  }

  pause(): void {
    this.isPaused = true
    this.applyPause()
  }

  resume(): void {
    this.isPaused = false
    this.applyPause()
  }

  flush(): void {
    if (this.outbox.isEmpty) return
    const wasCongested = this.isCongested
    const chunks = this.outbox.take()
    if (this.ws.readyState === WebSocket.OPEN) this.write(chunks)
    // Where the system took it all at once there is no `drain` to wait for.
    if (wasCongested && !this.isCongested) this.drained()
  }

  /** Several chunks leave together. */
  private write(chunks: readonly Buffer[]): void {
    if (chunks.length > 1) this.tcp.cork()
    for (const chunk of chunks) this.tcp.write(chunk)
    if (chunks.length > 1) this.tcp.uncork()
  }

  close(code: number, reason: string): void {
    this.flush()
    // Else the client's answer would never be read.
    this.isHeldBack = false
    this.resume()
    this.ws.close(code, reason)
  }

  terminate(): void {
    this.ws.terminate()
  }

  tick(now: number): void {
    const { session, parts } = this
    if (!session.isAuthenticated) {
      if (!session.isClosed && now - session.openedAt >= parts.limits.HELLO_MS)
        session.close(closeCodes.timeout, 'no hello in time')
      return
    }
    if (now >= session.expiresAt) session.expired()
    if (now < this.pingAt || session.isClosed) return
    this.pingAt = now + wire.pingMs
    if (!this.isAlive) {
      session.close(closeCodes.timeout, 'no pong in time')
      return
    }
    this.isAlive = false
    if (this.ws.readyState === WebSocket.OPEN) this.ws.ping()
  }

  private received(data: Buffer, isBinary: boolean): void {
    const { session } = this
    if (!session.isAuthenticated && data.length > this.parts.limits.HELLO_BYTES) {
      session.text(
        JSON.stringify(errorFrame(new SottoError('too_large', 'the first frame is too large', { limit: 'HELLO_BYTES' }))),
      )
      session.close(closeCodes.tooLarge, 'too_large')
      return
    }
    if (isBinary) session.receiveUnreadable('binary frames are not understood')
    else session.receive(data.toString())
  }

  private drained(): void {
    this.isHeldBack = false
    this.applyPause()
    this.session.drained()
  }

  /** A client that does not read its answers is not read either. */
  private holdBack(): void {
    if (this.isHeldBack || !this.isCongested) return
    this.isHeldBack = true
    this.applyPause()
  }

  private applyPause(): void {
    const pause = this.isPaused || this.isHeldBack
    if (pause && !this.ws.isPaused) this.ws.pause()
    else if (!pause && this.ws.isPaused) this.ws.resume()
  }
}

function headerOf(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name]
  return typeof value === 'string' ? value : undefined
}

function refuseUpgrade(socket: Duplex, status: number, text: string): void {
  // The client might never end its side.
  socket.once('finish', () => socket.destroy())
  socket.end(`HTTP/1.1 ${status} ${text}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
}
