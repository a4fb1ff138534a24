import { type AckFrame, closeCodes, errorTable, reliableProtocol, type ServerFrame, serverFrames } from '@sotto/protocol'
import { WebSocket } from 'ws'
import { type Delivered, type DeviceName, digestOf } from './history.ts'
import type { Observer } from './observer.ts'
import type { Seeded } from './seeded.ts'
import { mintToken } from './token.ts'

/**
 * A device that speaks the reliable protocol as an honest application would: it sends again, under the same id and in
 * the same order, what was not accepted; it acknowledges what the observer has on disk; it drops what it has seen.
 */
export interface Peer {
  readonly device: DeviceName
  /** Messages that are not yet accepted. */
  readonly unaccepted: number
  /** What a server must never do, beyond what the history shows: frames and closes that the protocol does not know. */
  readonly problems: readonly string[]
  goOnline(): void
  /** Cuts the socket, without a farewell. */
  goOffline(): void
  /** Leaves the socket open, hears no more of it, and opens another: what a phone does when it changes networks. */
  abandon(): void
  /** Resolves once the message is accepted and that is on disk. Rejects when it is refused for certain. */
  send(message: Outgoing): Promise<void>
  /** Sends once more something that was accepted. */
  resend(): void
  /** Opens a session of its own and resolves once it has brought everything, and all of it is acknowledged. */
  readAll(): Promise<void>
}

export interface Outgoing {
  readonly id: string
  readonly to: string
  readonly scope: 'direct' | 'group'
  readonly ciphertext: string
  /** Only this device of the recipient. */
  readonly device?: string
}

export interface PeerOptions {
  readonly server: { readonly address: string; readonly secret: string }
  readonly userId: string
  readonly deviceId: string
  readonly observer: Observer
  readonly chance: Seeded
}

interface Waiting {
  readonly message: Outgoing
  readonly resolve: () => void
  readonly reject: (cause: Error) => void
}

interface Session {
  readonly name: string
  readonly socket: WebSocket
  /** Ids with an attempt that is not answered. */
  readonly inFlight: Set<string>
  /** Shown and on disk, not yet acknowledged. */
  readonly ackable: Map<string, number>
  /** For each ping on its way, the acknowledgements before it. */
  readonly pings: Omit<AckFrame, 'type'>[][]
  welcomed: boolean
  synced: boolean
  flushing: boolean
  /** Entries that the observer has not yet synced. */
  unwritten: number
}

/** Closes that a server may make at any time; others need a reason. */
const plainCloses = [1000, 1001, 1005, 1006, 1012]
const reconnectMsMax = 40
const ackDelayMsMax = 30
/** Accepted messages that a peer remembers, to send one again. */
const rememberedMax = 50

