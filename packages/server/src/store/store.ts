import type { ClaimedKeys, GoneReason, Limits, MemberDevice, OneTimePreKey, SignedPreKey } from '@sotto/protocol'
import type { Clock } from '../clock.ts'
import type { CreateGroup, Group, GroupChange, GroupCommit, GroupInfo, GroupSummary } from './group-contract.ts'

export type * from './group-contract.ts'

/**
 * What a store must do (docs/design.md). Adapters: `sqlite`, `postgres`; one conformance suite,
 * `store.suite.ts`, is run against each.
 *
 * Every promise that resolves after a change resolves only once that change is on disk (G1), but for
 * `acknowledge`, which is persisted within a second. Refusals are `SottoError`s; `overloaded` means that
 * the outcome is unknown and the same call may be made again.
 */
export interface Store {
  /** Registers the device if it is new. Throws `device_revoked`, `limit_reached` (USER_DEVICES). */
  openDevice(request: OpenDevice): Promise<Device>
  /** The device if it is registered; registers none. Throws `device_revoked`. Asked by every request. */
  findDevice(userId: string, deviceId: string): Device | undefined | Promise<Device | undefined>
  listDevices(userId: string): Promise<readonly DeviceRecord[]>
  /** `false` when the user has no such live device. */
  renameDevice(userId: string, deviceId: string, name: string): Promise<boolean>
  /** Drops the device's keys, mailbox and cursors; the id stays dead. `false` when there is no such live device. */
  revokeDevice(userId: string, deviceId: string): Promise<boolean>

  /**
   * Appends a message. A resend (same device and id) is looked up before anything else is judged and gets the
   * first answer. Throws `id_conflict`, `mailbox_full`, `not_found` (device of the recipient), `overloaded`;
   * when the membership of a group is no longer at `draft.to.version`, it
   * is decided again in the message's turn, or `moved` is answered where the draft brings nothing to decide with.
   */
  append(draft: Draft): Promise<Appended | Moved>
  /** The first answer, if this is a resend: for those who would refuse before they append. Throws `id_conflict`. */
  repeated(draft: Draft): Promise<Appended | undefined>
  /** Whether a message or commit of the device was taken under this id. */
  hasTaken(device: Device, id: string): Promise<boolean>
  /** Entries after `after`, in order, holes included, until a limit is reached (at least one item if there is any). */
  read(mailbox: string, after: number, limit: ReadLimit): readonly Item[] | Promise<readonly Item[]>
  /** The highest seq whose entry was received before `receivedAt`, 0 when there is none: read on from there. */
  seek(mailbox: string, receivedAt: number): Promise<number>
  /** Every mailbox that the device reads, with its position. Device mailbox first, then user, then groups. */
  subscriptions(device: Device): Promise<readonly Subscription[]>
  /** What a device that is not registered yet reads: the user mailbox from the oldest entry held, and the groups in the user's windows. */
  readable(userId: string): Promise<readonly Subscription[]>
  /** Moves cursors forward, never back; seqs beyond the head or outside the device's mailboxes throw `bad_request`, `forbidden`. */
  acknowledge(device: Device, acks: readonly Ack[]): void | Promise<void>
  /** What the device has acknowledged in each mailbox that it holds entries back in: 0 where it has nothing yet. */
  acknowledged(device: Device): Promise<readonly Ack[]>
  /** Notes that entries reached a device that does not acknowledge (basic protocol): they no longer count as undelivered. */
  delivered(mailbox: string, seq: number): void
  /** No append that is not yet readable will carry an earlier `receivedAt`. The store's clock. */
  horizon(): number

  createGroup(request: CreateGroup): Promise<Group>
  group(groupId: string): Group | undefined | Promise<Group | undefined>
  /** Throws `limit_reached` (USER_GROUPS), `rate_limited` (ADDS_PAIR_PER_DAY). Of an MLS group: to leave it, or to delete it. */
  changeGroup(change: GroupChange): Promise<Group | Moved>
  /**
   * Appends a commit of an MLS group with all that changes together with it, or nothing of it (G4): one at a time in a group,
   * decided in its turn. A resend (same device and id) is looked up before anything is decided and gets the first answer.
   * Throws `id_conflict`, what `decide` throws, `not_found` (a device that is to be added), `limit_reached`, `rate_limited`,
   * `mailbox_full` (more waits for a first delivery than a device may hold back).
   */
  commitGroup(commit: GroupCommit): Promise<Appended>
  /** The GroupInfo of an MLS group's newest epoch; undefined when there is no such group. */
  groupInfo(groupId: string): Promise<GroupInfo | undefined>
  /** The user's groups in the order of their ids, after `after`. */
  listGroups(userId: string, after: string, limit: number): Promise<readonly GroupSummary[]>

