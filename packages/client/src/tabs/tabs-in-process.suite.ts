import { onTestFinished } from 'vitest'
import { systemClock } from '../clock.ts'
import type { SottoOptions } from '../options.ts'
import { memoryStorage } from '../storage/memory.ts'
import type { ClientStorage, OpenStorage } from '../storage/storage.ts'
import type { CoreApi, CoreEvent, MessageSnapshot } from '../sync/core-api.ts'
import type { Relay } from '../transport/relay.suite.ts'
import { openCore } from './open-core.ts'
import { browserPorts, type TabChannel, type TabPorts } from './web.ts'

/** Tabs without a browser: real channels, one memory, and the ends that a page can come to. */

/** What all pages of one browser share. */
export interface Profile {
  readonly storage: ClientStorage
  /** Whose turn it is cannot read, so many times. */
  failures: Error[]
}

export function newProfile(): Profile {
  const storage = memoryStorage()
  return { storage: { ...storage, sharing: 'tabs' }, failures: [] }
}

export interface Page {
  readonly options: SottoOptions
  readonly ports: TabPorts
  /** It is gone from one moment to the next: the browser frees its lock, and nothing of it is heard again. */
  crash(): Promise<void>
  /** Its storage is taken away under it. */
  loseStorage(): Promise<void>
  freeze(): void
  resume(): void
  /** Channels and watches that were not ended. */
  leaks(): number
}

export function newPage(profile: Profile, relay: Pick<Relay, 'url' | 'userToken'>, given: Partial<SottoOptions> = {}): Page {
  const held = new Set<OpenStorage>()
  const channels = new Set<TabChannel>()
  const watching = new Set<readonly [sleep: () => void, wake: () => void]>()
  let isGone = false

  const storage: ClientStorage = {
    ...profile.storage,
    async open(options) {
      const opened = await profile.storage.open(options)
      if (isGone) {
        await opened.close()
        return new Promise(() => {})
      }
      held.add(opened)
      const failure = profile.failures.shift()
      return failure === undefined ? opened : { ...opened, get: () => Promise.reject(failure) }
    },
  }
  const freeStorage = async () => {
    for (const opened of held) await opened.close()
    held.clear()
  }
  return {
    options: { url: relay.url, token: () => relay.userToken('alice'), ...given, storage },
    ports: {
      channel(name) {
        const channel = browserPorts.channel!(name)
        const tapped: TabChannel = {
          postMessage: (message) => {
            if (!isGone) channel.postMessage(message)
          },
          onmessage: null,
          close() {
            channels.delete(channel)
            channel.close()
          },
        }
        channel.onmessage = (event) => {
          if (!isGone) tapped.onmessage?.(event)
        }
        channels.add(channel)
        return tapped
      },
      watchPage(sleep, wake) {
        const watch = [sleep, wake] as const
        watching.add(watch)
        return () => watching.delete(watch)
      },
    },
    async crash() {
      isGone = true
      await freeStorage()
    },
    loseStorage: freeStorage,
    freeze() {
      for (const [sleep] of [...watching]) sleep()
    },
    resume() {
      for (const [, wake] of [...watching]) wake()
    },
    leaks: () => channels.size + watching.size,
  }
}

export interface Tab extends Page {
  readonly core: CoreApi
  readonly events: CoreEvent[]
  texts(): (string | undefined)[]
  count(type: CoreEvent['type']): number
}

/** Opens a tab; it is closed at the end of the test. */
export async function openTab(page: Page): Promise<Tab> {
  const core = await openCore(page.options, systemClock, page.ports)
  onTestFinished(() => core.close())
  const events: CoreEvent[] = []
  core.listen((event) => void events.push(event))
  return {
    ...page,
    core,
    events,
    texts: () => events.flatMap((event) => (event.type === 'message' ? [event.message.text] : [])),
    count: (type) => events.filter((event) => event.type === type).length,
  }
}

/** The same message however often it is sent. */
export function draft(text: string) {
  return {
    salt: systemClock.random(16),
    sentAt: systemClock.now(),
    content: { kind: 'text', text },
  } as const
}

/** All of a conversation, oldest first. */
export async function historyOf({ core }: Tab, conversationId: string): Promise<MessageSnapshot[]> {
  const messages: MessageSnapshot[] = []
  for (;;) {
    const page = await core.call('history', conversationId, { before: messages[0]?.id, limit: 100 })
    messages.unshift(...page.toReversed())
    if (page.length < 100) return messages
  }
}
