import { SottoClientError } from '@sotto/client'
import { clientErrorInWords } from './client-error.ts'
import type { Device } from './with-device.ts'

export interface SessionEnd {
  /** Resolves when the server ends the session for good. */
  readonly promise: Promise<void>
  /** Why, and what to do; undefined as long as it goes on. */
  refusal(): string | undefined
  off(): void
}

const words: Readonly<Record<string, string>> = {
  replaced: 'another process has connected as this device: use a directory of its own for each (--data DIR, --link)',
}

/** The server takes this device no more: it was revoked, replaced, or its tokens are refused. */
export function sessionEnd({ sotto, place, signIn }: Device): SessionEnd {
  const { promise, resolve } = Promise.withResolvers<void>()
  let refusal: string | undefined
  const off = sotto.on('error', ({ kind, detail }) => {
    if (kind !== 'session_ended') return
    const isCode = detail === 'device_revoked' || detail === 'unauthenticated'
    const meant = isCode ? clientErrorInWords(new SottoClientError(detail, 'the server refuses the token'), place) : words[detail]
    refusal = signIn.problem() ?? meant ?? detail
    resolve()
  })
  return { promise, refusal: () => refusal, off }
}
