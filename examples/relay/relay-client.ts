import { setTimeout as sleep } from 'node:timers/promises'
import { type Accepted, closeCodes, reliableProtocol, type ServerFrame } from '@sotto/protocol'
import { WebSocket } from 'ws'

/** A message as the server delivers it. */
export type Message = Extract<ServerFrame, { type: 'msg' }>

/** An entry of a mailbox: a message, or something to be acknowledged like one. */
export type Entry = Extract<ServerFrame, { type: 'msg' | 'own' | 'membership' | 'commit' | 'welcome_mls' | 'departed' | 'gone' }>

/** A message to send. With the same `id` it may be sent again and again, and is stored once. */
export interface Outgoing {
  readonly id: string
  /** A user with `scope: 'direct'`, a group's id with `scope: 'group'`. */
  readonly to: string
  readonly scope: 'direct' | 'group'
  /** Direct only: this device alone, since no other could decrypt it. */
  readonly device?: string
  readonly ciphertext: string
  readonly contentType: string
}

/** What happens on the wire, for whoever wants to watch. */
export type RelayEvent =
  | { readonly kind: 'connected' }
  | { readonly kind: 'disconnected'; readonly code: number }
  | { readonly kind: 'sent'; readonly message: Outgoing; readonly again: boolean }
  | { readonly kind: 'accepted'; readonly accepted: Accepted }
  | { readonly kind: 'entry'; readonly entry: Entry }
  | { readonly kind: 'duplicate'; readonly entry: Entry }
  | { readonly kind: 'hole'; readonly mailbox: string; readonly from: number; readonly to: number }

export interface RelayOptions {
  /** `ws://127.0.0.1:8080/ws` */
  readonly url: string
  /** Names the user and the device. */
  readonly token: string
  /**
   * Decrypts and stores one message; one at a time, in the order of its mailbox, each once. The server is told that the
   * device has it when this resolves; if it throws, the same message comes again after the next connection.
   */
  readonly store: (message: Message) => Promise<void>
  readonly observe?: (event: RelayEvent) => void
}

interface Waiting {
  readonly message: Outgoing
  readonly resolve: (accepted: Accepted) => void
  readonly reject: (cause: Error) => void
  attempts: number
}

/** The outcome of the attempt is unknown, or its time had not come: the same is sent again, under the same id. */
const transientErrors = ['internal', 'overloaded', 'rate_limited']
/** Connecting again as before would not help. */
const finalCloses: readonly number[] = [
  closeCodes.badFrame,
  closeCodes.unauthenticated,
  closeCodes.deviceRevoked,
  closeCodes.replaced,
  closeCodes.tooLarge,
]
const retryMs = 1_000
const reconnectMsMin = 50
const reconnectMsMax = 5_000
/** Acknowledgements are cumulative: one for all that came meanwhile. */
const ackDelayMs = 20

/**
 * The reliable protocol from a device's side: what is sent stays in the outbox until it is accepted, and is sent again
 * with the same id after every reconnection; what comes is stored first and acknowledged afterwards; what comes twice is
 * known by (mailbox, seq) and dropped. A real application keeps outbox and positions on disk, in the transaction that
 * also keeps its messages and ratchets.
 */
export class RelayClient {
  readonly #options: RelayOptions
  /** Not yet accepted, in the order of sending. */
  readonly #outbox = new Map<string, Waiting>()
  /** The last entry stored of each mailbox. */
  readonly #positions = new Map<string, number>()
  readonly #acks = new Map<string, number>()
  #ackTimer: NodeJS.Timeout | undefined
  #socket: WebSocket | undefined
  #isWelcome = false
  #isWanted = false
  #failures = 0
  #synced = Promise.withResolvers<void>()
  /** Entries are stored one after another, whatever the time that each takes. */
  #storing = Promise.resolve()

  constructor(options: RelayOptions) {
    this.#options = options
  }

  /** Messages that are not yet accepted. */
  get unaccepted(): number {
    return this.#outbox.size
  }

  get isOnline(): boolean {
    return this.#isWelcome
  }

