// The threads load nothing that they do not need: the errors without the schemas.
import { SottoError } from '@sotto/protocol/errors'
import type { ReadName, WriteName } from './operations.ts'
import type { Span } from './segments.ts'
import type { Settle } from './settle.ts'

/** What the main thread and the writer thread say to each other. */

export interface Task {
  readonly name: WriteName
  readonly args: unknown
  /** Stands and falls with the whole batch; otherwise a refusal is the task's alone. */
  readonly bound: boolean
}

/** One transaction. */
export interface Batch {
  /** The journal's position of the records; 0: there are none. */
  readonly pos: number
  readonly spans: readonly Span[]
  readonly tasks: readonly Task[]
  /** Done in a transaction of its own, after the answer. */
  readonly settle: Settle | null
  readonly checkpoint: boolean
}

export type Outcome = { readonly value: unknown } | { readonly refusal: Refusal } | { readonly failure: string }

/** A `SottoError` on its way between threads. */
export interface Refusal {
  readonly code: SottoError['code']
  readonly detail: string
  readonly extra: SottoError['extra']
}

export type WriterReply =
  | { readonly type: 'committed'; readonly outcomes: readonly Outcome[] }
  | { readonly type: 'failed'; readonly why: string }
  | { readonly type: 'settled'; readonly change: SettledChange }
  | { readonly type: 'unsettled'; readonly why: string }

/** What a settlement did. */
export interface SettledChange {
  readonly filters: FilterChange
  /** Packed (mailbox, bytes): what went to `entries`. */
  readonly kept: Float64Array
}

/** What changes in the filters of the idempotency index. */
export interface FilterChange {
  readonly added: readonly { readonly run: number; readonly filter: Uint8Array }[]
  readonly removed: readonly number[]
}

export interface ReaderRequest {
  readonly no: number
  readonly name: ReadName
  readonly args: unknown
}

export interface ReaderReply {
  readonly no: number
  readonly outcome: Outcome
}

/** Runs an operation and makes its result fit for the way to the other thread. */
export function outcomeOf(run: () => unknown): Outcome {
  try {
    return { value: run() }
  } catch (error) {
    if (error instanceof SottoError) return { refusal: { code: error.code, detail: error.message, extra: error.extra } }
    return { failure: error instanceof Error ? error.message : String(error) }
  }
}

/** The value of an outcome, or the error that it stands for. */
export function unwrap(outcome: Outcome): unknown {
  if ('value' in outcome) return outcome.value
  if ('refusal' in outcome) throw new SottoError(outcome.refusal.code, outcome.refusal.detail, outcome.refusal.extra)
  throw new Error(`store operation failed: ${outcome.failure}`)
}
