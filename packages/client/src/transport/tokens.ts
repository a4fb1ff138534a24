import type { Clock } from '../clock.ts'
import { SottoClientError } from '../errors.ts'
import type { Timers } from './timers.ts'

/** How long an application may take to get a token. */
const askMsMax = 30_000
/** How long before its end a token is renewed; a third of its life when that is shorter. */
const marginMs = 30_000

export interface TokensParts {
  readonly clock: Pick<Clock, 'now'>
  readonly timers: Timers
  readonly token: () => Promise<string>
}

interface Held {
  readonly value: string
  /** Milliseconds since 1970 by the server's clock; undefined for a token that does not say. */
  readonly expiresAt: number | undefined
  /** By the clock of this machine. */
  readonly obtainedAt: number
  isAccepted: boolean
}

/** The application's tokens: asked for when they are needed, shared by all who need them, never verified here. */
export class Tokens {
  readonly #parts: TokensParts
  #held: Held | undefined
  #asking: Promise<string> | undefined
  /** The server's clock less this machine's. */
  #offsetMs = 0
  #refusals = 0

  constructor(parts: TokensParts) {
    this.#parts = parts
  }

  /** A token to begin with: the one at hand unless its time is nearly up. Rejects when there is none. */
  async current(): Promise<string> {
    const held = this.#held
    if (held === undefined) return await this.renewed()
    if (this.renewInMs() > 0) return held.value
    try {
      return await this.renewed()
    } catch (error) {
      // A token at hand may still do.
      if (this.#held === undefined) throw error
      return this.#held.value
    }
  }

  /** The token at hand, whatever its age. */
  get held(): string | undefined {
    return this.#held?.value
  }

  /** Asks the application, once for all who wait. */
  renewed(): Promise<string> {
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = undefined
    })
    return this.#asking
  }

  /** The server took it. */
  accepted(token: string): void {
    this.#refusals = 0
    if (this.#held?.value === token) this.#held.isAccepted = true
  }

  /** The server did not take it: another is asked for. */
  refused(token: string): void {
    const held = this.#held
    if (held?.value !== token) return
    // That a token has expired which once was good says nothing about the next.
    if (!held.isAccepted) this.#refusals += 1
    this.#held = undefined
  }

  /** Two fresh tokens in a row were refused: a third would be no better. */
  get areUseless(): boolean {
    return this.#refusals >= 2
  }

  /** The server's clock stands at `now`: tokens end by that. */
  serverTime(now: number): void {
    this.#offsetMs = now - this.#parts.clock.now()
  }

  /** When the token at hand has to be renewed; Infinity when it does not say, or says what cannot be. */
  renewInMs(): number {
    const held = this.#held
    if (held?.expiresAt === undefined) return Number.POSITIVE_INFINITY
    const { expiresAt, obtainedAt } = held
    const lifeMs = expiresAt - obtainedAt - this.#offsetMs
    // Over before it began: a clock is wrong. The server says when it is really over.
    if (lifeMs <= 0) return Number.POSITIVE_INFINITY
    return expiresAt - Math.min(marginMs, lifeMs / 3) - this.#parts.clock.now() - this.#offsetMs
  }

  async #ask(): Promise<string> {
    const { clock, timers, token } = this.#parts
    let cancel = () => {}
    const late = new Promise<never>((_, reject) => {
      cancel = timers.after(askMsMax, () => reject(new SottoClientError('offline', '`token` did not resolve in time')))
    })
    try {
      const value: unknown = await Promise.race([Promise.resolve(token()), late])
      if (typeof value !== 'string' || !/^[\x21-\x7e]+$/.test(value)) {
        throw new SottoClientError('invalid_option', '`token` must resolve with a token')
      }
      this.#held = { value, expiresAt: expiryOf(value), obtainedAt: clock.now(), isAccepted: false }
      return value
    } finally {
      cancel()
    }
  }
}

/** `exp` of a JWT (RFC 7519 section 4.1.4) in milliseconds since 1970; undefined for anything else. Verifies nothing. */
export function expiryOf(token: string): number | undefined {
  const [, payload, signature] = token.split('.')
  if (payload === undefined || signature === undefined) return undefined
  try {
    const claims: unknown = JSON.parse(atob(payload.replaceAll('-', '+').replaceAll('_', '/')))
    const exp = typeof claims === 'object' && claims !== null ? (claims as { exp?: unknown }).exp : undefined
    return typeof exp === 'number' && Number.isFinite(exp) ? exp * 1_000 : undefined
  } catch {
    return undefined
  }
}
