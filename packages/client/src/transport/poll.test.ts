import { expect, test } from 'vitest'
import { manualTimers } from './manual-timers.suite.ts'
import { startProxy } from './proxy.suite.ts'
import { lineTo, message, named, start, startRelay } from './relay.suite.ts'

const timeout = 60_000

test('where upgrades are refused it polls after three tries, sends and receives', { timeout }, async () => {
  const relay = await startRelay()
  const proxy = await startProxy(relay.port)
  proxy.blocksUpgrades = 'refuse'
  const alice = await start(lineTo(relay, { user: 'alice' }))
  await alice.transport.send(message('m1'))
  const bob = await start(lineTo(relay, { url: proxy.url }))
  await bob.until(() => bob.told.synced.length === 1)
  expect(bob.ids()).toEqual(['m1'])
  expect(bob.told.state).toEqual(['connecting', 'offline', 'connecting', 'offline', 'connecting', 'online'])
  const sent = await Promise.all(named(20).map((id) => bob.transport.send(message(id, 'alice'))))
  expect(sent.map(({ seq }) => seq)).toEqual(sent.map((_, index) => index + 1))
  await alice.until(() => alice.ids().length === 20)
  expect(alice.ids()).toEqual(named(20))
  await alice.transport.send(message('m2'))
  await bob.until(() => bob.ids().length === 2)
  expect(bob.told.synced).toHaveLength(1)
})

test('pages follow each other as they are acknowledged: nothing is missing, nothing comes twice', { timeout }, async () => {
  const relay = await startRelay()
  const alice = await start(lineTo(relay, { user: 'alice' }))
  const ids = named(600)
  await Promise.all(ids.map((id) => alice.transport.send(message(id))))
  const bob = await start(lineTo(relay, { mode: 'poll' }))
  await bob.until(() => bob.told.synced.length === 1)
  expect(bob.ids()).toEqual(ids)
  await bob.transport.close()
  const again = await start(lineTo(relay))
  await again.until(() => again.told.synced.length === 1)
  expect(again.told.entry).toEqual([])
})

test('entries that nobody acknowledges are handed over once, and do not hold up the others', { timeout }, async () => {
  const relay = await startRelay()
  const alice = await start(lineTo(relay, { user: 'alice' }))
  await alice.transport.send(message('m1'))
  const bob = lineTo(relay, { mode: 'poll' })
  bob.acks = false
  await start(bob)
  await bob.until(() => bob.ids().length === 1)
  await alice.transport.send(message('m2'))
  await bob.until(() => bob.ids().length === 2)
  expect(bob.ids()).toEqual(['m1', 'm2'])
})

test('an ack that the server refuses does not hold back the others', { timeout }, async () => {
  const relay = await startRelay()
  const alice = await start(lineTo(relay, { user: 'alice' }))
  await Promise.all(named(300).map((id) => alice.transport.send(message(id))))
  const bob = lineTo(relay, { mode: 'poll' })
  bob.transport.ack('z99', 1)
  bob.transport.ack('nosuchmailbox', 4)
  await start(bob)
  await bob.until(() => bob.told.synced.length === 1)
  expect(bob.ids()).toEqual(named(300))
})

test('answers that are lost make no duplicates', { timeout }, async () => {
  const relay = await startRelay()
  const proxy = await startProxy(relay.port)
  const alice = await start(lineTo(relay, { user: 'alice', url: proxy.url, mode: 'poll' }))
  proxy.dropAnswers(15, /^POST \/messages HTTP/)
  const sent = await Promise.all(named(15).map((id) => alice.transport.send(message(id))))
  expect(proxy.dropped).toBe(15)
  expect(sent.map(({ seq }) => seq)).toEqual(named(15).map((_, index) => index + 1))
  const bob = await start(lineTo(relay))
  await bob.until(() => bob.told.synced.length === 1)
  expect(bob.ids()).toEqual(named(15))
})

test('polls come back after the server was away', { timeout }, async () => {
  const relay = await startRelay()
  const alice = await start(lineTo(relay, { user: 'alice', mode: 'poll' }))
  const bob = await start(lineTo(relay, { mode: 'poll' }))
  await alice.transport.send(message('m1'))
  await bob.until(() => bob.ids().length === 1)
  await relay.stop()
  await bob.until(() => bob.transport.state === 'offline')
  const sent = alice.transport.send(message('m2'))
  await relay.restart()
  alice.transport.wake()
  await sent
  bob.transport.wake()
  await bob.until(() => bob.ids().length === 2)
  expect(bob.ids()).toEqual(['m1', 'm2'])
  expect(bob.told.ended).toEqual([])
})

test('a socket is tried again every few minutes, and takes over without a loss', { timeout }, async () => {
  const relay = await startRelay()
  const proxy = await startProxy(relay.port)
  proxy.blocksUpgrades = 'refuse'
  const timers = manualTimers()
  const alice = await start(lineTo(relay, { user: 'alice' }))
  const bob = lineTo(relay, { url: proxy.url, ports: { timers } })
  const online = start(bob)
  await bob.until(() => {
    timers.advance(1)
    return bob.told.synced.length === 1
  })
  await online
  expect(bob.transport.limits).toBeUndefined()
  await alice.transport.send(message('m1'))
  await bob.until(() => bob.ids().length === 1)
  // A first probe fails, and the polls go on.
  const { accepted } = proxy
  timers.advance(20_000)
  bob.transport.wake()
  await bob.until(() => proxy.accepted > accepted)
  await alice.transport.send(message('m2'))
  await bob.until(() => {
    timers.advance(1)
    return bob.ids().length === 2
  })
  proxy.blocksUpgrades = false
  await bob.until(() => {
    timers.advance(10_000)
    return bob.transport.limits !== undefined
  })
  await bob.until(() => bob.told.synced.length >= 2)
  await alice.transport.send(message('m3'))
  await bob.until(() => bob.ids().length === 3)
  expect(bob.ids()).toEqual(['m1', 'm2', 'm3'])
  expect(bob.told.ended).toEqual([])
})

test('a wrong address stays offline, whatever answers there', { timeout }, async () => {
  const relay = await startRelay()
  for (const url of ['http://127.0.0.1:9', `${relay.url}/elsewhere`]) {
    const bob = lineTo(relay, { url })
    await start(bob, 'offline')
    await bob.until(() => bob.told.state.filter((state) => state === 'offline').length >= 5)
    expect(bob.told.state).not.toContain('online')
    expect(bob.transport.lastError).toBeInstanceOf(Error)
    await bob.transport.close()
  }
  for (const url of [
    '',
    'chat.example.org',
    'ftp://chat.example.org',
    'https://a:b@chat.example.org',
    'https://chat.example.org?x=1',
  ]) {
    expect(() => lineTo(relay, { url }), url).toThrow('`url` must be an address')
  }
})

test('a server under a path of its own host is found', { timeout }, async () => {
  const relay = await startRelay()
  const bob = await start(lineTo(relay, { url: `${relay.url}/` }))
  expect(bob.transport.state).toBe('online')
})
