import { SottoClientError } from '../errors.ts'
import type { CoreEvent, CoreMethod, SelfSnapshot } from '../sync/core-api.ts'

/** What the tabs of one storage tell each other. All hear everything; the version stands beside it (`pack`). */
export type TabMessage =
  /** Who leads? */
  | { readonly kind: 'hello' }
  /** Whoever has the storage open, when it begins and when asked. `leader` is new each time that somebody begins. */
  | { readonly kind: 'leads'; readonly leader: string; readonly self: SelfSnapshot }
  | CallMessage
  | { readonly kind: 'answer'; readonly to: string; readonly id: number; readonly outcome: Outcome }
  | { readonly kind: 'event'; readonly leader: string; readonly event: CoreEvent }

export interface CallMessage {
  readonly kind: 'call'
  /** The tab that asks. */
  readonly from: string
  /** Of that tab's call: the same when it is asked again. */
  readonly id: number
  /** It was asked before, of this leader or one before it, and may have been done. */
  readonly again: boolean
  readonly method: CoreMethod
  readonly args: readonly unknown[]
}

type Outcome = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly error: CrossedError }

/** An error as it crosses: `code` undefined for what is none of the SDK's own. */
interface CrossedError {
  readonly code: SottoClientError['code'] | undefined
  readonly message: string
  readonly extra: Readonly<Record<string, unknown>>
}

/** Raised whenever tabs of two versions would not understand each other: messages here, methods and events of CoreApi. */
const version = 1

export function pack(message: TabMessage): unknown {
  return { sotto: version, message }
}

/** `other_version`: it leads, and does not speak as this one does. Undefined: nothing of ours. */
export function unpack(data: unknown): TabMessage | 'other_version' | undefined {
  if (typeof data !== 'object' || data === null || !('sotto' in data) || !('message' in data)) return undefined
  if (typeof data.message !== 'object' || data.message === null) return undefined
  const message = data.message as TabMessage
  if (data.sotto === version) return message
  return message.kind === 'leads' ? 'other_version' : undefined
}

export function crossed(error: unknown): CrossedError {
  if (error instanceof SottoClientError) return { code: error.code, message: error.message, extra: error.extra }
  return { code: undefined, message: error instanceof Error ? error.message : String(error), extra: {} }
}

export function arrived({ code, message, extra }: CrossedError): Error {
  return code === undefined ? new Error(message) : new SottoClientError(code, message, { extra })
}
