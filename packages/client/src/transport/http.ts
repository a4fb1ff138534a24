import type { RouteName } from '@sotto/protocol'
import { SottoError } from '@sotto/protocol/errors'
import { SottoClientError } from '../errors.ts'
import { ceilingMs, retryAfterMs } from './backoff.ts'
import { requestLine } from './http-address.ts'
import { readText } from './read-text.ts'
import { isOutcomeUnknown, refusalOf } from './refusal.ts'
import type { Pauses, Timers } from './timers.ts'
import type { Tokens } from './tokens.ts'

/** How long an answer may take, and how much longer for each byte that is sent (50 kB a second). */
const answerMs = 10_000
const bytesPerMs = 50
const answerMsMax = 40_000
const retryMsDefault = 30_000
const answerBytesMax = 16 * 1024 * 1024
/** Everything that the server holds about a user. */
const exportBytesMax = 256 * 1024 * 1024

/** Anybody may ask these: no token is needed, and `token` itself may. */
const openRoutes: ReadonlySet<RouteName> = new Set<RouteName>([
  'POST /auth/dev-token',
  'GET /health',
  'GET /ready',
  'GET /metrics',
  'GET /openapi.json',
  'GET /docs',
])

export interface HttpParts {
  /** `https://host/prefix` */
  readonly address: string
  readonly deviceId: string
  readonly tokens: Tokens
  readonly timers: Timers
  readonly pauses: Pauses
  /** A number from 0 to 1. */
  readonly fraction: () => number
  /** Aborts, with what is to be thrown, once nothing is asked any more. */
  readonly closing: AbortSignal
  /** The server answered that this device was revoked. */
  readonly revoked: (error: SottoError) => void
}

export interface Call {
  readonly name: RouteName
  readonly params?: Readonly<Record<string, unknown>> | undefined
  readonly query?: Readonly<Record<string, unknown>> | undefined
  /** JSON. */
  readonly text?: string | undefined
}

/** Requests of the route table over `fetch`. */
export class Http {
  readonly #parts: HttpParts

  constructor(parts: HttpParts) {
    this.#parts = parts
  }

