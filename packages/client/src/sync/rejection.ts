import { SottoError } from '@sotto/protocol/errors'
import { SottoClientError } from '../errors.ts'

/** What callers are told, whatever it was. What has no name here is an answer of the server that is none, for the most part. */
export function rejection(error: unknown): SottoClientError {
  if (error instanceof SottoClientError) return error
  if (error instanceof SottoError) return new SottoClientError(error.code, error.message, { cause: error, extra: error.extra })
  return new SottoClientError('internal', error instanceof Error ? error.message : String(error), { cause: error })
}
