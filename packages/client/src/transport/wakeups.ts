/** What tells that it is time to try again: the network is back, the page is seen again. */

type Listen = Pick<EventTarget, 'addEventListener' | 'removeEventListener'>

/** The parts of a browser's global scope, of a page or of a worker, that matter here. */
export interface WakeScope extends Partial<Listen> {
  readonly document?: Listen & { readonly visibilityState: string }
}

/** Calls `wake` on such events, where there are any. What it answers stops that. */
export function onWake(wake: () => void, scope: WakeScope = globalThis as WakeScope): () => void {
  const { document } = scope
  const seen = () => {
    if (document?.visibilityState === 'visible') wake()
  }
  scope.addEventListener?.('online', wake)
  document?.addEventListener('visibilitychange', seen)
  return () => {
    scope.removeEventListener?.('online', wake)
    document?.removeEventListener('visibilitychange', seen)
  }
}