  /** A changed identity key clears the device's other keys of its family and its key id history, not its key packages. */
  setIdentity(device: Device, keys: IdentityKeys): Promise<void>
  /** Adds one-time prekeys; the number now held. Throws `key_conflict`, `limit_reached` (PREKEYS). */
  addPreKeys(device: Device, preKeys: readonly OneTimePreKey[]): Promise<number>
  /** Claims atomically (G5). Throws `no_prekeys`, `rate_limited` (CLAIMS_…). */
  claimPreKeys(claim: Claim): Promise<readonly Claimed[]>
  /**
   * Adds one-time key packages and replaces the last-resort one of the ciphersuite; the number of one-time ones now held. One
   * that is held already is ignored. Throws `key_conflict`, `limit_reached` (KEY_PACKAGES).
   */
  addKeyPackages(device: Device, upload: KeyPackageUpload): Promise<number>
  /**
   * Claims atomically (G5): of each live device the oldest one-time key package, or the last-resort one, which stays, where
   * there is no other or CLAIMS_… forbid it. Those that are older than `keyPackageMsMax` or the retention have expired.
   */
  claimKeyPackages(claim: KeyPackageClaim): Promise<readonly KeyPackageOutcome[]>
  countKeys(device: Device): Promise<KeyCounts>
  /** The counts of a device that has uploaded one-time keys of a kind and has fewer than KEYS_LOW of it left; undefined for others. */
  keysLow(device: Device): Promise<KeyCounts | undefined>

  /**
   * Puts the next version of the user's signed device list; the very same list again is nothing. Throws `stale_version` with
   * the current list (its `version` 0: there is none).
   */
  putDeviceList(device: Device, list: DeviceList): Promise<void>
  deviceList(userId: string): Promise<DeviceList | undefined>

  putTicket(ticket: Ticket): Promise<void>
  /** At most one caller gets it, before it expires. */
  takeTicket(hash: string): Promise<Ticket | undefined>

  exportAccount(userId: string): Promise<Record<string, unknown>>
  /** Erases the user from every table: devices, keys, mailboxes, memberships, what was sent and not yet delivered. */
  eraseAccount(userId: string): Promise<ErasedAccount>

  /** Deletes what has expired. Called every few minutes. */
  sweep(): Promise<Swept>
  /** Resolves when the store can serve. */
  ping(): Promise<void>
  stats(): StoreStats
  /** Commits what was accepted, persists cursors, releases the files. */
  close(): Promise<void>
}

/** What every adapter is opened with. */
export interface StoreOptions {
  readonly clock: Clock
  readonly limits: Limits
  /** How long entries and the records of their ids are kept. */
  readonly retentionMs: number
  /** Called after each commit of this process with what it appended, in order. */
  readonly onAppended: (entries: readonly Entry[]) => void
  /** Called after each commit with how many messages it held and how long it took, its sync included. */
  readonly onCommitted?: (messages: number, durationMs: number) => void
  /** Called with what failed when a commit did: for the log. */
  readonly onTrouble?: (why: string) => void
}

export interface OpenDevice {
  readonly userId: string
  readonly deviceId: string
  /** From now on the device holds entries back until it has acknowledged them. */
  readonly holds: boolean
}

export interface Device {
  /** The store's number of this device: never reused. */
  readonly no: number
  readonly userId: string
  readonly deviceId: string
}

export interface DeviceRecord {
  readonly deviceId: string
  readonly name: string | null
  readonly createdAt: number
  readonly lastSeenAt: number
}

export const entryKinds = { msg: 1, membership: 2, commit: 3, welcome: 4, departed: 5 } as const
export type EntryKind = (typeof entryKinds)[keyof typeof entryKinds]

export type Recipient =
  | { readonly kind: 'user'; readonly userId: string }
  | { readonly kind: 'device'; readonly userId: string; readonly deviceId: string }
  | {
      readonly kind: 'group'
      readonly groupId: string
      /** The membership that the decision to send was taken on. */
      readonly version: number
      /** Decides again, on the membership as it is when the message's turn has come: throws what the sender is told. */
      readonly decide?: (group: Group | undefined) => void
    }

