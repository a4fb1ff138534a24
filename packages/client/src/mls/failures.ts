import type { Decoder } from 'ts-mls/codec/tlsDecoder.js'
import { decodeMlsMessage, type MLSMessage } from 'ts-mls/message.js'
import { MlsFailure, type MlsFailureReason } from './engine.ts'

/** Runs what may throw anything, and gives whatever it throws a reason: a MlsFailure keeps its own. */
export async function failingAs<T>(reason: MlsFailureReason, run: () => Promise<T>): Promise<T> {
  try {
    return await run()
  } catch (error) {
    throw error instanceof FromCaller ? error : asFailure(reason, error)
  }
}

/** An error of a callback on its way out: it is no failure of MLS, and has to arrive as it was. */
class FromCaller extends Error {}

type Guard = <A extends unknown[], R>(callback: (...values: A) => R) => (...values: A) => R

/** Runs something with callbacks of the caller in it, which `guard` marks, and lets their errors through unchanged. */
export async function passingThrough<T>(run: (guard: Guard) => Promise<T>): Promise<T> {
  const marked = (cause: unknown) => new FromCaller('a callback failed', { cause })
  const guard: Guard =
    (callback) =>
    (...values) => {
      try {
        const result = callback(...values)
        if (!(result instanceof Promise)) return result
        return result.catch((error: unknown) => Promise.reject(marked(error))) as typeof result
      } catch (error) {
        throw marked(error)
      }
    }
  try {
    return await run(guard)
  } catch (error) {
    throw error instanceof FromCaller ? error.cause : error
  }
}

export function asFailure(reason: MlsFailureReason, error: unknown): MlsFailure {
  if (error instanceof MlsFailure) return error
  const detail = error instanceof Error ? error.message : undefined
  return new MlsFailure(reason, detail === undefined || detail === '' ? undefined : detail, { cause: error })
}

/** Decodes all of the bytes, not a part of them. @throws MlsFailure `reason`. */
export function decodeWhole<T>(decoder: Decoder<T>, bytes: Uint8Array, reason: MlsFailureReason): T {
  let decoded: [T, number] | undefined
  try {
    decoded = decoder(bytes, 0)
  } catch (error) {
    throw asFailure(reason, error)
  }
  if (decoded === undefined || decoded[1] !== bytes.length) throw new MlsFailure(reason)
  return decoded[0]
}

/** An MLSMessage of the wire format. The bytes are copied: what is decoded lies in them, and outlives the call. */
export function decodeMessage<W extends MLSMessage['wireformat']>(
  bytes: Uint8Array,
  wireformat: W,
  reason: MlsFailureReason,
): Extract<MLSMessage, { wireformat: W }> {
  const message = decodeWhole(decodeMlsMessage, new Uint8Array(bytes), reason)
  if (message.wireformat !== wireformat) throw new MlsFailure(reason, `an MLS message of another kind: ${message.wireformat}`)
  return message as Extract<MLSMessage, { wireformat: W }>
}
