import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { openBrowser } from '../../../scripts/browser/chromium.ts'
import { servePage } from '../../../scripts/browser/page.ts'
import { moduleOf, workshop } from './documentation/modules.suite.ts'
import { documentedEntries, isForBrowsers, manualExamples, publicApi } from './documentation/public-api.suite.ts'
import { developmentServer, freePort, readmeExample } from './documentation/readme.suite.ts'
import { sceneNames } from './documentation/scene.suite.ts'

/** The example of the README, and those that are for browsers alone, in a real Chromium against a real server. */

let browser: Browser
beforeAll(async () => {
  browser = await openBrowser()
})
afterAll(() => browser.close())

/** A page of a new browser profile that runs a module, and a server on `port` that serves pages of its origin. */
async function openPage(entryModule: string, port: number): Promise<{ page: Page; said: string[] }> {
  const [served, context] = [await servePage({ entryModule }), await browser.newContext()]
  onTestFinished(async () => {
    await context.close()
    await served.close()
  })
  await developmentServer(port, new URL(served.url).origin)
  const page = await context.newPage()
  const said: string[] = []
  page.on('console', (message) => {
    if (message.type() === 'log') said.push(message.text())
  })
  page.on('pageerror', (error) => void said.push(String(error)))
  await page.goto(served.url)
  return { page, said }
}

const urlOf = (port: number) => `http://localhost:${port}`

test('the example of the README says the same in a page', async () => {
  const port = await freePort()
  const { said } = await openPage(join(await readmeExample(urlOf(port)), 'talk.ts'), port)
  await expect.poll(() => said, { timeout: 30_000 }).toEqual(['alice: hello'])
})

const snippets = [...publicApi().flatMap(({ examples }) => examples), ...manualExamples()].filter(isForBrowsers)

test('there are examples for browsers', () => expect(snippets.length).toBeGreaterThan(1))

test.each(snippets)('the example of $place runs in a page', async (snippet) => {
  const folder = await workshop([['example.ts', moduleOf(snippet, documentedEntries, sceneNames)]])
  const port = await freePort()
  const { page } = await openPage(join(folder, 'example.ts'), port)
  const answer = await fetch(`${urlOf(port)}/auth/dev-token`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ userId: 'alice' }),
  })
  const { token } = (await answer.json()) as { token: string }
  const scene = `{ url: '${urlOf(port)}', jwt: '${token}', token: async () => '${token}' }`
  expect(await page.evaluate(`entry.example(${scene}).then(() => 'it has run')`)).toBe('it has run')
})