  /**
   * One request; with another token if the first is not accepted.
   * Throws `SottoError` of the server's table, `offline` when there was no answer of the server, what `signal` aborts with.
   */
  async ask(call: Call, signal?: AbortSignal, timeoutMs: number = timeoutMsOf(call)): Promise<unknown> {
    const { tokens } = this.#parts
    const { signal: ended, release } = anyOf(this.#parts.closing, signal)
    try {
      if (openRoutes.has(call.name)) return await this.#exchange(call, undefined, ended, timeoutMs)
      const token = await this.#token(ended)
      try {
        return await this.#exchange(call, token, ended, timeoutMs)
      } catch (error) {
        if (!isTokenRefusal(error)) throw error
        tokens.refused(token)
      }
      const fresh = await this.#token(ended)
      try {
        return await this.#exchange(call, fresh, ended, timeoutMs)
      } catch (error) {
        if (isTokenRefusal(error)) tokens.refused(fresh)
        throw error
      }
    } finally {
      release()
    }
  }

  /** As `ask`; what may be repeated is repeated while the outcome is unknown. */
  async request(
    name: RouteName,
    input: Pick<Call, 'params' | 'query'> & { readonly body?: unknown },
    options: { readonly signal?: AbortSignal; readonly retryMs?: number } = {},
  ): Promise<unknown> {
    const { timers, pauses, fraction, closing } = this.#parts
    const { signal, retryMs = retryMsDefault } = options
    const { params, query, body } = input
    const call: Call = { name, params, query, text: body === undefined ? undefined : JSON.stringify(body) }
    const begin = timers.now()
    const isSafe = name.startsWith('GET ') || hasOwnId(body)
    for (let attempt = 0; ; attempt++) {
      const leftMs = begin + retryMs - timers.now()
      const timeoutMs = timeoutMsOf(call)
      try {
        return await this.ask(call, signal, attempt === 0 ? timeoutMs : Math.min(timeoutMs, leftMs))
      } catch (error) {
        if (!isSafe || !isUnknown(error)) throw error
        const asked = retryAfterMs((error as SottoError | SottoClientError).extra.retryAfterMs)
        const delayMs = asked + Math.floor(ceilingMs(attempt) * fraction())
        if (begin + retryMs - timers.now() <= delayMs) throw error
        const { signal: ended, release } = anyOf(closing, signal)
        await pauses.pause(delayMs, ended)
        release()
      }
    }
  }

  async #token(ended: AbortSignal): Promise<string> {
    try {
      return await orAbort(this.#parts.tokens.current(), ended)
    } catch (error) {
      if (ended.aborted) throw ended.reason
      throw new SottoClientError('offline', 'there is no token to ask with', { cause: error })
    }
  }

  async #exchange(call: Call, token: string | undefined, ended: AbortSignal, timeoutMs: number): Promise<unknown> {
    const { address, deviceId, tokens, timers, revoked } = this.#parts
    const [method, path] = requestLine(call.name, call)
    ended.throwIfAborted()
    const controller = new AbortController()
    const abort = () => controller.abort(ended.reason)
    ended.addEventListener('abort', abort)
    const cancel = timers.after(timeoutMs, () => controller.abort(new SottoClientError('offline', 'no answer came in time')))
    try {
      const response = await fetch(address + path, {
        method,
        headers: {
          ...(token === undefined ? {} : { authorization: `Bearer ${token}`, 'x-device-id': deviceId }),
          ...(call.text === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(call.text === undefined ? {} : { body: call.text }),
        signal: controller.signal,
        // The token is for this server alone, and nothing else is needed.
        redirect: 'error',
        credentials: 'omit',
        cache: 'no-store',
        referrerPolicy: 'no-referrer',
      })
      const text = await readText(response, call.name === 'GET /account/export' ? exportBytesMax : answerBytesMax)
      const answer = answerOf(response, text)
      if (token !== undefined) tokens.accepted(token)
      return answer
    } catch (error) {
      if (ended.aborted) throw ended.reason
      if (error instanceof SottoError) {
        if (error.code === 'device_revoked') revoked(error)
        else if (token !== undefined && !isTokenRefusal(error)) tokens.accepted(token)
        throw error
      }
      if (error instanceof SottoClientError) throw error
      throw new SottoClientError('offline', undefined, { cause: error })
    } finally {
      cancel()
      ended.removeEventListener('abort', abort)
    }
  }
}

function answerOf(response: Response, text: string): unknown {
  const type = response.headers.get('content-type') ?? ''
  if (response.ok) {
    // The few answers that are no JSON are not for programs like this one.
    if (!type.startsWith('application/json')) return undefined
    return parsed(text)
  }
  if (!type.startsWith('application/problem+json')) {
    throw new SottoClientError('offline', `the address answered ${response.status}, but not as this server does`, {
      extra: headerExtra(response),
    })
  }
  const members = parsed(text)
  if (typeof members !== 'object' || members === null) throw new SottoClientError('offline', 'the answer cannot be read')
  throw refusalOf({ ...headerExtra(response), ...members }, response.status)
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new SottoClientError('offline', 'the answer cannot be read', { cause: error })
  }
}

function headerExtra({ headers }: Response): Record<string, number> {
  const seconds = headers.get('retry-after')
  return seconds !== null && /^\d{1,9}$/.test(seconds) ? { retryAfterMs: Number(seconds) * 1_000 } : {}
}

function timeoutMsOf({ query, text }: Call): number {
  const waitMs = typeof query?.waitMs === 'number' ? query.waitMs : 0
  return waitMs + Math.min(answerMsMax, answerMs + Math.ceil((text?.length ?? 0) / bytesPerMs))
}

function isTokenRefusal(error: unknown): boolean {
  return error instanceof SottoError && (error.code === 'unauthenticated' || error.code === 'token_expired')
}

/** Whether the request may or may not have taken effect. */
function isUnknown(error: unknown): boolean {
  if (error instanceof SottoError) return isOutcomeUnknown(error)
  return error instanceof SottoClientError && error.code === 'offline'
}

/** What has an id of its own does no harm twice. */
function hasOwnId(body: unknown): boolean {
  return typeof body === 'object' && body !== null && typeof (body as { id?: unknown }).id === 'string'
}

/** Aborts with the first of them. `AbortSignal.any` would be held on to as long as the longest lives. */
function anyOf(first: AbortSignal, second: AbortSignal | undefined): { signal: AbortSignal; release: () => void } {
  const controller = new AbortController()
  const signals = second === undefined ? [first] : [first, second]
  const abort = () => controller.abort(signals.find(({ aborted }) => aborted)?.reason)
  for (const signal of signals) signal.addEventListener('abort', abort)
  if (signals.some(({ aborted }) => aborted)) abort()
  return {
    signal: controller.signal,
    release: () => {
      for (const signal of signals) signal.removeEventListener('abort', abort)
    },
  }
}

/** The promise, unless the signal aborts first. */
async function orAbort<value>(promise: Promise<value>, signal: AbortSignal): Promise<value> {
  signal.throwIfAborted()
  let stop = () => {}
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(signal.reason)
    signal.addEventListener('abort', stop)
  })
  try {
    return await Promise.race([promise, aborted])
  } finally {
    signal.removeEventListener('abort', stop)
  }
}
