import type { AckPolicy } from './acks.ts'

/** The server under load. */
export interface Target {
  readonly port: number
  readonly pid: number
  /** Key of the tokens. */
  readonly secret: string
}

export interface Span {
  readonly warmUpMs: number
  readonly measureMs: number
}

/** Pairs of one sender and one receiver, in a closed loop. */
export interface PairsJob extends Span {
  readonly kind: 'pairs'
  readonly target: Target
  readonly pairs: number
  readonly depth: number
  readonly ack: AckPolicy
}

/** One group, every member online; a few of them send. */
export interface FanOutJob extends Span {
  readonly kind: 'fanOut'
  readonly target: Target
  readonly groupId: string
  readonly userPrefix: string
  readonly members: number
  readonly senders: number
  readonly depth: number
  /** null: receivers do not acknowledge (the bare loop stores nothing). */
  readonly ack: AckPolicy | null
}

/** Messages for users who are offline, each recipient's share being equal. Not measured but for its duration. */
export interface FillJob {
  readonly kind: 'fill'
  readonly target: Target
  readonly senders: number
  readonly depth: number
  readonly recipientPrefix: string
  readonly recipients: number
  readonly messages: number
}

/** Devices that connect at the same time and receive what is stored for them. */
export interface DrainJob {
  readonly kind: 'drain'
  readonly target: Target
  readonly userPrefix: string
  /** Number of the first user. */
  readonly firstUser: number
  readonly devices: number
  readonly entriesEach: number
  readonly ack: AckPolicy
}

/** Sessions of different users that do nothing, until the load process is closed. */
export interface IdleJob {
  readonly kind: 'idle'
  readonly target: Target
  readonly userPrefix: string
  readonly sessions: number
}

export interface Rate {
  readonly count: number
  readonly seconds: number
  readonly perSecond: number
}

/** What happened in the measured span. */
export interface Measured extends Rate {
  readonly p50Ms: number
  readonly p99Ms: number
  readonly serverCpuSeconds: number
  readonly loadCpuSeconds: number
  /** What everything else on the machine used at the same time: noise. */
  readonly otherCpuSeconds: number
}

interface Results {
  readonly pairs: Measured
  readonly fanOut: Measured
  readonly fill: Rate
  readonly drain: Rate & { readonly serverCpuSeconds: number; readonly loadCpuSeconds: number }
  readonly idle: Record<string, never>
}

export type Job = PairsJob | FanOutJob | FillJob | DrainJob | IdleJob
export type JobResult<kind extends Job['kind']> = Results[kind]

/** What the load process answers. */
export type JobAnswer = { readonly result: Results[Job['kind']] } | { readonly error: string }
