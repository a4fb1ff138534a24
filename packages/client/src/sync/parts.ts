import type { Clock } from '../clock.ts'
import type { MlsEngine } from '../mls/engine.ts'
import type { Transport } from '../transport/transport.ts'
import type { ContactBook } from './contact-book.ts'
import type { IncidentKind } from './core-api.ts'
import type { Handshakes } from './handshakes.ts'
import type { Inbox } from './inbox.ts'
import type { Memory } from './memory.ts'
import type { Outbox } from './outbox.ts'
import type { Outcomes } from './outcomes.ts'
import type { DeviceRecord } from './records.ts'
import type { Timers } from './timers.ts'
import type { SeenDigests } from './transcript.ts'

/** What every part of the sync layer works with. */
export interface Parts {
  readonly memory: Memory
  readonly engine: MlsEngine
  readonly transport: Transport
  readonly clock: Clock
  readonly timers: Timers
  readonly contacts: ContactBook
  readonly outcomes: Outcomes
  readonly outbox: Outbox
  readonly inbox: Inbox
  readonly digests: SeenDigests
  /** Users of whom the server says that they have no identity (any more). */
  readonly erased: Set<string>
  /** What this device is; its identity key may be rotated while it runs. */
  self: DeviceRecord
  readonly settings: Settings
  /** What changes and enters groups, with the engine's part of it. @throws SottoClientError `code_unavailable`. */
  readonly handshakes: () => Promise<Handshakes>
  /** Work that other parts ask for; each call comes back at once. */
  readonly ask: Requests
  /** Online, with the backlog of the moment of connecting read, and sure that the storage is not an older copy. */
  readonly ready: () => boolean
  /** Ready, and everything that has arrived is stored. */
  readonly caughtUp: () => boolean
  readonly online: () => boolean
  /** The server has ended the session for good, and this was told: nothing that fails for it is told once more, or tried again. */
  readonly ended: () => boolean
  /** The server has delivered a message of this device back. */
  sent(id: string): void
  incident(kind: IncidentKind, conversationId: string | undefined, detail: string, userId?: string): void
}

export interface Settings {
  /** Send delivery receipts in conversations of at most this many users; 0: never. */
  readonly receiptMembersMax: number
  readonly readReceipts: boolean
}

/** Work in the background, asked for by name so that parts need not know each other. */
export interface Requests {
  /** Send what waits in the outbox of a conversation. */
  pump(conversationId: string): void
  /** Remove the leaves of those who have departed, and ghosts. */
  tidy(conversationId: string): void
  /** Put fresh keys into the group. */
  freshen(conversationId: string): void
  /** Join anew by an external commit. */
  rejoin(conversationId: string): void
  /** Come back into a group that the server says this device is not in; `false`: this user is no member any more. */
  reenter(conversationId: string): Promise<boolean>
  /** Begin a new generation, where this user may. */
  reset(conversationId: string): void
  /** Look whether a contact's list has changed. */
  refresh(userId: string): void
  /** Fill up key packages. */
  keyPackages(): void
  /** Tell a joiner what it cannot read from the past. */
  tellState(conversationId: string): void
}
