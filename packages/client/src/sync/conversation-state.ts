import type { Goodbye } from '../membership/goodbye.ts'
import type { MemberDevice, Role, Roster } from '../membership/membership.ts'

/** What is kept of a conversation beside its MLS records. Immutable. */
export interface ConversationState {
  readonly id: string
  readonly kind: 'direct' | 'group'
  readonly peer: string | undefined
  /** `creating` and `joining`: a first commit, or one from outside, is under way. */
  readonly status: 'creating' | 'joining' | 'active' | 'left' | 'broken'
  readonly name: string | undefined
  /** Of the name: the highest that was seen holds. */
  readonly revision: number
  readonly generation: number
  /** The group's mailbox, once it is known. */
  readonly mailbox: string | undefined
  /** Where the newest commit stands that was applied here. */
  readonly commitSeq: number
  /** The epoch after it: in this generation, this device never goes back behind it. */
  readonly epoch?: number
  /** Where a commit stands that could not be read, though everything before it was. */
  readonly unreadableSeq?: number
  readonly roster: Roster
  /** Users who have said, in a message of their own, that they leave. */
  readonly leaving: readonly string[]
  /** The signed word of those among them who have given it; absent: of nobody. */
  readonly goodbyes?: readonly Goodbye[]
  /** What the server has announced as departed and no commit has removed yet. */
  readonly departed: readonly { readonly userId: string; readonly deviceId: string | undefined }[]
  readonly transcript: Transcript | undefined
  readonly unread: number
  /** Order of the newest message up to which this user has read. */
  readonly readUpTo: string
  readonly lastOrder: string | undefined
  readonly updatedAt: number
  /**
   * The epoch that this device came in with: messages of earlier ones that cross its coming are not for it. Undefined after
   * it has lost its state and come back: then they were.
   */
  readonly sinceEpoch: number | undefined
  /** It came in by itself, and no member has committed since. */
  readonly isFresh: boolean
  /** When this device last put fresh keys into the group; 0: it should soon. */
  readonly freshAt: number
  /** The state of the group is lost or behind: join anew before anything is sent. */
  readonly rejoin: boolean
  /** A device of this user in this group has asked for, or has, the name. */
  readonly named: boolean
}

/** The group's log within one epoch as this device has seen it, rolled into one digest. */
export interface Transcript {
  readonly epoch: number
  readonly seq: number
  readonly digest: Uint8Array
}

/** A commit that was made here and that the server has not decided yet, as far as is known here. */
export interface PendingCommit {
  readonly conversationId: string
  /** Id of the request: asking again gets the first answer. */
  readonly id: string
  readonly purpose: 'create' | 'change' | 'external' | 'reset'
  readonly generation: number
  /** The epoch that it ends. */
  readonly epoch: number
  /** Path below the server's address, and the body as it is sent, every time. */
  readonly body: Readonly<Record<string, unknown>>
  /** For the engine's `adopt`. */
  readonly pending: Uint8Array
  readonly roster: Roster
  readonly added: readonly MemberDevice[]
  readonly removed: readonly MemberDevice[]
}

export function newConversation(
  id: string,
  kind: 'direct' | 'group',
  peer: string | undefined,
  roster: Roster,
  now: number,
): ConversationState {
  return {
    id,
    kind,
    peer,
    status: 'joining',
    name: undefined,
    revision: 0,
    generation: 0,
    mailbox: undefined,
    commitSeq: 0,
    roster,
    leaving: [],
    departed: [],
    transcript: undefined,
    unread: 0,
    readUpTo: '',
    lastOrder: undefined,
    updatedAt: now,
    sinceEpoch: undefined,
    isFresh: false,
    freshAt: now,
    rejoin: false,
    named: false,
  }
}

/** What MLS knows the group by: the id, and after a reset its generation (docs/mls-groups.md). */
export function mlsGroupId(conversationId: string, generation: number): string {
  return generation === 0 ? conversationId : `${conversationId}.${generation}`
}

/** How long the keys of a device stay as they are in a group where nothing else makes it commit. */
const freshMs = 7 * 24 * 3_600_000

export function isStale({ status, rejoin, freshAt }: ConversationState, now: number): boolean {
  return status === 'active' && !rejoin && now - freshAt > freshMs
}

export function roleIn(conversation: ConversationState, userId: string): Role {
  return conversation.kind === 'direct' ? 'member' : (conversation.roster.members.get(userId) ?? 'member')
}
