import type { AckPolicy } from './load/acks.ts'
import type { Span } from './load/job.ts'

/** Everything that a measurement can be sized by; kept with the results. */
export interface Settings {
  /** Subject and reference take turns; each figure is the median of so many. */
  readonly rounds: number
  readonly span: Span
  readonly relay: { readonly pairs: number; readonly depths: readonly number[]; readonly ack: AckPolicy }
  readonly fanOut: { readonly members: number; readonly senders: number; readonly depth: number; readonly ack: AckPolicy }
  readonly drain: { readonly devices: number; readonly entriesEach: number; readonly ack: AckPolicy }
  readonly idle: { readonly sessions: number; readonly warmUpSessions: number; readonly settleMs: number }
  readonly stored: { readonly levels: readonly number[]; readonly recipientsMin: number; readonly depth: number }
  readonly fill: { readonly senders: number; readonly depth: number }
  readonly sdk: SdkSettings
}

/** Of `npm run bench -- sdk`. */
export interface SdkSettings {
  readonly rounds: number
  readonly textBytes: number
  readonly messages: {
    readonly members: readonly number[]
    readonly each: number
    /** Rounds of a process or page, after one of `warmUp` messages. */
    readonly rounds: number
    readonly warmUp: number
  }
  readonly history: { readonly messages: number; readonly conversations: readonly number[] }
  readonly idle: { readonly members: readonly number[]; readonly settleMs: number }
}

export const fullSettings: Settings = {
  rounds: 3,
  span: { warmUpMs: 1_000, measureMs: 4_000 },
  relay: { pairs: 200, depths: [1, 8], ack: { entries: 16, afterMs: 50 } },
  fanOut: { members: 1_000, senders: 4, depth: 4, ack: { entries: 64, afterMs: 50 } },
  drain: { devices: 20, entriesEach: 2_000, ack: { entries: 32, afterMs: 50 } },
  idle: { sessions: 5_000, warmUpSessions: 200, settleMs: 10_000 },
  stored: { levels: [10_000, 100_000, 1_000_000], recipientsMin: 500, depth: 8 },
  fill: { senders: 16, depth: 64 },
  sdk: {
    rounds: 5,
    textBytes: 200,
    messages: { members: [2, 50, 200], each: 300, rounds: 5, warmUp: 100 },
    history: { messages: 10_000, conversations: [1, 500] },
    idle: { members: [2, 200], settleMs: 1_500 },
  },
}

/** Under a minute; good for a first look, not for a claim. */
export const quickSettings: Settings = {
  ...fullSettings,
  rounds: 1,
  span: { warmUpMs: 600, measureMs: 1_500 },
  idle: { sessions: 2_000, warmUpSessions: 200, settleMs: 4_000 },
  stored: { ...fullSettings.stored, levels: [10_000, 100_000] },
  sdk: {
    ...fullSettings.sdk,
    rounds: 1,
    messages: { members: [3], each: 40, rounds: 1, warmUp: 10 },
    history: { messages: 500, conversations: [1, 50] },
    idle: { members: [2, 3], settleMs: 300 },
  },
}

/** What the whole is judged by. */
export const goals = {
  relayRatio: 0.55,
  fanOutRatio: 0.8,
  drainPerSecond: 60_000,
  idleBytes: 12 * 1024,
  /** Slowest level over the first: flat within a fifth. */
  storedRatio: 0.8,
  sdkBundleBytes: 80_000,
  sdkOpenMs: 300,
} as const
