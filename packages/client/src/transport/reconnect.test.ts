import { expect, test } from 'vitest'
import { manualTimers } from './manual-timers.suite.ts'
import { startProxy } from './proxy.suite.ts'
import { lineTo, message, named, start, startRelay } from './relay.suite.ts'

const timeout = 60_000

test('connects, sends, receives what waits and what comes, and says when it is through', { timeout }, async () => {
  const relay = await startRelay({ SIGNAL_BYTES: 99 })
  const alice = await start(lineTo(relay, { user: 'alice' }))
  const { transport } = alice
  expect(await transport.send(message('m1'))).toMatchObject({ type: 'accepted', id: 'm1', seq: 1 })
  const bob = await start(lineTo(relay))
  await bob.until(() => bob.told.synced.length === 1)
  expect(bob.ids()).toEqual(['m1'])
  await transport.send(message('m2'))
  await bob.until(() => bob.ids().length === 2)
  transport.signal('bob', 'direct', 'dHlwaW5n')
  await bob.until(() => bob.told.signal.length === 1)
  expect(bob.told.signal[0]).toMatchObject({ from: 'alice', ciphertext: 'dHlwaW5n' })
  expect(bob.told.state).toEqual(['connecting', 'online'])
  expect(bob.transport.userId).toBe('bob')
  expect(bob.transport.limits?.SIGNAL_BYTES).toBe(99)
  await bob.transport.request('POST /keys/identity', { body: { identityKey: 'an opaque public key' } })
  await bob.transport.request('POST /keys/prekeys', {
    body: { oneTimePreKeys: [{ keyId: 1, publicKey: 'an opaque public key' }] },
  })
  await bob.transport.close()
  expect(bob.transport.state).toBe('closed')
  // What was acknowledged before the close does not come again.
  const again = await start(lineTo(relay))
  await again.until(() => again.told.synced.length === 1 && again.told.keysLow.length === 1)
  expect(again.told.keysLow[0]).toMatchObject({ oneTimePreKeys: 1 })
  expect(again.told.entry).toEqual([])
})

test('after cuts nothing is missing, and nothing comes twice that was acknowledged', { timeout }, async () => {
  const relay = await startRelay()
  const proxy = await startProxy(relay.port)
  const alice = await start(lineTo(relay, { user: 'alice' }))
  const bob = await start(lineTo(relay, { url: proxy.url }))
  const ids = named(300)
  const sends = ids.map(async (id, index) => {
    const sent = await alice.transport.send(message(id))
    if (index % 60 === 30) proxy.cut()
    return sent
  })
  await Promise.all(sends)
  await bob.until(() => bob.ids().length >= ids.length)
  expect(bob.ids()).toEqual(ids)
  expect(bob.told.state.filter((state) => state === 'online').length).toBeGreaterThan(1)
})

test('what was not acknowledged comes again after a cut', { timeout }, async () => {
  const relay = await startRelay()
  const proxy = await startProxy(relay.port)
  const alice = await start(lineTo(relay, { user: 'alice' }))
  const bob = lineTo(relay, { url: proxy.url })
  bob.acks = false
  await start(bob)
  await alice.transport.send(message('m1'))
  await bob.until(() => bob.ids().length === 1)
  proxy.cut()
  await bob.until(() => bob.ids().length === 2)
  expect(bob.ids()).toEqual(['m1', 'm1'])
})

test('500 messages keep their order over ten cuts, and each stands in the log once', { timeout }, async () => {
  const relay = await startRelay()
  const proxy = await startProxy(relay.port)
  const alice = await start(lineTo(relay, { user: 'alice', url: proxy.url }))
  const ids = named(500)
  let answered = 0
  let cuts = 0
  const sent = ids.map((id) =>
    alice.transport.send(message(id)).then((accepted) => {
      answered += 1
      if (answered % 45 === 0 && cuts < 10) {
        cuts += 1
        proxy.cut()
      }
      return accepted
    }),
  )
  const seqs = (await Promise.all(sent)).map(({ seq }) => seq)
  expect(cuts).toBe(10)
  expect(seqs).toEqual(ids.map((_, index) => index + 1))
  const bob = await start(lineTo(relay))
  await bob.until(() => bob.ids().length >= ids.length)
  expect(bob.ids()).toEqual(ids)
})

