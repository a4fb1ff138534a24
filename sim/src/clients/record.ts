import type { HandingStep } from '../handing.ts'
import type { DeviceName } from '../history.ts'

/**
 * What a run of clients leaves behind, for the checker to judge. What was sent, handed over and shown is as the
 * applications saw it; the log of the groups is what passed over the wire, put together from all devices.
 */
export interface ClientsRecord {
  readonly devices: readonly Fate[]
  readonly log: readonly LogEntry[]
  /** Two devices were shown different entries under one number, and the like. */
  readonly conflicts: readonly string[]
  /** What was still under way when the run was ended because it took too long. */
  readonly unsettled: readonly string[]
  readonly sends: readonly SendCall[]
  readonly handed: readonly Handed[]
  readonly leavings: readonly Leaving[]
  readonly incidents: readonly RecordedIncident[]
  /** Of devices that are there at the end, after everything has settled. */
  readonly views: readonly View[]
  /** Calls that changed the membership of something, by what they were. */
  readonly changes: Readonly<Record<string, number>>
  /** Calls that were refused, by reason. */
  readonly refusals: Readonly<Record<string, number>>
}

export interface Fate {
  readonly device: DeviceName
  /** It was revoked, and its application ended. */
  readonly revoked: boolean
}

export type LogEntry = {
  readonly group: string
  readonly seq: number
} & (LoggedCommit | LoggedMessage | LoggedDeparture)

interface LoggedCommit {
  readonly kind: 'commit'
  readonly generation: number
  /** The one that it ends. */
  readonly epoch: number
  readonly by: DeviceName
  readonly added: readonly DeviceName[]
  readonly removed: readonly DeviceName[]
  readonly external: boolean
}

interface LoggedMessage {
  readonly kind: 'message'
  readonly generation: number
  /** The one that it was encrypted in. */
  readonly epoch: number
  readonly by: DeviceName
  /** The sender's: of what is shown, that of `Message.id`. */
  readonly id: string
}

interface LoggedDeparture {
  readonly kind: 'departed'
  readonly user: string
  /** Undefined: the user with all devices. */
  readonly device: DeviceName | undefined
}

/** A call of `send`, in the order of the calls of its device. */
export interface SendCall {
  readonly device: DeviceName
  readonly group: string
  /** Nobody else sends this text. */
  readonly text: string
  /** Undefined: the call did not resolve; the message may have been queued or not. */
  readonly id: string | undefined
}

/** A step of the application's handler, in order. */
export interface Handed extends HandingStep {
  readonly device: DeviceName
}

/** A device leaves a group of its own will: what had not reached it by then is nothing to it. */
export interface Leaving {
  readonly user: string
  readonly device: DeviceName
  readonly group: string
  /** The last entry that had been delivered to the device when it began to leave. */
  readonly seenSeq: number
}

export interface RecordedIncident {
  readonly device: DeviceName
  readonly kind: string
  readonly group: string | undefined
  readonly detail: string
}

export interface View {
  readonly device: DeviceName
  readonly groups: readonly GroupView[]
}

export interface GroupView {
  readonly group: string
  readonly state: string
  /** Undefined: the device keeps no MLS state of the group. */
  readonly mls: { readonly generation: number; readonly epoch: number; readonly authenticator: string } | undefined
  /** Role by user. */
  readonly members: Readonly<Record<string, string>>
  readonly messages: readonly ShownMessage[]
}

export interface ShownMessage {
  readonly id: string
  readonly from: DeviceName
  readonly own: boolean
  readonly text: string | undefined
  readonly status: string | undefined
  readonly failure: string | undefined
  readonly unreadable: string | undefined
  /** Of what is in the log: its number there. */
  readonly seq: number | undefined
}
