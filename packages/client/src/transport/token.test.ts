import { expect, test } from 'vitest'
import { manualTimers } from './manual-timers.suite.ts'
import { lineTo, message, start, startRelay } from './relay.suite.ts'

const timeout = 60_000

test('a token is renewed on the open socket before it ends', { timeout }, async () => {
  const relay = await startRelay()
  const alice = await start(lineTo(relay, { user: 'alice' }))
  const bob = await start(lineTo(relay, { ttlMs: 1_500 }))
  await bob.until(() => bob.tokensAsked >= 4)
  await alice.transport.send(message('m1'))
  await bob.until(() => bob.ids().length === 1)
  expect(bob.told.state).toEqual(['connecting', 'online'])
})

test('one that has ended is replaced at once, and nothing is lost', { timeout }, async () => {
  const relay = await startRelay()
  const alice = await start(lineTo(relay, { user: 'alice' }))
  // Time stands still for the transport, so that it does not notice.
  const bob = await start(lineTo(relay, { ttlMs: 1_000, ports: { timers: manualTimers() } }))
  await bob.until(() => bob.told.state.length >= 4)
  expect(bob.told.state.slice(0, 4)).toEqual(['connecting', 'online', 'connecting', 'online'])
  await alice.transport.send(message('m1'))
  await bob.until(() => bob.ids().length >= 1)
  expect(bob.ids()).toEqual(['m1'])
  expect(bob.told.ended).toEqual([])
})

test('a token that was kept too long is asked for anew, the socket opens with the next', { timeout }, async () => {
  const relay = await startRelay()
  const old = await relay.token('bob', 'bob-phone', -5_000)
  const line = lineTo(relay, {
    token: async () => {
      line.tokensAsked += 1
      return line.tokensAsked === 1 ? old : await relay.token('bob', 'bob-phone')
    },
  })
  await start(line)
  expect(line.tokensAsked).toBe(2)
  expect(line.told.state).toEqual(['connecting', 'online'])
})

test('two fresh tokens that are refused end it, whoever waits is told', { timeout }, async () => {
  const relay = await startRelay()
  for (const mode of ['socket', 'poll'] as const) {
    const line = lineTo(relay, {
      mode,
      token: async () => {
        line.tokensAsked += 1
        return `not.a.token${line.tokensAsked}`
      },
    })
    const sent = line.transport.send(message('m1'))
    await Promise.all([start(line, 'closed'), expect(sent).rejects.toMatchObject({ code: 'unauthenticated' })])
    expect(line.tokensAsked).toBe(2)
    expect(line.told.ended).toEqual(['unauthenticated'])
    await expect(line.transport.request('GET /devices', {})).rejects.toMatchObject({ code: 'unauthenticated' })
  }
})

test('an application without a token for now is asked again', { timeout }, async () => {
  const relay = await startRelay()
  const line = lineTo(relay, {
    token: async () => {
      line.tokensAsked += 1
      if (line.tokensAsked < 3) throw new Error('the login is down')
      return await relay.token('bob', 'bob-phone')
    },
  })
  await start(line)
  expect(line.told.state).toEqual(['connecting', 'offline', 'connecting', 'offline', 'connecting', 'online'])
})

test('an application that never answers leaves it offline after 30 s, and is asked again', { timeout }, async () => {
  const relay = await startRelay()
  const timers = manualTimers()
  const line = lineTo(relay, {
    ports: { timers, clock: { now: Date.now, random: () => new Uint8Array(4).fill(255) } },
    token: () => {
      line.tokensAsked += 1
      return line.tokensAsked === 1 ? new Promise(() => {}) : relay.token('bob', 'bob-phone')
    },
  })
  const online = start(line)
  await line.until(() => line.tokensAsked === 1)
  timers.advance(30_000)
  await line.until(() => line.transport.state === 'offline')
  expect(line.transport.lastError).toMatchObject({ code: 'offline' })
  timers.advance(250)
  await online
})

test('a token of another user does not continue the session of the first', { timeout }, async () => {
  const relay = await startRelay()
  let user = 'bob'
  const line = await start(
    lineTo(relay, { token: () => relay.token(user, 'bob-phone', 1_000), ports: { timers: manualTimers() } }),
  )
  user = 'mallory'
  await line.until(() => line.transport.lastError?.message === 'the token is of another user')
  expect(line.transport.userId).toBe('bob')
  expect(line.transport.state).not.toBe('online')
})
