import type { Custom } from '../content/content.ts'
import type { Role } from '../membership/membership.ts'

/**
 * What stands between the public objects and the one writer of a device's storage. Everything that crosses it can be
 * cloned by structure, so that in browsers the writer may live in another tab.
 */
export interface CoreApi {
  readonly self: SelfSnapshot
  call<name extends CoreMethod>(
    method: name,
    ...args: Parameters<CoreMethods[name]>
  ): Promise<Awaited<ReturnType<CoreMethods[name]>>>
  /** Hands over every event from now on; the answer ends it. */
  listen(listener: (event: CoreEvent) => void): () => void
  close(): Promise<void>
}

export interface SelfSnapshot {
  readonly userId: string
  readonly deviceId: string
  readonly state: ConnectionStateName
}

export type ConnectionStateName = 'connecting' | 'online' | 'offline' | 'closed'

/** What can be asked of the writer. Rejections are `SottoClientError`s. */
export interface CoreMethods {
  conversations(): Promise<ConversationSnapshot[]>
  conversation(conversationId: string): Promise<ConversationSnapshot>
  direct(userId: string): Promise<ConversationSnapshot>
  createGroup(request: {
    readonly groupId: string
    readonly name: string | undefined
    readonly members: readonly string[]
  }): Promise<ConversationSnapshot>
  /** `draft.salt` makes it the same message when it is asked again. */
  send(conversationId: string, draft: Draft): Promise<MessageSnapshot>
  /** Tries a failed message again. */
  retry(conversationId: string, messageId: string): Promise<void>
  /** Forgets a failed message; `false` where it has not failed. */
  discard(conversationId: string, messageId: string): Promise<boolean>
  message(messageId: string): Promise<MessageSnapshot | undefined>
  /** Newest first. `from`: the `order` of the last one of the page before, wherever that message stands by now; or else `before`, an id. */
  history(
    conversationId: string,
    page: { readonly before: string | undefined; readonly from?: string | undefined; readonly limit: number },
  ): Promise<MessageSnapshot[]>
  markRead(conversationId: string, upTo: string | undefined): Promise<void>
  typing(conversationId: string, active: boolean): Promise<void>
  add(conversationId: string, userIds: readonly string[]): Promise<void>
  remove(conversationId: string, userId: string): Promise<void>
  setRole(conversationId: string, userId: string, role: Role): Promise<void>
  rename(conversationId: string, name: string): Promise<void>
  leave(conversationId: string): Promise<void>
  devices(): Promise<DeviceSnapshot[]>
  revokeDevice(deviceId: string): Promise<void>
  linkDevice(code: string): Promise<DeviceSnapshot>
  safetyNumber(userId: string): Promise<SafetyNumberSnapshot>
  verify(userId: string, scannedOrTyped: string): Promise<void>
  acceptIdentity(userId: string, identityKey: string): Promise<void>
  /** Users whose identity has changed and waits to be accepted. */
  changedIdentities(): Promise<ChangedIdentity[]>
  /** The application's handlers have resolved for this message: it will not be handed over again. */
  handled(messageId: string): Promise<void>
  /** Handlers are ready: hand over what waits. */
  deliver(): Promise<void>
}

export type CoreMethod = keyof CoreMethods

/** What an application sends, checked and with its salt. */
export interface Draft {
  readonly salt: Uint8Array
  readonly sentAt: number
  readonly expiresInMs?: number
  readonly content:
    | { readonly kind: 'text'; readonly text: string; readonly replyTo?: string; readonly custom?: Custom }
    | { readonly kind: 'custom'; readonly custom: Custom; readonly replyTo?: string }
    | { readonly kind: 'edit'; readonly replaces: string; readonly text: string }
    | { readonly kind: 'delete'; readonly replaces: string }
    | { readonly kind: 'reaction'; readonly to: string; readonly emoji?: string }
}

export interface ConversationSnapshot {
  /** The group's id: the same for all members. */
  readonly id: string
  readonly kind: 'direct' | 'group'
  /** The other of a conversation of two; oneself for notes to oneself. */
  readonly peer: string | undefined
  readonly name: string | undefined
  readonly members: readonly MemberSnapshot[]
  /** `joining`: this device is not in it yet; `left`: no longer; `broken`: a commit was refused, until it is reset. */
  readonly state: 'active' | 'joining' | 'left' | 'broken'
  /** Users whose identity changed and was not accepted: nothing is sent meanwhile. */
  readonly blockedBy: readonly string[]
  readonly unread: number
  readonly lastMessage: MessageSnapshot | undefined
  readonly updatedAt: number
  readonly epoch: number | undefined
}

export interface MemberSnapshot {
  readonly userId: string
  readonly role: Role
  readonly verified: boolean
}

export type MessageStatus = 'queued' | 'sent' | 'delivered' | 'read' | 'failed'

