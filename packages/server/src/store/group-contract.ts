import type { MemberDevice, Role } from '@sotto/protocol'
import type { Device } from './store.ts'

/** The part of a store's contract that is about groups (`store.ts`). */

export interface Group {
  readonly groupId: string
  readonly name: string | null
  readonly protocol: 'opaque' | 'mls'
  /** Rises with every change of members, roles, devices or epoch. */
  readonly version: number
  readonly createdAt: number
  readonly mailbox: string
  readonly members: ReadonlyMap<string, Role>
  /** Of an MLS group, null of others. */
  readonly mls: MlsState | null
}

export interface MlsState {
  /** The one conversation of a pair, whose users are always members. */
  readonly isDirect: boolean
  /** 0, one more with each reset. */
  readonly generation: number
  /** The epoch that the next commit ends. */
  readonly epoch: number
  /** Of the last commit. */
  readonly seq: number
  /** The devices that read the group now, by user and device id: their numbers. */
  readonly devices: ReadonlyMap<string, ReadonlyMap<string, number>>
  /** Leaves that a commit has to remove before anything else goes on. */
  readonly departed: readonly DepartedLeaf[]
}

export interface DepartedLeaf extends MemberDevice {
  /** The user is gone with all devices; else this device alone was revoked. */
  readonly whole: boolean
}

export interface GroupSummary {
  readonly groupId: string
  readonly name: string | null
  readonly protocol: 'opaque' | 'mls'
  readonly ownerId: string
  readonly admins: readonly string[]
  readonly createdAt: number
  readonly role: Role
}

/** Of an opaque group. */
export interface CreateGroup {
  readonly groupId: string
  readonly name: string | null
  readonly owner: Device
  /** Beside the owner, each once. */
  readonly members: readonly string[]
}

/**
 * A change as it was decided on `version` of the group. In an MLS group only oneself is removed, which leaves leaves to be
 * removed by a commit (`departed`), or everybody.
 */
export interface GroupChange {
  readonly groupId: string
  readonly version: number
  readonly by: Device
  readonly add: readonly string[]
  readonly remove: readonly string[]
  readonly roles: ReadonlyMap<string, Role>
  /** The group ceases to exist; `remove` names everybody. */
  readonly delete: boolean
  /** Of who leaves an MLS group: goes into the `departed` entry as it is. */
  readonly goodbye?: string | undefined
}

/** A commit of an MLS group, before it is decided. */
export interface GroupCommit {
  readonly groupId: string
  readonly from: Device
  readonly id: string
  /** The `commit` frame's members but for `type`, `mailbox`, `seq`, `receivedAt`, as of a draft. */
  readonly body: string
  /** Where in `body` the part begins that a resend must repeat. */
  readonly digestFrom: number
  /** Of what else a resend must repeat: at most 64 characters. */
  readonly digest: string
  /** Base64. */
  readonly groupInfo: string
  /** Base64; null: nobody is to get one. */
  readonly welcome: string | null
  readonly welcomeTo: readonly MemberDevice[]
  /** Decides on the group as it is in the commit's turn; undefined: there is none. Throws what the caller is told. */
  readonly decide: (group: Group | undefined) => CommitDecision
}

/** What becomes of an MLS group with a commit. */
export interface CommitDecision {
  readonly kind: 'create' | 'commit' | 'reset'
  readonly isDirect: boolean
  /** After the commit. */
  readonly generation: number
  readonly epoch: number
  /** Devices whose windows open after the commit. Those that read the group already go on reading it. */
  readonly add: readonly MemberDevice[]
  /** Devices whose windows close with the commit; a reset closes those of all others than `add` and the committer. */
  readonly remove: readonly MemberDevice[]
  /** The committing device's window opens with the commit itself. */
  readonly opensOwn: boolean
  readonly addUsers: ReadonlyMap<string, Role>
  readonly removeUsers: readonly string[]
  /** New roles of users who are members already. */
  readonly roles: ReadonlyMap<string, Role>
  /** Leaves that are still to be removed after it. */
  readonly departed: readonly DepartedLeaf[]
}

export interface GroupInfo {
  readonly groupInfo: string
  readonly generation: number
  readonly epoch: number
  readonly mailbox: string
  /** Of the last commit. */
  readonly seq: number
}