export function createPeer({ server, userId, deviceId, observer, chance }: PeerOptions): Peer {
  const device: DeviceName = `${userId}/${deviceId}`
  const token = mintToken(server.secret, userId)
  /** Not yet accepted, in the order of `send`. */
  const waiting = new Map<string, Waiting>()
  const remembered: Outgoing[] = []
  /** How far each mailbox was shown. */
  const position = new Map<string, number>()
  const problems: string[] = []
  let online = false
  let session: Session | undefined
  let sessions = 0
  /** Sockets that were left before their welcome: on their way, they may reach the server after a newer one, and take its place. */
  let adrift = 0
  let changed = Promise.withResolvers<void>()

  function connect(): void {
    sessions++
    const socket = new WebSocket(`ws://${server.address}/ws?device=${deviceId}`, reliableProtocol, {
      headers: { authorization: `Bearer ${token}` },
      handshakeTimeout: 10_000,
    })
    const opened: Session = {
      name: `${device} ${sessions}`,
      socket,
      inFlight: new Set(),
      ackable: new Map(),
      pings: [],
      welcomed: false,
      synced: false,
      flushing: false,
      unwritten: 0,
    }
    session = opened
    socket.on('message', (data) => {
      if (session === opened) take(opened, String(data))
    })
    // A close follows.
    socket.on('error', () => {})
    socket.on('close', (code, reason) => {
      if (session !== opened) return
      if (code === closeCodes.replaced && adrift > 0) adrift--
      else if (!plainCloses.includes(code)) problems.push(`${device} was closed with ${code} ${reason}`)
      drop(opened)
      if (online) setTimeout(() => online && session === undefined && connect(), chance.below(reconnectMsMax))
    })
  }

  /** The session is over: what was not answered may or may not have happened. */
  function drop({ name, inFlight, pings }: Session): void {
    session = undefined
    for (const id of inFlight) observer.record({ event: 'info', op: 'send', device, id, reason: 'cut' })
    for (const ack of pings.flat()) observer.record({ event: 'info', op: 'ack', device, session: name, ...ack })
    tell()
  }

  function tell(): void {
    changed.resolve()
    changed = Promise.withResolvers()
  }

  function take(from: Session, text: string): void {
    const value = JSON.parse(text) as ServerFrame
    const parsed = serverFrames[value.type]?.safeParse(value)
    if (parsed?.success !== true) problems.push(`${device} cannot read ${text.slice(0, 300)}: ${parsed?.error.message}`)
    else if (!from.welcomed && value.type !== 'welcome') problems.push(`${device} got ${value.type} before its welcome`)
    receive(from, value, text)
    tell()
  }

  function receive(from: Session, frame: ServerFrame, text: string): void {
    switch (frame.type) {
      case 'welcome':
        from.welcomed = true
        observer.record({ event: 'connect', device, session: from.name })
        // Some devices repeat at once how far they are: the server may then pass over it.
        if (chance.chance(0.3)) for (const [mailbox, seq] of position) acknowledgeLater(from, mailbox, seq)
        for (const { message } of waiting.values()) attempt(from, message)
        break
      case 'accepted': {
        const { id, mailbox, seq, receivedAt, duplicate = false } = frame
        from.inFlight.delete(id)
        const recorded = observer.record({ event: 'ok', op: 'send', device, id, mailbox, seq, receivedAt, duplicate })
        settle(id, (each) => {
          remember(each.message)
          recorded.then(each.resolve, each.reject)
        })
        break
      }
      case 'error':
        refuse(from, frame)
        break
      case 'synced':
        from.synced = true
        observer.record({ event: 'synced', device, session: from.name })
        break
      case 'pong':
        for (const ack of from.pings.shift() ?? [])
          observer.record({ event: 'ok', op: 'ack', device, session: from.name, ...ack })
        break
      case 'msg':
      case 'own':
      case 'membership':
      case 'gone':
        deliver(from, deliveredOf(frame, text))
        break
      default:
    }
  }

  function refuse(from: Session, frame: Extract<ServerFrame, { type: 'error' }>): void {
    const { id, code, retryAfterMs = 100 } = frame
    if (id === undefined || !from.inFlight.delete(id)) {
      if (code !== 'overloaded') problems.push(`${device} got an error of its own: ${JSON.stringify(frame)}`)
      return
    }
    const status = code in errorTable ? errorTable[code as keyof typeof errorTable].status : 400
    if (status >= 500 && code !== 'mailbox_full') observer.record({ event: 'info', op: 'send', device, id, reason: code })
    else observer.record({ event: 'fail', op: 'send', device, id, code })
    if (status < 500 && status !== 429) {
      settle(id, (each) => each.reject(new Error(`${device} may not send ${id}: ${JSON.stringify(frame)}`)))
      return
    }
    setTimeout(() => {
      const again = waiting.get(id)
      if (again !== undefined && session === from && !from.inFlight.has(id)) attempt(from, again.message)
    }, retryAfterMs)
  }

  function settle(id: string, how: (waiting: Waiting) => void): void {
    const each = waiting.get(id)
    if (each === undefined) return
    waiting.delete(id)
    how(each)
  }

  function remember(message: Outgoing): void {
    remembered.push(message)
    if (remembered.length > rememberedMax) remembered.shift()
  }

  function deliver(from: Session, delivered: Delivered): void {
    const { mailbox, seq } = delivered
    let durable = observer.record({ event: 'deliver', device, session: from.name, ...delivered })
    const last = delivered.type === 'gone' ? delivered.to : seq
    if (last > (position.get(mailbox) ?? 0)) {
      position.set(mailbox, last)
      if (delivered.type === 'msg') {
        const { from: sender, id, digest } = delivered
        durable = observer.record({ event: 'show', device, mailbox, seq, from: sender, id, digest })
      }
    }
    from.unwritten++
    durable.then(
      () => {
        from.unwritten--
        acknowledgeLater(from, mailbox, position.get(mailbox) ?? last)
      },
      (error) => problems.push(String(error)),
    )
  }

  /** Acknowledgements go out together, sometimes late. */
  function acknowledgeLater(to: Session, mailbox: string, seq: number): void {
    to.ackable.set(mailbox, seq)
    if (to.flushing) return
    to.flushing = true
    setTimeout(() => session === to && acknowledge(to), chance.chance(0.5) ? 0 : chance.below(ackDelayMsMax))
  }

  function acknowledge(to: Session): void {
    const acks = [...to.ackable].map(([mailbox, seq]) => ({ mailbox, seq }))
    to.ackable.clear()
    to.flushing = false
    for (const ack of acks) {
      observer.record({ event: 'invoke', op: 'ack', device, session: to.name, ...ack })
      to.socket.send(JSON.stringify({ type: 'ack', ...ack }))
    }
    to.pings.push(acks)
    to.socket.send('{"type":"ping"}')
  }

  function attempt(through: Session, message: Outgoing): void {
    const { id, to, scope, ciphertext } = message
    const target = message.device === undefined ? {} : { target: message.device }
    observer.record({ event: 'invoke', op: 'send', device, id, to, scope, ...target, digest: digestOf(ciphertext) })
    through.inFlight.add(id)
    // The time differs from attempt to attempt; the entry keeps the first.
    through.socket.send(JSON.stringify({ type: 'msg', ...message, timestamp: Date.now() }))
  }

  function isQuiet({ synced, unwritten, ackable, pings }: Session): boolean {
    return synced && unwritten === 0 && ackable.size === 0 && pings.length === 0
  }

  function goOffline(): void {
    online = false
    if (session === undefined) return
    const { socket, welcomed } = session
    if (!welcomed) adrift++
    drop(session)
    socket.terminate()
  }

  function goOnline(): void {
    online = true
    if (session === undefined) connect()
  }

  return {
    device,
    problems,
    get unaccepted() {
      return waiting.size
    },
    goOnline,
    goOffline,
    abandon() {
      if (session === undefined) return
      const { socket, welcomed } = session
      if (!welcomed) adrift++
      drop(session)
      setTimeout(() => socket.terminate(), chance.below(500))
      connect()
    },
    send(message) {
      return new Promise((resolve, reject) => {
        waiting.set(message.id, { message, resolve, reject })
        if (session?.welcomed === true) attempt(session, message)
      })
    },
    resend() {
      if (session?.welcomed !== true || remembered.length === 0) return
      const message = chance.pick(remembered)
      if (!session.inFlight.has(message.id)) attempt(session, message)
    },
    async readAll() {
      goOffline()
      goOnline()
      while (session === undefined || !isQuiet(session)) await changed.promise
    },
  }
}

function deliveredOf(frame: Extract<ServerFrame, { mailbox: string; seq: number } | { type: 'gone' }>, text: string): Delivered {
  const { mailbox } = frame
  const digest = digestOf(text)
  switch (frame.type) {
    case 'gone':
      return { type: 'gone', mailbox, seq: frame.from, to: frame.to, reason: frame.reason, frame: digest }
    case 'msg': {
      const { seq, id, receivedAt } = frame
      const from = `${frame.from}/${frame.fromDevice}`
      return { type: 'msg', mailbox, seq, from, id, digest: digestOf(frame.ciphertext), receivedAt, frame: digest }
    }
    case 'own':
      return { type: 'own', mailbox, seq: frame.seq, id: frame.id, receivedAt: frame.receivedAt, frame: digest }
    default:
      return { type: 'other', mailbox, seq: frame.seq, receivedAt: frame.receivedAt, frame: digest }
  }
}
