import { fileURLToPath } from 'node:url'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { openBrowser } from '../../../../scripts/browser/chromium.ts'
import { type ServedPage, servePage } from '../../../../scripts/browser/page.ts'
import { historyOf, type Person, person } from '../people.suite.ts'
import { type Relay, startRelay } from '../transport/relay.suite.ts'
import { sendersOf, tapCiphertexts } from './sent-once.suite.ts'
import type * as inPage from './tabs-page.suite.ts'

type InPage = typeof inPage

const eventually = { timeout: 120_000, interval: 50 }
const messagesEachWay = 500
/** Sends of one tab that wait for their answers at any time: some are cut off when their leader ends. */
const atOnce = 4

let browser: Browser
let served: ServedPage

beforeAll(async () => {
  browser = await openBrowser()
  served = await servePage({ entryModule: fileURLToPath(new URL('tabs-page.suite.ts', import.meta.url)) })
})
afterAll(async () => {
  await browser.close()
  await served.close()
})

interface Scene {
  readonly relay: Relay
  readonly context: BrowserContext
  readonly bob: Person
  /** Texts whose `send` has resolved in some tab. */
  readonly accepted: string[]
  newTab(): Promise<Page>
  /** Ends the test: every ciphertext that bob has got, and who sent it as which. */
  senders(conversationId: string): Promise<string[]>
}

async function scene(): Promise<Scene> {
  const relay = await startRelay({}, { CORS_ORIGINS: new URL(served.url).origin })
  const ciphertexts = tapCiphertexts()
  onTestFinished(() => void ciphertexts())
  const bob = await person(relay, 'bob')
  const context = await browser.newContext()
  onTestFinished(() => context.close())
  const accepted: string[] = []
  await context.exposeFunction('accepted', (text: string) => void accepted.push(text))
  return {
    relay,
    context,
    bob,
    accepted,
    async newTab() {
      const page = await context.newPage()
      await page.goto(served.url)
      expect(await call(page, 'open', relay.url, await relay.userToken('alice'))).toBe('ok')
      return page
    },
    async senders(conversationId) {
      await bob.sotto.close()
      return await sendersOf(bob.storage, conversationId, ciphertexts())
    },
  }
}

/** Calls an export of the page's module there. */
function call<Name extends keyof InPage>(
  page: Page,
  name: Name,
  ...args: Parameters<InPage[Name]>
): Promise<Awaited<ReturnType<InPage[Name]>>> {
  return page.evaluate(`entry.${name}(...${JSON.stringify(args)})`)
}

/** Ends a tab's process in the middle of whatever it does. */
async function crash(page: Page): Promise<void> {
  const devTools = await page.context().newCDPSession(page)
  const crashed = new Promise((resolve) => page.once('crash', resolve))
  void devTools.send('Page.crash').catch(() => undefined)
  await crashed
}

async function sendAll(bob: Person, conversationId: string): Promise<string[]> {
  const texts = Array.from({ length: messagesEachWay }, (_, n) => `bob ${n}`)
  const chat = bob.sotto.find(conversationId)!
  for (const text of texts) await chat.send(text)
  return texts
}

const sorted = (texts: readonly string[]) => texts.toSorted()
const ofAlice = (texts: readonly string[]) => texts.filter((text) => !text.startsWith('bob '))

describe('500 messages each way, the leader ending in the middle', () => {
  const close = (page: Page) => page.close({ runBeforeUnload: false })
  test.each([
    { name: 'two tabs, the leader is closed', ends: [close] },
    { name: 'two tabs, the leader crashes', ends: [crash] },
    { name: 'three tabs, one leader crashes and the next one is closed', ends: [crash, close] },
  ])('$name', { timeout: 600_000 }, async ({ ends }) => {
    const { bob, accepted, newTab, senders } = await scene()
    const tabs: Page[] = []
    for (let n = 0; n <= ends.length; n++) tabs.push(await newTab())
    const ids = await Promise.all(tabs.map((tab) => call(tab, 'talkTo', 'bob')))
    const [conversationId] = ids as [string]
    expect(new Set(ids).size).toBe(1)
    await expect.poll(() => bob.sotto.find(conversationId)?.state, eventually).toBe('active')

    // Tabs lead in the order of their opening; the last one stays.
    const last = tabs.at(-1)!
    const sending = [
      sendAll(bob, conversationId),
      call(last, 'send', 'last', messagesEachWay, atOnce),
      ...tabs.slice(0, -1).map((tab, n) => call(tab, 'send', `tab${n}`, messagesEachWay, atOnce).catch(() => 'its page is gone')),
    ]
    for (const [n, end] of ends.entries()) {
      const before = accepted.length
      await expect.poll(() => accepted.length, eventually).toBeGreaterThan(before + 60)
      await end(tabs[n]!)
    }
    const [sent] = (await Promise.all(sending)) as [string[]]
    await expect
      .poll(async () => (await call(last, 'history')).filter((text) => text.startsWith('bob ')).length, eventually)
      .toBe(messagesEachWay)
    const late = await newTab()
    await call(late, 'talkTo', 'bob')

    // What a page knew to be kept has arrived; what it did not know may have. Everything once.
    await expect.poll(() => accepted.filter((text) => !bob.texts().includes(text)), eventually).toEqual([])
    const arrived = bob.texts()
    expect(new Set(arrived).size).toBe(arrived.length)
    expect(arrived.filter((text) => text.startsWith('last '))).toHaveLength(messagesEachWay)

    // All see one history.
    const inOrder = async () => (await historyOf(bob, conversationId)).map(({ text }) => text)
    await expect.poll(async () => (await call(last, 'history')).length, eventually).toBe((await inOrder()).length)
    expect(await call(last, 'history')).toEqual(await inOrder())
    expect(await call(late, 'history')).toEqual(await inOrder())
    expect(sorted(ofAlice((await inOrder()) as string[]))).toEqual(sorted(arrived))
    // The tab that stayed was handed each message of bob once, whoever led.
    await expect.poll(async () => (await call(last, 'stateNow')).handed.length, eventually).toBeGreaterThanOrEqual(sent.length)
    expect(sorted((await call(last, 'stateNow')).handed)).toEqual(sorted(sent))
    expect((await call(last, 'stateNow')).state).toBe('online')
    expect((await call(last, 'stateNow')).incidents).toEqual([])
    expect(bob.incidents).toEqual([])
    expect(bob.unreadable).toEqual([])

    // No key was used twice.
    const keys = await senders(conversationId)
    expect(keys.length).toBeGreaterThanOrEqual(arrived.length)
    expect(new Set(keys).size).toBe(keys.length)
  })
})

