/** What a client's process or page is asked to do, and what it answers: JSON both ways. */

export interface Account {
  readonly userId: string
  readonly token: string
}

/** `disk`: what this platform keeps on disk, SQLite or IndexedDB. */
export type StorageKind = 'disk' | 'memory'

interface Server {
  readonly url: string
}

/** Makes accounts known: device list and key packages on the server, nothing kept. */
export interface RegisterJob extends Server {
  readonly kind: 'register'
  readonly accounts: readonly Account[]
}

/** One sender, one receiver, in a group of `2 + others`; and the engine alone in a group of as many, in turns. */
export interface MessagesJob extends Server {
  readonly kind: 'messages'
  readonly storage: StorageKind
  readonly sender: Account
  readonly receiver: Account
  readonly others: readonly string[]
  readonly rounds: number
  readonly messages: number
  readonly warmUpMessages: number
  readonly textBytes: number
}

/** A user's first start, to the first message that the server has. */
export interface FirstMessageJob extends Server {
  readonly kind: 'firstMessage'
  readonly storage: StorageKind
  readonly account: Account
  readonly peer: string
}

/** Registers and fills a storage with a history, without a server's help. */
export interface SeedJob extends Server {
  readonly kind: 'seed'
  readonly account: Account
  readonly conversations: number
  readonly messages: number
  readonly textBytes: number
}

/** Opens a storage that is there. */
export interface OpenJob extends Server {
  readonly kind: 'open'
  readonly account: Account
  readonly conversations: number
}

/** A storage with one conversation of `1 + others`, one message in it. */
export interface PrepareJob extends Server {
  readonly kind: 'prepare'
  readonly account: Account
  readonly others: readonly string[]
}

/** Opens such a storage and then does nothing. */
export interface IdleJob extends Server {
  readonly kind: 'idle'
  readonly account: Account
  readonly settleMs: number
}

export interface MessagesRound {
  readonly sendsPerSecond: number
  readonly receivesPerSecond: number
  readonly encryptsPerSecond: number
  readonly decryptsPerSecond: number
}

export interface FirstMessageParts {
  /** `Sotto.open`: keys, device list, first key packages. */
  readonly openMs: number
  /** `sotto.conversation`: the peer's list and key package, the group. */
  readonly conversationMs: number
  /** `chat.send`: durably queued. */
  readonly queuedMs: number
  /** Until the server has it on disk, from the end of the part before. */
  readonly acceptedMs: number
  readonly totalMs: number
}

export interface Footprint {
  /** JavaScript's heap and what it holds outside, after a collection. */
  readonly heapBytes: number
  /** Of the process; undefined where it is not one client's alone. */
  readonly residentBytes: number | undefined
}

interface Results {
  readonly register: { readonly seconds: number }
  readonly messages: { readonly buildSeconds: number; readonly rounds: readonly MessagesRound[] }
  readonly firstMessage: FirstMessageParts
  readonly seed: { readonly seconds: number }
  readonly open: { readonly openMs: number }
  readonly prepare: { readonly seconds: number }
  readonly idle: { readonly before: Footprint; readonly after: Footprint }
}

export type ClientJob = RegisterJob | MessagesJob | FirstMessageJob | SeedJob | OpenJob | PrepareJob | IdleJob
export type ClientResult<kind extends ClientJob['kind']> = Results[kind]