export interface Draft {
  readonly to: Recipient
  readonly from: Device
  readonly id: string
  /** The frame's members but for `type`, `mailbox`, `seq`, `receivedAt`: JSON text without the opening brace, `"id":…}`. */
  readonly body: string
  /** Where in `body` the part begins that a resend must repeat: `to`, scope, device, ciphertext, contentType (docs/socket.md). */
  readonly digestFrom: number
  /** 0: as long as the retention. */
  readonly expiresInMs: number
}

export interface Appended {
  readonly mailbox: string
  readonly seq: number
  readonly receivedAt: number
  readonly duplicate: boolean
}

export type Moved = 'moved'

/** What is stored in a mailbox. `json` is the frame, the same bytes for every receiver. */
export interface Entry {
  readonly mailbox: string
  readonly seq: number
  readonly kind: EntryKind
  /** Number of the sending device; 0: the server's own. */
  readonly sender: number
  readonly receivedAt: number
  readonly json: Buffer
  /**
   * The same in pieces, one behind the other, where a large one is shared with other entries: then `json` is a copy, made each
   * time that it is asked for.
   */
  readonly pieces?: readonly Buffer[]
}

/** Entries `seq`…`to` will not come. */
export interface Gap {
  readonly gone: GoneReason
  readonly mailbox: string
  readonly seq: number
  readonly to: number
}

export type Item = Entry | Gap

export interface ReadLimit {
  readonly entries: number
  readonly bytes: number
}

export interface Subscription {
  readonly mailbox: string
  readonly kind: 'device' | 'user' | 'group'
  /** Of a group mailbox. */
  readonly groupId: string | null
  /** What the device has acknowledged, or where it begins: read after this. */
  readonly cursor: number
  readonly head: number
  /** The seqs that the device may read, ascending: after `from`, up to and including `to` (Infinity: open). */
  readonly windows: readonly Window[]
  /** Of an MLS group: nothing of it is sent before the device mailbox has been sent up to here, where its Welcome stands; 0: at once. */
  readonly after: number
}

export interface Window {
  readonly from: number
  readonly to: number
}

export interface Ack {
  readonly mailbox: string
  readonly seq: number
}

export interface IdentityKeys {
  readonly identityKey: string
  readonly signedPreKey: SignedPreKey | null
  readonly pqPreKey: SignedPreKey | null
}

export interface Claim {
  readonly claimant: string
  readonly userId: string
  /** A device id, `*` for each, or null: device `default`, else the one that uploaded last. */
  readonly device: string | null
}

export interface Claimed extends ClaimedKeys {
  /** What the device has left. */
  readonly left: KeyCounts
}

/** How long a key package is kept at most. */
export const keyPackageMsMax = 90 * 24 * 3_600_000

/** Key packages in base64, in its canonical form. */
export interface KeyPackageUpload {
  readonly ciphersuite: number
  readonly keyPackages: readonly string[]
  readonly lastResort: string | null
}

export interface KeyPackageClaim {
  readonly claimant: string
  /** One that is named twice counts once. */
  readonly userIds: readonly string[]
  readonly ciphersuite: number
  readonly except: readonly MemberDevice[]
}

/** What a claim came to, for one device; `deviceId` null: the user has no live device. */
export interface KeyPackageOutcome {
  readonly userId: string
  readonly deviceId: string | null
  readonly given: { readonly keyPackage: string; readonly lastResort: boolean } | null
  /** What the device has left; null for one that has no fewer than before. */
  readonly left: KeyCounts | null
}

/** A user's signed device list: opaque but for `version`. */
export interface DeviceList {
  readonly version: number
  readonly identityKey: string
  readonly devices: string
  readonly signature: string
  readonly endorsement?: string | undefined
}

export interface KeyCounts {
  readonly oneTimePreKeys: number
  readonly keyPackages: number
}

export interface Ticket {
  /** SHA-256 of the ticket, base64url. */
  readonly hash: string
  readonly userId: string
  readonly deviceId: string
  /** When the token that it stands for expires. */
  readonly tokenExpiresAt: number
  readonly expiresAt: number
}

export interface ErasedAccount {
  readonly devices: readonly string[]
  readonly groups: readonly string[]
}

export interface Swept {
  readonly entries: number
  readonly tickets: number
}

export interface StoreStats {
  /** Messages accepted since the start. */
  readonly appended: number
  readonly commits: number
  /** Appends that wait for a commit. */
  readonly queued: number
  readonly failedCommits: number
}