  /** Connects, and again whenever the connection is lost. Resolves once what has waited at the server is stored. */
  connect(): Promise<void> {
    this.#isWanted = true
    this.#synced = Promise.withResolvers()
    // Whoever does not wait for it need not catch it.
    this.#synced.promise.catch(() => {})
    if (this.#socket === undefined) this.#open()
    return this.#synced.promise
  }

  /** Resolves once the server has it on disk. Rejects when the server refuses it, or this connection, for good. */
  send(message: Outgoing): Promise<Accepted> {
    return new Promise((resolve, reject) => {
      const waiting = { message, resolve, reject, attempts: 0 }
      this.#outbox.set(message.id, waiting)
      this.#attempt(waiting)
    })
  }

  /** Ends the connection properly: what is stored is acknowledged first. */
  async close(): Promise<void> {
    this.#isWanted = false
    const socket = this.#socket
    if (socket === undefined) return
    this.#acknowledge()
    const closed = new Promise((resolve) => socket.once('close', resolve))
    socket.close(1000)
    await closed
  }

  /** What a dead battery does: no farewell, and no acknowledgement of what came last. */
  cut(): void {
    this.#isWanted = false
    const socket = this.#socket
    if (socket !== undefined) this.#lost(socket, 1006)
    socket?.terminate()
  }

  #open(): void {
    const { url, token } = this.#options
    const socket = new WebSocket(url, reliableProtocol, {
      headers: { authorization: `Bearer ${token}` },
      handshakeTimeout: 10_000,
    })
    this.#socket = socket
    socket.on('message', (data) => {
      if (socket === this.#socket) this.#receive(socket, JSON.parse(String(data)) as ServerFrame)
    })
    // A close follows.
    socket.on('error', () => {})
    socket.on('close', (code) => this.#lost(socket, code))
  }

  #lost(socket: WebSocket, code: number): void {
    if (socket !== this.#socket) return
    this.#socket = undefined
    if (this.#isWelcome) this.#options.observe?.({ kind: 'disconnected', code })
    this.#isWelcome = false
    clearTimeout(this.#ackTimer)
    this.#ackTimer = undefined
    this.#acks.clear()
    if (!this.#isWanted) return
    if (finalCloses.includes(code)) this.#end(new Error(`the server closed the socket with ${code}`))
    else void this.#reopen()
  }

  #end(cause: Error): void {
    this.#isWanted = false
    this.#synced.reject(cause)
    for (const { reject } of this.#outbox.values()) reject(cause)
    this.#outbox.clear()
  }

  /** After a random and growing time: all clients at once would be too many for a server that has just started. */
  async #reopen(): Promise<void> {
    const limitMs = Math.min(reconnectMsMax, reconnectMsMin * 2 ** this.#failures++)
    await sleep(limitMs * (0.5 + Math.random() / 2))
    if (this.#isWanted && this.#socket === undefined) this.#open()
  }

  #receive(socket: WebSocket, frame: ServerFrame): void {
    switch (frame.type) {
      case 'welcome':
        this.#isWelcome = true
        this.#failures = 0
        this.#options.observe?.({ kind: 'connected' })
        for (const waiting of this.#outbox.values()) this.#attempt(waiting)
        return
      case 'accepted': {
        const waiting = this.#outbox.get(frame.id)
        if (waiting === undefined) return
        this.#outbox.delete(frame.id)
        this.#options.observe?.({ kind: 'accepted', accepted: frame })
        waiting.resolve(frame)
        return
      }
      case 'error':
        this.#refused(frame)
        return
      case 'synced': {
        const { resolve } = this.#synced
        void this.#storing.then(resolve)
        return
      }
      case 'signal':
      case 'keys_low':
      case 'pong':
        return
      default:
        // An entry, perhaps of a type that this client does not know: it is acknowledged all the same.
        this.#storing = this.#storing.then(() => this.#take(socket, frame))
    }
  }

  #attempt(waiting: Waiting): void {
    if (!this.#isWelcome) return
    this.#socket?.send(JSON.stringify({ type: 'msg', ...waiting.message }))
    this.#options.observe?.({ kind: 'sent', message: waiting.message, again: waiting.attempts > 0 })
    waiting.attempts++
  }

  #refused({ id, code, message, retryAfterMs }: Extract<ServerFrame, { type: 'error' }>): void {
    const waiting = this.#outbox.get(id ?? '')
    if (waiting === undefined) return
    if (transientErrors.includes(code)) {
      setTimeout(() => {
        if (this.#outbox.has(waiting.message.id)) this.#attempt(waiting)
      }, retryAfterMs ?? retryMs)
      return
    }
    this.#outbox.delete(waiting.message.id)
    waiting.reject(new Error(`${code}: ${message}`))
  }

  async #take(socket: WebSocket, entry: Entry): Promise<void> {
    // What a lost connection had brought and was not yet stored comes again.
    if (socket !== this.#socket) return
    const { mailbox } = entry
    const [first, last] = entry.type === 'gone' ? [entry.from, entry.to] : [entry.seq, entry.seq]
    const position = this.#positions.get(mailbox)
    if (position !== undefined && last <= position) {
      this.#options.observe?.({ kind: 'duplicate', entry })
      this.#acknowledgeSoon(mailbox, position)
      return
    }
    if (position !== undefined && first > position + 1) {
      this.#options.observe?.({ kind: 'hole', mailbox, from: position + 1, to: first - 1 })
    }
    this.#options.observe?.({ kind: 'entry', entry })
    try {
      if (entry.type === 'msg') await this.#options.store(entry)
    } catch {
      this.#lost(socket, 1006)
      socket.terminate()
      return
    }
    this.#positions.set(mailbox, last)
    if (socket === this.#socket) this.#acknowledgeSoon(mailbox, last)
  }

  #acknowledgeSoon(mailbox: string, seq: number): void {
    this.#acks.set(mailbox, seq)
    this.#ackTimer ??= setTimeout(() => this.#acknowledge(), ackDelayMs)
  }

  #acknowledge(): void {
    clearTimeout(this.#ackTimer)
    this.#ackTimer = undefined
    for (const [mailbox, seq] of this.#acks) this.#socket?.send(JSON.stringify({ type: 'ack', mailbox, seq }))
    this.#acks.clear()
  }
}
