import { fileURLToPath } from 'node:url'
import type { BrowserContext, Page } from 'playwright-core'
import { expect, onTestFinished, test } from 'vitest'
import { openBrowser } from '../../../scripts/browser/chromium.ts'
import { servePage } from '../../../scripts/browser/page.ts'
import type * as inPage from './first-load-page.suite.ts'
import { person } from './people.suite.ts'
import { startRelay } from './transport/relay.suite.ts'

type InPage = typeof inPage

const eventually = { timeout: 60_000, interval: 50 }

/** A page for alice in a profile of its own; `lose` takes its later files away, as a new deployment does. */
async function scene() {
  const served = await servePage({ entryModule: fileURLToPath(new URL('first-load-page.suite.ts', import.meta.url)) })
  onTestFinished(() => served.close())
  const browser = await openBrowser()
  onTestFinished(() => browser.close())
  const relay = await startRelay({}, { CORS_ORIGINS: new URL(served.url).origin })
  const context: BrowserContext = await browser.newContext()
  const page = await context.newPage()
  const asked: string[] = []
  page.on('request', (request) => void asked.push(request.url()))
  return {
    relay,
    asked,
    later: served.later,
    lose: () =>
      context.route(
        ({ origin, pathname }) => served.later.includes(origin + pathname),
        (route) => route.fulfill({ status: 404 }),
      ),
    /** No commit of the page reaches the server. */
    holdCommits: () =>
      context.route(
        (url) => url.pathname.endsWith('/commits'),
        (route) => route.abort(),
      ),
    restore: () => context.unrouteAll(),
    async load() {
      await page.goto(served.url)
      await call('open', relay.url, await relay.userToken('alice'))
    },
    call,
  }

  /** Calls an export of the page's module there. */
  function call<Name extends keyof InPage>(
    name: Name,
    ...args: Parameters<InPage[Name]>
  ): Promise<Awaited<ReturnType<InPage[Name]>>> {
    return (page as Page).evaluate(`entry.${name}(...${JSON.stringify(args)})`)
  }
}

test('a device that is set up opens, sends and receives with what is loaded first; commits are waited for', async () => {
  const { relay, call, load, lose, restore, asked, later } = await scene()
  const [bob, carol] = [await person(relay, 'bob'), await person(relay, 'carol')]
  await load()
  const team = await bob.sotto.createGroup({ name: 'Team', members: ['alice'] })
  await expect.poll(async () => (await call('seen')).known, eventually).toBe(1)
  expect(asked.filter((url) => later.includes(url)).length).toBeGreaterThan(1)

  await lose()
  await load()
  await call('send', team.id, 'hello')
  await expect.poll(() => bob.texts(), eventually).toEqual(['hello'])
  await team.send('hello alice')
  await expect.poll(async () => (await call('seen')).texts, eventually).toEqual(['hello alice'])

  // What needs more says so, and has done nothing.
  expect(await call('createGroup', ['bob'])).toBe('code_unavailable')
  expect((await call('seen')).known).toBe(1)

  await team.add(['carol'])
  await team.send('to all three')
  await expect.poll(() => carol.texts(), eventually).toEqual(['to all three'])
  const waiting = 'background_failed: an entry of kind commit could not be taken'
  await expect.poll(async () => (await call('seen')).incidents.join(), eventually).toContain(waiting)
  expect((await call('seen')).texts).toEqual(['hello alice'])

  // The files are there again, the page is the same: nothing was lost meanwhile.
  await restore()
  await expect.poll(async () => (await call('seen')).texts, eventually).toEqual(['hello alice', 'to all three'])
  await call('send', team.id, 'welcome')
  await expect.poll(() => carol.texts(), eventually).toEqual(['to all three', 'welcome'])
  expect(await call('createGroup', ['bob', 'carol'])).not.toBe('code_unavailable')
  await expect.poll(() => bob.sotto.conversations().length, eventually).toBe(2)
  await expect.poll(() => carol.sotto.conversations().length, eventually).toBe(2)
})

test('who leaves meanwhile is waited for, with all that comes behind', async () => {
  const { relay, call, load, lose, restore } = await scene()
  const [bob, carol] = [await person(relay, 'bob'), await person(relay, 'carol')]
  await load()
  const team = await bob.sotto.createGroup({ name: 'Team', members: ['alice', 'carol'] })
  await expect.poll(async () => (await call('seen')).known, eventually).toBe(1)
  await expect.poll(() => carol.sotto.conversations().length, eventually).toBe(1)

  await lose()
  await load()
  await carol.sotto.find(team.id)!.leave()
  const waiting = 'background_failed: an entry of kind departed could not be taken'
  await expect.poll(async () => (await call('seen')).incidents.join(), eventually).toContain(waiting)
  await team.send('without carol')
  expect((await call('seen')).texts).toEqual([])

  await restore()
  await expect.poll(async () => (await call('seen')).texts, eventually).toEqual(['without carol'])
  await call('send', team.id, 'alone at last')
  await expect.poll(() => bob.texts(), eventually).toEqual(['alone at last'])
  expect(team.members.map(({ userId }) => userId).sort()).toEqual(['alice', 'bob'])
})

test('a commit that waits for its code holds up no messages', async () => {
  const { relay, asked, call, load, lose, holdCommits, restore } = await scene()
  const [bob, carol] = [await person(relay, 'bob'), await person(relay, 'carol')]
  await load()
  const other = await bob.sotto.createGroup({ name: 'Others', members: ['alice'] })
  await expect.poll(async () => (await call('seen')).known, eventually).toBe(1)
  const team = await call('createGroup', ['bob'])
  await expect.poll(() => bob.sotto.conversations().length, eventually).toBe(2)
  await holdCommits()
  asked.length = 0
  await call('beginToAdd', team, 'carol')
  await expect.poll(() => asked.some((url) => url.endsWith('/commits')), eventually).toBe(true)

  await lose()
  await relay.stop()
  await load()
  await call('send', other.id, 'from the outbox')
  await relay.restart()
  await expect.poll(() => bob.texts(), eventually).toEqual(['from the outbox'])
  const waiting = 'background_failed: resume'
  await expect.poll(async () => (await call('seen')).incidents.join(), eventually).toContain(waiting)
  expect(carol.sotto.conversations()).toEqual([])

  await restore()
  await expect.poll(() => carol.sotto.conversations().length, eventually).toBe(1)
})
