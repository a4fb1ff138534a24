import type { Goodbye } from './goodbye.ts'

/**
 * Who is in a conversation and may do what, by the history of commits alone: the server's word changes nothing.
 */
export type Role = 'owner' | 'admin' | 'member'

export interface MemberDevice {
  readonly userId: string
  readonly deviceId: string
}

/** Users and roles of a conversation after a commit. Travels signed in the GroupInfo, so that joiners know it. */
export interface Roster {
  /** Of a conversation of two: both, fixed; roles mean nothing. */
  readonly direct: boolean
  /** By user id; a user may be a member without a device (its last one was revoked). */
  readonly members: ReadonlyMap<string, Role>
  /**
   * The epoch whose end brought the user in, by a commit that adds a device of it where it had none: another one whenever the
   * user is added again. Of a group; users of its first commit, whose epoch is 0, are left out.
   */
  readonly since?: ReadonlyMap<string, number>
}

/** What a commit says that it does: its authenticated data. Compared with what it does. */
export interface CommitClaim {
  readonly added: readonly MemberDevice[]
  readonly removed: readonly MemberDevice[]
  /** Users who cease to be members by it. */
  readonly left: readonly string[]
  readonly roles: ReadonlyMap<string, Role>
  /** Of users whom it removes because they leave: their own word, one for a user. */
  readonly goodbyes: readonly Goodbye[]
  /** SHA-256 of the roster after the commit, so that nobody goes on with another one. */
  readonly rosterHash: Uint8Array
}
