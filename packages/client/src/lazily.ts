import { SottoClientError } from './errors.ts'

/**
 * A part of the code that is loaded when it is first asked for, and once: a page opens without it. Where it does not come,
 * whoever asked is told so before anything was done, and the next to ask tries anew.
 * @throws SottoClientError `code_unavailable`.
 */
export function lazily<part>(load: () => Promise<part>): () => Promise<part> {
  let loaded: Promise<part> | undefined
  return () => {
    loaded ??= load().catch((cause: unknown) => {
      loaded = undefined
      throw new SottoClientError('code_unavailable', undefined, { cause })
    })
    return loaded
  }
}