export interface MessageSnapshot {
  readonly id: string
  readonly conversationId: string
  readonly from: string
  readonly fromDevice: string
  /** Sent by this user, from whatever device. */
  readonly own: boolean
  /** `undefined` for messages of others. */
  readonly status: MessageStatus | undefined
  readonly failure: string | undefined
  readonly text: string | undefined
  readonly custom: Custom | undefined
  readonly replyTo: string | undefined
  readonly sentAt: number
  readonly receivedAt: number | undefined
  readonly editedAt: number | undefined
  readonly deleted: boolean
  readonly expiresAt: number | undefined
  /** Emoji by user id. */
  readonly reactions: Readonly<Record<string, string>>
  readonly deliveredTo: readonly string[]
  readonly readBy: readonly string[]
  /** Why it could not be read; its text is then undefined. */
  readonly unreadable: string | undefined
  /** Sorts messages of a conversation as everybody sees them. */
  readonly order: string
}

export interface DeviceSnapshot {
  readonly deviceId: string
  readonly name: string | undefined
  readonly addedAt: number
  readonly current: boolean
}

export interface ChangedIdentity {
  readonly userId: string
  /** Base64url. */
  readonly identityKey: string
  readonly endorsed: boolean
}

export interface SafetyNumberSnapshot {
  readonly userId: string
  /** 60 digits in twelve groups of five. */
  readonly digits: string
  readonly qrPayload: string
  readonly verified: boolean
  /** The other's key that the number was made of: the one that waits to be accepted, if one does. */
  readonly identityKey: string
  /** It is another key than the pinned one, and was not accepted. */
  readonly changed: boolean
}

/** Everything that happens; names are those of `Sotto.on`, and `message` is told apart by the public side. */
export type CoreEvent =
  | { readonly type: 'state'; readonly state: ConnectionStateName }
  /** A message that the application has not handled yet. */
  | { readonly type: 'message'; readonly message: MessageSnapshot }
  /** A message has changed: status, edit, reaction, deletion, or it is new and one's own. */
  | { readonly type: 'update'; readonly message: MessageSnapshot }
  | { readonly type: 'conversation'; readonly conversation: ConversationSnapshot }
  | {
      readonly type: 'receipt'
      readonly conversationId: string
      readonly userId: string
      readonly status: 'delivered' | 'read'
      readonly messageIds: readonly string[]
    }
  | { readonly type: 'typing'; readonly conversationId: string; readonly userId: string; readonly active: boolean }
  | ({ readonly type: 'identityChanged' } & ChangedIdentity)
  | { readonly type: 'deviceAdded'; readonly userId: string; readonly device: DeviceSnapshot }
  | { readonly type: 'deviceRemoved'; readonly userId: string; readonly deviceId: string }
  | { readonly type: 'unreadable'; readonly message: MessageSnapshot; readonly reason: string }
  | { readonly type: 'error'; readonly incident: Incident }
  /** Another tab has become the writer: events may have been missed, what is shown is to be read again. Not for applications. */
  | { readonly type: 'reloaded' }

/** Something that should not happen with an honest server and honest members: named, and acted on already. */
export interface Incident {
  readonly kind: IncidentKind
  readonly conversationId: string | undefined
  readonly userId: string | undefined
  readonly detail: string
}

/**
 * What each incident means (docs/sdk-errors.md).
 *
 * @example sotto.on('error', ({ kind, detail }) => console.warn(incidentKinds[kind], detail))
 */
export const incidentKinds = {
  commit_refused: 'A commit does what its author may not do, or adds somebody whom nobody vouches for. It was not applied.',
  commit_differs: 'The server says of a commit what the commit does not do. What the commit does holds.',
  commit_unreadable: 'A commit does not verify. It was not applied; the device joins anew.',
  welcome_refused: 'A Welcome does not verify, was not asked for, or brings somebody whom nobody vouches for.',
  ghost_device: 'A device is in the group that is not in its user’s list: nothing is sent until it is removed.',
  departure_unproven:
    'The server says that a member is gone, and neither its list nor its own word says so. Only others may remove it.',
  list_refused: 'A device list does not verify, is older than one already seen, or contradicts it.',
  key_package_refused: 'The server handed out a key package that its user does not vouch for. It was not used.',
  sender_mismatch: 'The server names another sender than the signature does. The signature holds.',
  replayed: 'A message came a second time. It was not shown again.',
  history_differs: 'A member has seen another history of the group than this device: entries were dropped, changed or reordered.',
  entries_missing:
    'Entries of a mailbox did not come: the server skipped them, put something else in their place, or says why they are gone, which may be true of a device that was away for long (`expired`, `limit`) or of an erased account (`erased`).',
  storage_restored: 'The storage is an older copy: the device joins its groups anew before it sends.',
  group_info_refused:
    'The GroupInfo for joining anew does not verify, is older than what this device knows, or raises somebody’s role.',
  session_ended:
    'The server has ended the session for good: the device was revoked, replaced by a newer session, or has no valid token.',
  handler_failed: 'A handler of the application threw; it will be called again.',
  background_failed: 'Something in the background failed and will be tried again.',
} as const

export type IncidentKind = keyof typeof incidentKinds
