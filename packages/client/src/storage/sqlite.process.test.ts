import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { runScript } from '../script-process.suite.ts'
import { sqliteStorage } from './sqlite.ts'
import { scratchFolder } from './sqlite-raw.suite.ts'
import type { OpenStorage } from './storage.ts'
import { refused, words } from './storage-check.suite.ts'

/** A process of its own that opens the storage and runs this with `open` and `say`; it keeps it until it is ended. */
function withProcess(path: string, work: string): { readonly process: ChildProcess; readonly said: string[] } {
  const script = `
    import { sqliteStorage } from ${JSON.stringify(new URL('./sqlite.ts', import.meta.url).href)}
    const say = (line) => process.stdout.write(line + '\\n')
    process.stdin.resume()
    try {
      const open = await sqliteStorage({ path: ${JSON.stringify(path)} }).open()
      say('open')
      ${work}
    } catch (error) {
      say(error.code + ': ' + error.message)
    }`
  const { child, said } = runScript(script)
  return { process: child, said }
}

async function ended(child: ChildProcess): Promise<void> {
  child.kill('SIGKILL')
  await once(child, 'close')
}

const says = (said: readonly string[], line: string) => expect.poll(() => said, { timeout: 30_000 }).toContain(line)

/** The numbers of all values: one number when every write was kept whole. */
async function numbers(open: OpenStorage): Promise<number[]> {
  const found = await Promise.all((['mls', 'cursors', 'messages', 'outbox'] as const).map((name) => open.range(name)))
  return found.flat().map(({ value }) => Number(words(value)?.trim()))
}

test('a write is kept whole or not at all when the process is killed: 30 times at random moments', async () => {
  const path = join(scratchFolder(), 'alice.db')
  const begin = await sqliteStorage({ path }).open()
  await begin.close()
  let killedAmid = 0
  for (let round = 0; round < 30; round++) {
    // Values of several pages, so that a write takes a while; a new number each time.
    const { process: writer, said } = withProcess(
      path,
      `let n = Number(new TextDecoder().decode((await open.get('mls', 'n0')) ?? new Uint8Array([48])))
       for (;;) {
         n++
         const value = new TextEncoder().encode(String(n).padEnd(20_000))
         const names = ['mls', 'cursors', 'messages', 'outbox']
         await open.write(names.flatMap((collection) => [0, 1, 2, 3, 4].map((at) => ({ collection, key: 'n' + at, value }))))
         say(String(n))
       }`,
    )
    await says(said, 'open')
    await delay(Math.random() * 60)
    await ended(writer)
    const accepted = Number(said.at(-1) === 'open' ? 0 : said.at(-1))
    const open = await sqliteStorage({ path }).open()
    const found = await numbers(open)
    await open.close()
    expect([0, 20]).toContain(found.length)
    expect(new Set(found).size).toBeLessThanOrEqual(1)
    expect(found[0] ?? 0).toBeGreaterThanOrEqual(accepted)
    if (accepted > 0) killedAmid++
  }
  expect(killedAmid).toBeGreaterThan(0)
})

test('a second process is refused with the path, waits if it wants to, and goes on when the first is killed', async () => {
  const path = join(scratchFolder(), 'alice.db')
  const first = withProcess(path, '')
  await says(first.said, 'open')
  const { message } = await refused('storage_in_use', sqliteStorage({ path }).open())
  expect(message).toContain(`${path} is in use by another process or instance`)
  const second = withProcess(path, '')
  await says(second.said, `storage_in_use: ${message}`)
  const waiting = sqliteStorage({ path }).open({ wait: true })
  await ended(first.process)
  await (await waiting).close()
})

test('of several processes that start at once exactly one gets it', async () => {
  const path = join(scratchFolder(), 'alice.db')
  const processes = Array.from({ length: 4 }, () => withProcess(path, ''))
  await expect.poll(() => processes.filter(({ said }) => said.length > 0).length, { timeout: 30_000 }).toBe(4)
  const openers = processes.filter(({ said }) => said[0] === 'open')
  expect(openers).toHaveLength(1)
  for (const { said } of processes.filter((one) => !openers.includes(one))) expect(said[0]).toMatch(/^storage_in_use: /)
})
