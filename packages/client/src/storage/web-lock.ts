import { SottoClientError } from '../errors.ts'

/**
 * Takes an exclusive lock among all pages and workers of this origin (w3.org/TR/web-locks). The browser frees it when the
 * page ends, however it ends. `onStolen` is called when another page took it by force.
 *
 * Resolves with what releases it. @throws `storage_in_use` without `wait`; the reason of `signal`.
 */
export async function takeWebLock(
  name: string,
  { wait = false, signal }: { readonly wait?: boolean; readonly signal?: AbortSignal },
  onStolen: () => void,
): Promise<() => void> {
  signal?.throwIfAborted()
  const how = wait ? (signal === undefined ? {} : { signal }) : { ifAvailable: true }
  return new Promise((resolve, reject) => {
    let held = false
    const holding = navigator.locks.request(name, how, (lock) => {
      if (lock === null) throw new SottoClientError('storage_in_use', 'Another tab or instance has this storage open.')
      return new Promise<void>((release) => {
        held = true
        resolve(release)
      })
    })
    holding.catch((error: unknown) => {
      if (held) onStolen()
      else reject(error)
    })
  })
}