test('a restart of the server is survived', { timeout }, async () => {
  const relay = await startRelay()
  const alice = await start(lineTo(relay, { user: 'alice' }))
  const bob = await start(lineTo(relay))
  await alice.transport.send(message('m1'))
  await bob.until(() => bob.ids().length === 1)
  const before = alice.transport.send(message('m2'))
  await relay.restart()
  const after = alice.transport.send(message('m3'))
  expect((await Promise.all([before, after])).map(({ seq }) => seq)).toEqual([2, 3])
  await bob.until(() => bob.ids().length === 3)
  expect(bob.ids()).toEqual(['m1', 'm2', 'm3'])
  expect(bob.told.ended).toEqual([])
})

test('a server that is away for a while: tried again and again, and at once when woken', { timeout }, async () => {
  const relay = await startRelay()
  const timers = manualTimers()
  const bob = await start(
    lineTo(relay, { ports: { timers, clock: { now: Date.now, random: () => new Uint8Array(4).fill(255) } } }),
  )
  await relay.stop()
  await bob.until(() => bob.transport.state === 'offline')
  expect(bob.transport.lastError).toBeInstanceOf(Error)
  const tries = bob.told.state.length
  bob.transport.wake()
  await bob.until(() => bob.told.state.length === tries + 2)
  expect(bob.told.state.slice(-2)).toEqual(['connecting', 'offline'])
  await relay.restart()
  // Nobody wakes it now: the delay runs out.
  await bob.until(() => {
    timers.advance(1_000)
    return bob.transport.state === 'online'
  })
})

test('a peer that has fallen silent is noticed: 25 s without a frame, 10 s without an answer', { timeout }, async () => {
  const relay = await startRelay()
  const proxy = await startProxy(relay.port)
  const timers = manualTimers()
  const bob = await start(lineTo(relay, { url: proxy.url, ports: { timers } }))
  await bob.until(() => bob.told.synced.length === 1)
  // A peer that answers is left alone, however long nothing else comes.
  for (let round = 0; round < 4; round++) {
    timers.advance(25_000)
    await bob.until(() => timers.nextInMs > 10_000, 'an answer to the ping')
  }
  expect(bob.transport.state).toBe('online')
  expect(proxy.accepted).toBe(1)
  proxy.stall()
  timers.advance(25_000)
  timers.advance(9_999)
  expect(bob.transport.state).toBe('online')
  timers.advance(1)
  await bob.until(() => bob.transport.state !== 'online')
  expect(bob.transport.lastError?.message).toBe('the other side does not answer')
  proxy.release()
  await bob.until(() => {
    timers.advance(100)
    return bob.transport.state === 'online'
  })
  expect(bob.told.ended).toEqual([])
})

test('waking asks an open socket whether it still is one', { timeout }, async () => {
  const relay = await startRelay()
  const proxy = await startProxy(relay.port)
  const timers = manualTimers()
  const bob = await start(lineTo(relay, { url: proxy.url, ports: { timers } }))
  await bob.until(() => bob.told.synced.length === 1)
  proxy.stall()
  bob.transport.wake()
  timers.advance(10_000)
  await bob.until(() => bob.transport.state !== 'online')
})

test('a hello that was given up and arrives late does not end the session after it', { timeout }, async () => {
  const relay = await startRelay()
  const slow = await startProxy(relay.port)
  const timers = manualTimers()
  const bob = lineTo(relay, { url: slow.url, ports: { timers } })
  // The upgrade passes; the hello does not.
  slow.holdsHellos = true
  const online = start(bob)
  await bob.until(() => slow.heldHellos === 1)
  timers.advance(10_000)
  await bob.until(() => bob.transport.state === 'offline' || slow.accepted > 1)
  slow.holdsHellos = false
  await bob.until(() => {
    timers.advance(50)
    return bob.told.synced.length === 1
  })
  await online
  slow.passHellos()
  // The late one takes over, and is itself left behind: the session comes back.
  await bob.until(() => {
    timers.advance(50)
    return bob.told.state.filter((state) => state === 'online').length >= 2 || bob.told.ended.length > 0
  })
  expect(bob.told.ended).toEqual([])
})
