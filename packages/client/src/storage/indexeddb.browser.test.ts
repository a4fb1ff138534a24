import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { openBrowser, openProfile } from '../../../../scripts/browser/chromium.ts'
import { type ServedPage, servePage } from '../../../../scripts/browser/page.ts'
import type * as inPage from './indexeddb-page.suite.ts'
import { storageCases } from './storage-cases.suite.ts'

type InPage = typeof inPage

let browser: Browser
let served: ServedPage

beforeAll(async () => {
  browser = await openBrowser()
  served = await servePage({ entryModule: fileURLToPath(new URL('indexeddb-page.suite.ts', import.meta.url)) })
})
afterAll(async () => {
  await browser.close()
  await served.close()
})

async function newContext(): Promise<BrowserContext> {
  const context = await browser.newContext()
  onTestFinished(() => context.close())
  return context
}

async function newTab(context: BrowserContext): Promise<Page> {
  const page = await context.newPage()
  await page.goto(served.url)
  return page
}

/** Calls an export of the page's module there. */
function call<Name extends keyof InPage>(
  page: Page,
  name: Name,
  ...args: Parameters<InPage[Name]>
): Promise<Awaited<ReturnType<InPage[Name]>>> {
  return page.evaluate(`entry.${name}(...${JSON.stringify(args)})`)
}

/** Resolves to whether it is done by itself within a while. */
const doneSoon = (work: Promise<unknown>) =>
  Promise.race([work.then(() => true), new Promise<false>((resolve) => setTimeout(resolve, 200, false))])

describe('indexeddb', () => {
  test.each(storageCases.map(({ name }) => name))('%s', async (name) => {
    await call(await newTab(await newContext()), 'runCase', name)
  })
})

test('a case that fails in the page fails here', async () => {
  const page = await newTab(await newContext())
  await expect(call(page, 'runCase', 'no such case')).rejects.toThrow('there is no case no such case')
})

describe('several tabs', () => {
  test('one has it at a time, and the next one gets it when that one closes it', async () => {
    const context = await newContext()
    const [first, second] = [await newTab(context), await newTab(context)]
    expect(await call(first, 'openStorage', null, false)).toBe('ok')
    expect(await call(second, 'openStorage', null, false)).toBe('storage_in_use')
    expect(await call(second, 'openStorage', 'another', false)).toBe('ok')
    const turn = call(second, 'openStorage', null, true)
    expect(await doneSoon(turn)).toBe(false)
    await call(first, 'write', { a: 'from the first' })
    await call(first, 'closeStorage')
    expect(await turn).toBe('ok')
    expect(await call(second, 'readAll')).toEqual({ a: 'from the first' })
  })

  test('a tab that is closed, or crashes, makes room for the next in line', async () => {
    const context = await newContext()
    const [first, second, third] = [await newTab(context), await newTab(context), await newTab(context)]
    await call(first, 'openStorage', null, false)
    await call(first, 'write', { a: '1' })
    const turn = call(second, 'openStorage', null, true)
    expect(await doneSoon(turn)).toBe(false)
    await first.close()
    expect(await turn).toBe('ok')
    await call(second, 'write', { b: '2' })
    const last = call(third, 'openStorage', null, true)
    expect(await doneSoon(last)).toBe(false)
    await crash(second)
    expect(await last).toBe('ok')
    expect(await call(third, 'readAll')).toEqual({ a: '1', b: '2' })
  })

  test('a write is kept whole or not at all when its tab crashes', async () => {
    const context = await newContext()
    for (let round = 0; round < 5; round++) {
      const [writer, reader] = [await newTab(context), await newTab(context)]
      await call(writer, 'openStorage', null, false)
      await call(writer, 'writeForEver')
      await expect.poll(() => call(writer, 'writtenSoFar'), { interval: 5 }).toBeGreaterThan(round)
      const accepted = await call(writer, 'writtenSoFar')
      await crash(writer)
      await call(reader, 'openStorage', null, true)
      const found = Object.values(await call(reader, 'readAll')).map((text) => Number(text?.trim()))
      expect(found).toHaveLength(20)
      expect(new Set(found).size).toBe(1)
      expect(found[0]).toBeGreaterThanOrEqual(accepted)
      await reader.close()
    }
  })

  test('a tab that lets go in the middle of reading and writing holds up nobody, and writes whole or not at all', async () => {
    const context = await newContext()
    for (let round = 0; round < 5; round++) {
      const [writer, reader] = [await newTab(context), await newTab(context)]
      await call(writer, 'openStorage', null, false)
      await call(writer, 'writeForEver')
      await expect.poll(() => call(writer, 'writtenSoFar'), { interval: 5 }).toBeGreaterThan(round)
      const reading = call(writer, 'read', 'n0')
      const accepted = await call(writer, 'writtenSoFar')
      await call(writer, 'letGo')
      await call(reader, 'openStorage', null, false)
      const { mine: _before, ...texts } = await call(reader, 'readAll')
      const found = Object.values(texts).map((text) => Number(text?.trim()))
      expect(found).toHaveLength(20)
      expect(new Set(found).size).toBe(1)
      expect(found[0]).toBeGreaterThanOrEqual(accepted)
      expect(await call(reader, 'write', { mine: `round ${round}` })).toBe('ok')
      expect(await call(writer, 'write', { mine: 'too late' })).toBe('storage_closed')
      await reading
      expect((await call(reader, 'readAll')).mine).toBe(`round ${round}`)
      for (const tab of [writer, reader]) await tab.close()
    }
  })

  test('a tab whose database is deleted or upgraded by another lets go of it', async () => {
    const context = await newContext()
    const [first, second] = [await newTab(context), await newTab(context)]
    await call(first, 'openStorage', 'shared', false)
    await call(first, 'write', { a: '1' })
    await call(second, 'deleteDatabase', 'shared')
    expect(await call(first, 'read', 'a')).toBe('storage_closed')
    expect(await call(first, 'write', { a: '2' })).toBe('storage_closed')
    expect(await call(second, 'openStorage', 'shared', false)).toBe('ok')
    expect(await call(second, 'readAll')).toEqual({})
    await call(first, 'makeDatabase', 'shared', 2, [])
    expect(await call(second, 'read', 'a')).toBe('storage_closed')
    expect(await call(first, 'openStorage', 'shared', false)).toBe('storage_newer')
  })

  test('a tab whose lock is taken by force writes no more', async () => {
    const context = await newContext()
    const [first, second] = [await newTab(context), await newTab(context)]
    await call(first, 'openStorage', 'shared', false)
    await call(second, 'stealLock', 'shared')
    await expect.poll(() => call(first, 'write', { a: '1' })).toBe('storage_closed')
  })
})

