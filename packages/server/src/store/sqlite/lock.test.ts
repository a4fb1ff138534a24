import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { expect, onTestFinished, test } from 'vitest'
import { systemClock } from '../../clock.ts'
import { manualClock } from '../manual-clock.suite.ts'
import { StoreRefusal } from '../refusal.ts'
import { lockDatabase } from './lock.ts'
import { scratchDirectory, thrown } from './scratch.suite.ts'

function lock(path: string): ReturnType<typeof lockDatabase> {
  const held = lockDatabase(path, systemClock)
  onTestFinished(() => held.release())
  return held
}

function refusal(path: string): string {
  const error = thrown(() => lockDatabase(path, systemClock))
  expect(error).toBeInstanceOf(StoreRefusal)
  return (error as StoreRefusal).message
}

interface Contender {
  readonly process: ChildProcess
  /** `held`, or why not. */
  readonly says: string
}

/** A process of its own that tries to take the lock and, if it gets it, keeps it until it is ended. */
async function contender(path: string): Promise<Contender> {
  const script = `
    import { lockDatabase } from ${JSON.stringify(new URL('./lock.ts', import.meta.url).href)}
    try {
      lockDatabase(${JSON.stringify(path)}, { now: () => Date.now() })
      console.log('held')
      globalThis.gc()
      process.stdin.resume()
    } catch (error) {
      console.log(error.message)
    }`
  const child = spawn(process.execPath, ['--expose-gc', '--input-type=module', '-e', script], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  onTestFinished(() => {
    child.kill('SIGKILL')
  })
  const [says] = (await once(createInterface({ input: child.stdout }), 'line')) as [string]
  return { process: child, says }
}

test('a second process is refused and told who is first', async () => {
  const path = join(scratchDirectory(), 'sotto.db')
  lock(path)
  const { says } = await contender(path)
  expect(says).toContain(`is in use by process ${process.pid} since `)
})

test('the lock of a process that is killed is free at once', async () => {
  const path = join(scratchDirectory(), 'sotto.db')
  const first = await contender(path)
  expect(first.says).toBe('held')
  expect(refusal(path)).toContain(`is in use by process ${first.process.pid} since `)
  first.process.kill('SIGKILL')
  await once(first.process, 'exit')
  const second = lock(path)
  second.release()
  expect((await contender(path)).says).toBe('held')
})

test('of several processes that start at once exactly one gets it', async () => {
  const path = join(scratchDirectory(), 'sotto.db')
  const contenders = await Promise.all(Array.from({ length: 4 }, () => contender(path)))
  const holders = contenders.filter(({ says }) => says === 'held')
  expect(holders).toHaveLength(1)
  const others = contenders.filter((other) => !holders.includes(other))
  for (const { says } of others) expect(says).toContain('is in use by ')
})

test('two stores in one process are refused', () => {
  const path = join(scratchDirectory(), 'sotto.db')
  const first = lock(path)
  expect(refusal(path)).toContain('is in use by this very process')
  first.release()
  first.release()
  lock(path)
})

test('the same file under another name is the same file', () => {
  const directory = scratchDirectory()
  const path = join(directory, 'sotto.db')
  writeFileSync(path, '')
  symlinkSync(path, join(directory, 'alias.db'))
  symlinkSync(directory, join(directory, 'here'))
  lock(path)
  expect(refusal(join(directory, 'alias.db'))).toContain('is in use')
  expect(refusal(join(directory, 'here', 'sotto.db'))).toContain('is in use')
})

test('two databases in one directory are two', () => {
  const directory = scratchDirectory()
  lock(join(directory, 'a.db'))
  lock(join(directory, 'b.db'))
})

test('a lock file that cannot be used is refused with what to do', () => {
  const directory = scratchDirectory()
  writeFileSync(join(directory, 'sotto.db.lock'), 'not a database '.repeat(1_000))
  expect(refusal(join(directory, 'sotto.db'))).toContain('if no Sotto is running, delete it')
  expect(refusal(join(directory, 'missing', 'sotto.db'))).toContain('check that the directory exists')
})

test('who holds it is said even with a clock that stands still', () => {
  const path = join(scratchDirectory(), 'sotto.db')
  const held = lockDatabase(path, manualClock())
  onTestFinished(() => held.release())
  expect(refusal(path)).toContain('since 2025-01-01T00:00:00.000Z')
})
