import type { Accepted, MsgBody, RouteAnswer, RouteInput, RouteName, ServerFrame } from '@sotto/protocol'

/** Entries of mailboxes as they are delivered, in order for each mailbox, none missing and none twice after `ack`. */
export type EntryFrame = Extract<
  ServerFrame,
  { readonly type: 'msg' | 'own' | 'membership' | 'commit' | 'welcome_mls' | 'departed' | 'gone' }
>
export type SignalFrame = Extract<ServerFrame, { readonly type: 'signal' }>
export type KeysLowFrame = Extract<ServerFrame, { readonly type: 'keys_low' }>

export type ConnectionState = 'connecting' | 'online' | 'offline' | 'closed'

/**
 * The way to the server: one reliable socket that reconnects by itself, or a long poll where sockets are blocked, and
 * HTTP requests. It keeps nothing on disk and knows nothing of encryption.
 */
export interface Transport {
  readonly state: ConnectionState
  /** The server's limits (docs/limits.md) by name, as its last welcome named them; undefined before, and where only polls work. */
  readonly limits: Readonly<Record<string, number>> | undefined
  /** Whom the server takes this device's user for; undefined before the first welcome. It never changes. */
  readonly userId: string | undefined
  /** Why the last try to connect, or the connection after it, came to its end: for people who ask why it is offline. */
  readonly lastError: Error | undefined
  /** Starts connecting. Entries that arrive before the listeners are set would be lost: hence they come here. */
  start(listeners: TransportListeners): void
  /**
   * Sends a message and waits until it is accepted: across reconnects, waits of `rate_limited`, and answers that leave
   * the outcome unknown (`overloaded`, `internal`, a lost connection), always with the same id and bytes.
   * Messages leave in the order of the calls. @throws SottoError that refuses for good; `closed`; what `signal` aborts with.
   */
  send(message: MsgBody & { readonly id: string }, signal?: AbortSignal): Promise<Accepted>
  /** Ephemeral: sent if the socket is open, else forgotten. */
  signal(to: string, scope: 'direct' | 'group', ciphertext: string): void
  /** Everything up to `seq` is stored here. The highest of each mailbox goes out, gathered; told again after a reconnect. */
  ack(mailbox: string, seq: number): void
  /**
   * One HTTP request of the route table. Safe ones (GET, and those with an id of their own in the body) are repeated
   * while the outcome is unknown, for at most `retryMs` (default 30,000; Infinity: until `signal` aborts).
   * @throws SottoError of the server's table; `offline` when no answer came in time; `closed`.
   */
  request<name extends RouteName>(
    name: name,
    input: RequestInput<name>,
    options?: { readonly signal?: AbortSignal; readonly retryMs?: number },
  ): Promise<JsonAnswer<name>>
  /** Tries to connect now instead of after the current delay: the network is back, the page is visible again. */
  wake(): void
  /** Sends what acks wait, closes the socket. Idempotent. */
  close(): Promise<void>
}

export interface TransportListeners {
  /** Called in order; not awaited: the server's window bounds how much can wait for `ack`. */
  readonly entry: (frame: EntryFrame) => void
  /** The backlog at connect time has been handed to `entry`. */
  readonly synced: () => void
  readonly signal: (frame: SignalFrame) => void
  readonly keysLow: (frame: KeysLowFrame) => void
  readonly state: (state: ConnectionState) => void
  /** It will not connect again: `device_revoked`, `replaced` (another process took the device over), `unauthenticated` after a fresh token. */
  readonly ended: (reason: 'device_revoked' | 'replaced' | 'unauthenticated') => void
}

type Part<name extends RouteName, part extends 'params' | 'query' | 'body'> = RouteInput<name>[part] extends undefined
  ? { readonly [key in part]?: undefined }
  : part extends 'query'
    ? { readonly [key in part]?: Partial<RouteInput<name>[part]> }
    : { readonly [key in part]: RouteInput<name>[part] }

export type RequestInput<name extends RouteName> = Part<name, 'params'> & Part<name, 'query'> & Part<name, 'body'>
export type JsonAnswer<name extends RouteName> = RouteAnswer<name>

export interface TransportOptions {
  /** `http://…` or `https://…`; the socket's address follows from it. */
  readonly url: string
  readonly deviceId: string
  /** Asked at start, when a token has expired, and shortly before it does. */
  readonly token: () => Promise<string>
  /** `auto`: a socket, and long polls when sockets fail where HTTP works. */
  readonly mode?: 'auto' | 'socket' | 'poll'
}
