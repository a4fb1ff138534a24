import { SottoError } from '@sotto/protocol'
import { type CryptoKey, createLocalJWKSet, errors, type JSONWebKeySet, type LocalJWKSet } from 'jose'
import type { Clock } from '../clock.ts'
import type { TokenHeader } from './token-header.ts'

/** The keys that tokens may be signed with. */
export interface KeySource {
  readonly algorithms: readonly string[]
  /** The keys that may have signed a token with this header, none when it is unknown. Throws `overloaded` when that cannot be told. */
  find(header: TokenHeader): Promise<readonly CryptoKey[]>
  /** Called when a cached answer was used: looks for changed keys now and then, in the background. */
  touch(): void
  close(): void
}

export interface JwksOptions {
  readonly url: string
  readonly clock: Clock
  /** For the whole answer. */
  readonly timeoutMs?: number
  readonly bytesMax?: number
  /** Between two fetches, whatever tokens ask for. */
  readonly cooldownMs?: number
  /** Keys of this age are fetched anew in the background. */
  readonly refreshMs?: number
  /** Keys of this age are fetched anew before they are used. */
  readonly waitMs?: number
  /** Keys of this age are not used. */
  readonly staleMs?: number
  /** The keys are others than before. */
  readonly onChanged?: () => void
  /** The keys could not be fetched, in words; free of secrets. */
  readonly onProblem?: (problem: string) => void
}

const keysMax = 100
/** Keys tried for a token that does not name one. */
const candidatesMax = 8
const keyTypes: readonly unknown[] = ['RSA', 'EC', 'OKP']
/** Before the first answer there is nothing to protect the key server from but a storm. */
const firstRetryMs = 1_000

/**
 * Keys from a JWKS address (RFC 7517): fetched on first use, every now and then, and when a token names an unknown key;
 * kept while the address does not answer. No redirects; answer, time and frequency are bounded.
 */
export function remoteKeys(options: JwksOptions): KeySource {
  const { clock, url, onChanged, onProblem } = options
  const { timeoutMs = 5_000, bytesMax = 262_144, cooldownMs = 30_000 } = options
  const { refreshMs = 600_000, waitMs = 3_600_000, staleMs = 86_400_000 } = options
  let held: { set: LocalJWKSet; text: string } | undefined
  let fetchedAt = 0
  let triedAt = Number.NEGATIVE_INFINITY
  let failed = false
  let pending: Promise<void> | undefined
  let closed = false
  let abort: AbortController | undefined

  const cooldownLeftMs = () => triedAt + (held === undefined ? firstRetryMs : cooldownMs) - clock.now()

  /** Resolves when the fetch under way has ended, well or not; begins one unless the last was too recent. */
  function refetch(): Promise<void> {
    if (pending === undefined && cooldownLeftMs() <= 0 && !closed) {
      triedAt = clock.now()
      pending = load().finally(() => {
        pending = undefined
      })
    }
    return pending ?? Promise.resolve()
  }

  async function load(): Promise<void> {
    abort = new AbortController()
    const timer = setTimeout(() => abort?.abort(new Error(`no whole answer within ${timeoutMs} ms`)), timeoutMs)
    try {
      const keySet = publicKeys(await fetchText(url, bytesMax, abort.signal))
      const text = JSON.stringify(keySet)
      if (text !== held?.text) {
        held = { set: createLocalJWKSet(keySet), text }
        onChanged?.()
      }
      fetchedAt = clock.now()
      failed = false
    } catch (error) {
      failed = true
      if (!closed) onProblem?.(`JWT_JWKS_URL: ${inWords(error)}`)
    } finally {
      clearTimeout(timer)
    }
  }

  async function current(): Promise<LocalJWKSet> {
    const ageMs = clock.now() - fetchedAt
    if (held === undefined || ageMs >= waitMs) await refetch()
    else if (ageMs >= refreshMs) void refetch()
    if (held === undefined || clock.now() - fetchedAt >= staleMs) throw unavailable()
    return held.set
  }

  function unavailable(): SottoError {
    return new SottoError('overloaded', 'the keys to check the token with cannot be had', {
      retryAfterMs: Math.max(cooldownLeftMs(), firstRetryMs),
    })
  }

  return {
    algorithms: ['RS256', 'ES256', 'EdDSA'],
    async find(header) {
      const known = await matching(await current(), header)
      if (known.length > 0) return known
      await refetch()
      const keys = await matching(await current(), header)
      // The key may be one that came up while its list cannot be had.
      if (keys.length === 0 && failed) throw unavailable()
      return keys
    },
    touch() {
      if (clock.now() - fetchedAt >= refreshMs) void refetch()
    },
    close() {
      closed = true
      abort?.abort(new Error('closing'))
    },
  }
}

async function fetchText(url: string, bytesMax: number, signal: AbortSignal): Promise<string> {
  const accept = 'application/jwk-set+json, application/json'
  const response = await fetch(url, { redirect: 'error', signal, headers: { accept } })
  const chunks: Uint8Array[] = []
  let bytes = 0
  // Leaving the loop early ends the transfer.
  for await (const chunk of response.body ?? []) {
    if (response.status !== 200) break
    bytes += chunk.byteLength
    if (bytes > bytesMax) throw new Error(`the answer has more than ${bytesMax} bytes`)
    chunks.push(chunk)
  }
  if (response.status !== 200) throw new Error(`the answer has status ${response.status}`)
  return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks))
}

/** What of an answer can verify: public keys. Throws when it is no key set. */
function publicKeys(text: string): JSONWebKeySet {
  const { keys } = (JSON.parse(text) ?? {}) as { keys?: unknown }
  if (!Array.isArray(keys)) throw new Error('the answer is not a key set')
  if (keys.length > keysMax) throw new Error(`the answer has more than ${keysMax} keys`)
  const isPublic = (key: unknown) =>
    typeof key === 'object' && key !== null && !Array.isArray(key) && 'kty' in key && keyTypes.includes(key.kty) && !('d' in key)
  return { keys: keys.filter(isPublic) }
}

/** Algorithm, `kid`, `use` and curve must fit: what a key is for is decided by the key. */
async function matching(set: LocalJWKSet, header: TokenHeader): Promise<readonly CryptoKey[]> {
  try {
    return [await set({ ...header })]
  } catch (error) {
    const keys: CryptoKey[] = []
    if (!(error instanceof errors.JWKSMultipleMatchingKeys)) return keys
    for await (const key of error) {
      keys.push(key)
      if (keys.length === candidatesMax) break
    }
    return keys
  }
}

function inWords(error: unknown): string {
  if (!(error instanceof Error)) return 'the keys cannot be fetched'
  if (error instanceof SyntaxError) return 'the answer is not JSON'
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message
}
