/**
 * The part of the browser that tabs use: BroadcastChannel (html.spec.whatwg.org, web messaging) and the events of a page's
 * life (wicg.github.io/page-lifecycle). Declared here, as the compiler's own words come only with all of a browser's globals.
 */
export interface TabChannel {
  /** Everybody else who has a channel of this name gets a copy. Throws what cannot be cloned by structure. */
  postMessage(message: unknown): void
  onmessage: ((event: { readonly data: unknown }) => void) | null
  close(): void
}

interface EventSource {
  addEventListener(name: string, listener: () => void): void
  removeEventListener(name: string, listener: () => void): void
}

const web = globalThis as unknown as Partial<EventSource> & {
  readonly BroadcastChannel?: new (name: string) => TabChannel
  readonly document?: EventSource
}

/** What a tab hears of others and of its page. */
export interface TabPorts {
  /** Undefined where there are no channels: then there is one tab. */
  readonly channel: ((name: string) => TabChannel) | undefined
  /** Calls `sleep` when the page is about to stop running, `wake` when it runs again. The answer ends it. */
  watchPage(sleep: () => void, wake: () => void): () => void
}

const { BroadcastChannel } = web

export const browserPorts: TabPorts = {
  channel: BroadcastChannel === undefined ? undefined : (name) => new BroadcastChannel(name),
  watchPage(sleep, wake) {
    const { document } = web
    if (document === undefined) return () => {}
    const page = web as EventSource
    const watched = [
      [document, 'freeze', sleep],
      [document, 'resume', wake],
      [page, 'pagehide', sleep],
      [page, 'pageshow', wake],
    ] as const
    for (const [source, name, listener] of watched) source.addEventListener(name, listener)
    return () => {
      for (const [source, name, listener] of watched) source.removeEventListener(name, listener)
    }
  },
}
