import { once } from 'node:events'
import { expect, test } from 'vitest'
import { runScript } from '../script-process.suite.ts'
import { startProxy } from './proxy.suite.ts'
import { startRelay } from './relay.suite.ts'

/** A program that opens the SDK, closes it when it is told to, and has nothing else to do. */
async function program(connection: 'socket' | 'poll') {
  const relay = await startRelay()
  const proxy = await startProxy(Number(new URL(relay.url).port))
  const script = `
    import { memoryStorage, Sotto } from ${JSON.stringify(new URL('../index.ts', import.meta.url).href)}
    const sotto = await Sotto.open({
      url: ${JSON.stringify(proxy.url)},
      token: async () => ${JSON.stringify(await relay.userToken('alice'))},
      storage: memoryStorage(),
      connection: '${connection}',
    })
    sotto.on('state', (state) => state === 'online' && console.log(state))
    if (sotto.state === 'online') console.log('online')
    process.stdin.once('data', async () => {
      process.stdin.destroy()
      await sotto.close()
      console.log('closed')
    })`
  const { child, said } = runScript(script)
  await expect.poll(() => said, { timeout: 30_000 }).toContain('online')
  return { child, proxy, said }
}

test.each([
  ['socket', false],
  ['socket', true],
  ['poll', false],
  ['poll', true],
] as const)(
  'a process ends after close: %s, over a network that has gone away in silence: %s',
  async (connection, isGone) => {
    const { child, proxy, said } = await program(connection)
    expect(child.exitCode).toBe(null)
    if (isGone) proxy.stall()
    const ended = once(child, 'exit')
    child.stdin.write('close\n')
    expect(await ended).toEqual([0, null])
    expect(said.at(-1)).toBe('closed')
  },
  60_000,
)