describe('the key', () => {
  test('can be used by the page and read out by nobody', async () => {
    const page = await newTab(await newContext())
    await call(page, 'openStorage', 'mine', false)
    expect(await call(page, 'sealKey', 'mine')).toEqual({
      algorithm: { name: 'AES-GCM', length: 256 },
      extractable: false,
      exported: 'InvalidAccessError',
    })
  })

  test('is not made anew when there are values that it would not open', async () => {
    const page = await newTab(await newContext())
    await call(page, 'openStorage', 'mine', false)
    await call(page, 'write', { a: '1' })
    await call(page, 'closeStorage')
    await call(page, 'loseKey', 'mine')
    expect(await call(page, 'openStorage', 'mine', false)).toBe('storage_unreadable')
    expect(await call(page, 'openStorage', 'mine', false)).toBe('storage_unreadable')
  })
})

test('a database of another program is refused', async () => {
  const page = await newTab(await newContext())
  await call(page, 'makeDatabase', 'notes', 1, ['notes'])
  expect(await call(page, 'openStorage', 'notes', false)).toBe('storage_unreadable')
})

test('a page without Web Locks is told so', async () => {
  const page = await newTab(await newContext())
  await page.evaluate(`Object.defineProperty(navigator, 'locks', { value: undefined })`)
  expect(await call(page, 'openStorage', null, false)).toBe('invalid_option')
})

test('a write past the quota keeps nothing and says so, and the next one works', async () => {
  const context = await newContext()
  const page = await newTab(context)
  const devTools = await context.newCDPSession(page)
  const { origin } = new URL(served.url)
  await devTools.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: 1_000_000 })
  await call(page, 'openStorage', null, false)
  expect(await call(page, 'write', { a: '1' })).toBe('ok')
  expect(await call(page, 'writeBytes', 'large', 4_000_000)).toBe('storage_full')
  expect(await call(page, 'readAll')).toEqual({ a: '1' })
  await devTools.send('Storage.overrideQuotaForOrigin', { origin })
  // The browser notices by and by.
  await expect.poll(() => call(page, 'writeBytes', 'large', 4_000_000), { timeout: 60_000 }).toBe('ok')
  expect(await call(page, 'readAll')).toEqual({ a: '1', large: 'beside' })
})

test('what is written is nowhere in the files of the profile, and there again when the browser starts anew', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sotto-profile-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const needle = 'qZ8vX1cR7kW3nB6mT0yU5pL9sD2fG4hJ'
  const first = await openProfile(folder)
  const page = await newTab(first)
  await call(page, 'openStorage', null, false)
  await call(page, 'write', { 'key of it': needle })
  await first.close()
  const files = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.parentPath.includes('indexeddb'))
    .map((entry) => readFileSync(join(entry.parentPath, entry.name)))
  expect(files.some((bytes) => bytes.includes(Buffer.from('key of it', 'utf16le').swap16()))).toBe(true)
  for (const bytes of files) {
    expect(bytes.includes(needle)).toBe(false)
    expect(bytes.includes(Buffer.from(needle, 'utf16le'))).toBe(false)
  }
  const second = await openProfile(folder)
  onTestFinished(() => second.close())
  const again = await newTab(second)
  expect(await call(again, 'openStorage', null, false)).toBe('ok')
  expect(await call(again, 'readAll')).toEqual({ 'key of it': needle })
})

/** Ends a tab's process in the middle of whatever it does. */
async function crash(page: Page): Promise<void> {
  const devTools = await page.context().newCDPSession(page)
  const crashed = new Promise((resolve) => page.once('crash', resolve))
  void devTools.send('Page.crash').catch(() => undefined)
  await crashed
}