/** A page that a driver has in hand is never frozen nor kept for later: it is told so, and goes on running. */
const told = (event: string) => async (page: Page) => {
  await page.evaluate(event)
}
const persisted = '{ persisted: true }'

test.each([
  {
    name: 'is frozen makes room, and is there again when it is thawed',
    stop: told(`document.dispatchEvent(new Event('freeze'))`),
    go: told(`document.dispatchEvent(new Event('resume'))`),
  },
  {
    name: 'is left makes room, and is there again when one comes back',
    stop: told(`dispatchEvent(new PageTransitionEvent('pagehide', ${persisted}))`),
    go: told(`dispatchEvent(new PageTransitionEvent('pageshow', ${persisted}))`),
  },
])('a leader whose page $name', async ({ stop, go }) => {
  const { bob, newTab, accepted } = await scene()
  const [first, second] = [await newTab(), await newTab()]
  const conversationId = await call(first, 'talkTo', 'bob')
  await call(second, 'talkTo', 'bob')
  const holder = () => second.evaluate<string>(`navigator.locks.query().then(({ held }) => held[0]?.clientId)`)
  const before = await holder()
  await stop(first)
  await expect.poll(async () => [undefined, before].includes(await holder()), eventually).toBe(false)
  await call(second, 'send', 'second', 10, atOnce)
  await expect.poll(() => bob.texts().length, eventually).toBe(10)
  await bob.sotto.find(conversationId)!.send('to both')
  // Nothing more will happen to them that a tab could be told of.
  await expect.poll(() => call(second, 'statuses'), eventually).toEqual(Array(10).fill('delivered'))
  await expect.poll(async () => (await call(second, 'stateNow')).handed, eventually).toEqual(['to both'])
  await go(first)
  // What it has missed it is told; the message of bob has been handled already by the other tab.
  const missed = [...Array.from({ length: 10 }, (_, n) => `second ${n}`), 'to both']
  const heard = async () => {
    const { told, handed } = await call(first, 'stateNow')
    return [...told, ...handed]
  }
  await expect.poll(heard, eventually).toEqual(expect.arrayContaining(missed))
  await expect.poll(async () => (await call(first, 'stateNow')).last, eventually).toBe('to both')
  await call(first, 'send', 'first', 10, atOnce)
  await expect.poll(() => bob.texts().length, eventually).toBe(20)
  expect(sorted(bob.texts())).toEqual(sorted(accepted))
  const inOrder = (await historyOf(bob, conversationId)).map(({ text }) => text)
  for (const tab of [first, second]) {
    await expect.poll(() => call(tab, 'history'), eventually).toEqual(inOrder)
    await expect.poll(async () => (await call(tab, 'stateNow')).state, eventually).toBe('online')
  }
  expect(bob.incidents).toEqual([])
})

test('a tab of another user on the same storage is refused, and the first goes on', async () => {
  const { relay, context, bob, newTab } = await scene()
  const first = await newTab()
  await call(first, 'talkTo', 'bob')
  const second = await context.newPage()
  await second.goto(served.url)
  expect(await call(second, 'open', relay.url, await relay.userToken('mallory'))).toBe('invalid_option')
  await call(first, 'send', 'first', 3, 1)
  await expect.poll(() => bob.texts(), eventually).toEqual(['first 0', 'first 1', 'first 2'])
})
