/** How long to wait before the next try. Pure: state in, state and delay out. */

/** Full jitter: a random part of a ceiling that doubles with each failure. */
export const ceilingMsMin = 250
export const ceilingMsMax = 30_000
/** A connection that has lasted so long makes earlier failures forgotten. */
const stableMs = 10_000
/** What a server that restarts wants its clients to be spread over. */
export const restartSpreadMs = 2_000
/** Whatever a server says, it is asked again after this. */
export const retryAfterMsMax = 300_000
/** A session that ends sooner because of its token is not begun again at once. */
const sessionMsMin = 1_000

/** How a try, or the session that it began, has ended. */
export type Ended =
  /** The network, or a server that is not there. */
  | { readonly kind: 'lost' }
  /** Close code 1012. */
  | { readonly kind: 'restarting' }
  /** The server took no session for now; `retryAfterMs`: what it asked for. */
  | { readonly kind: 'refused'; readonly retryAfterMs?: number }
  /** The token is not accepted, and there may be another. */
  | { readonly kind: 'token' }

/** @param lastedMs how long the session was open; undefined when it never was. */
export function nextTry(
  attempt: number,
  ended: Ended,
  lastedMs: number | undefined,
  fraction: number,
): { readonly attempt: number; readonly delayMs: number } {
  const from = lastedMs !== undefined && lastedMs >= stableMs ? 0 : attempt
  if (ended.kind === 'token' && (lastedMs === undefined || lastedMs >= sessionMsMin)) return { attempt: from, delayMs: 0 }
  const spread = ended.kind === 'restarting' ? Math.max(restartSpreadMs, ceilingMs(from)) : ceilingMs(from)
  const asked = ended.kind === 'refused' ? retryAfterMs(ended.retryAfterMs) : 0
  return { attempt: from + 1, delayMs: asked + Math.floor(spread * fraction) }
}

/** @param attempt failures before: 0, 1, 2… */
export function ceilingMs(attempt: number): number {
  return Math.min(ceilingMsMax, ceilingMsMin * 2 ** Math.min(attempt, 16))
}

/** What a server asks to wait, as far as that makes sense. */
export function retryAfterMs(asked: unknown): number {
  return typeof asked === 'number' && asked > 0 ? Math.min(asked, retryAfterMsMax) : 0
}

/** A number from 0 (inclusive) to 1 (exclusive) of four random bytes. */
export function fractionOf(bytes: Uint8Array): number {
  return new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0) / 2 ** 32
}
