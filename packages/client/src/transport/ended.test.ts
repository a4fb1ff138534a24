import { expect, test } from 'vitest'
import { startProxy } from './proxy.suite.ts'
import { lastSeqOf } from './received.ts'
import { lineTo, message, start, startRelay } from './relay.suite.ts'

const timeout = 60_000

for (const mode of ['socket', 'poll'] as const) {
  test(`${mode}: a device that was revoked does not come back`, { timeout }, async () => {
    const relay = await startRelay()
    const bob = await start(lineTo(relay, { mode }))
    const desk = lineTo(relay, { deviceId: 'desk' })
    await desk.transport.request('DELETE /devices/:deviceId', { params: { deviceId: 'bob-phone' } })
    await bob.until(() => bob.told.ended.length > 0)
    expect(bob.told.ended).toEqual(['device_revoked'])
    expect(bob.told.state.at(-1)).toBe('closed')
    await expect(bob.transport.send(message('m1', 'alice'))).rejects.toMatchObject({ code: 'device_revoked' })
    await expect(bob.transport.request('GET /devices', {})).rejects.toMatchObject({ code: 'device_revoked' })
  })

  test(`${mode}: a device that another process took over does not fight for it`, { timeout }, async () => {
    const relay = await startRelay()
    const first = await start(lineTo(relay, { mode }))
    await first.until(() => first.told.synced.length === 1)
    const second = await start(lineTo(relay))
    await first.until(() => first.told.ended.length > 0)
    expect(first.told.ended).toEqual(['replaced'])
    await expect(first.transport.send(message('m1', 'alice'))).rejects.toMatchObject({ code: 'closed' })
    expect(second.transport.state).toBe('online')
    expect(second.told.ended).toEqual([])
  })
}

test('that a device was revoked shows in any answer', { timeout }, async () => {
  const relay = await startRelay()
  const proxy = await startProxy(relay.port)
  proxy.blocksUpgrades = 'swallow'
  const bob = lineTo(relay, { url: proxy.url })
  void start(bob, 'closed')
  await bob.transport.request('POST /keys/identity', { body: { identityKey: 'an opaque public key' } })
  const desk = lineTo(relay, { deviceId: 'desk' })
  await desk.transport.request('DELETE /devices/:deviceId', { params: { deviceId: 'bob-phone' } })
  await expect(bob.transport.request('GET /devices', {})).rejects.toMatchObject({ code: 'device_revoked' })
  expect(bob.told.ended).toEqual(['device_revoked'])
  expect(bob.transport.state).toBe('closed')
})

test('that a device was revoked before it began is told when it begins', { timeout }, async () => {
  const relay = await startRelay()
  const bob = lineTo(relay)
  await bob.transport.request('POST /keys/identity', { body: { identityKey: 'an opaque public key' } })
  const desk = lineTo(relay, { deviceId: 'desk' })
  await desk.transport.request('DELETE /devices/:deviceId', { params: { deviceId: 'bob-phone' } })
  await expect(bob.transport.request('GET /devices', {})).rejects.toMatchObject({ code: 'device_revoked' })
  await start(bob, 'closed')
  expect(bob.told.ended).toEqual(['device_revoked'])
})

test('closing tells what was acknowledged, rejects who waits, and is done once', { timeout }, async () => {
  const relay = await startRelay()
  const alice = await start(lineTo(relay, { user: 'alice' }))
  for (const mode of ['socket', 'poll'] as const) {
    await alice.transport.send(message(`m-${mode}`))
    const bob = lineTo(relay, { mode })
    bob.acks = false
    await start(bob)
    await bob.until(() => bob.told.entry.length === 1)
    const entry = bob.told.entry[0]!
    bob.transport.ack(entry.mailbox, lastSeqOf(entry))
    const sent = bob.transport.send(message('late', 'alice'))
    const closed = bob.transport.close()
    await expect(sent).rejects.toMatchObject({ code: 'closed' })
    expect(bob.transport.close()).toBe(closed)
    await closed
    expect(bob.told.state.at(-1)).toBe('closed')
    await expect(bob.transport.send(message('later', 'alice'))).rejects.toMatchObject({ code: 'closed' })
    await expect(bob.transport.request('GET /devices', {})).rejects.toMatchObject({ code: 'closed' })
  }
  const bob = await start(lineTo(relay))
  await bob.until(() => bob.told.synced.length === 1)
  expect(bob.told.entry).toEqual([])
})

test('closing ends a request that waits, and what never began', { timeout }, async () => {
  const relay = await startRelay()
  const proxy = await startProxy(relay.port)
  proxy.stall()
  const bob = lineTo(relay, { url: proxy.url })
  const asked = bob.transport.request('GET /devices', {}, { retryMs: Number.POSITIVE_INFINITY })
  void start(bob, 'closed')
  const refused = expect(asked).rejects.toMatchObject({ code: 'closed' })
  await bob.until(() => proxy.accepted >= 2)
  await bob.transport.close()
  await refused
  const never = lineTo(relay)
  await never.transport.close()
  expect(never.transport.state).toBe('closed')
})

test('a listener that throws: the entry comes again', { timeout }, async () => {
  const relay = await startRelay()
  const alice = await start(lineTo(relay, { user: 'alice' }))
  await alice.transport.send(message('m1'))
  const bob = lineTo(relay)
  let tries = 0
  const quiet = () => {}
  bob.transport.start({
    entry: ({ mailbox }) => {
      tries += 1
      if (tries === 1) throw new Error('the disk is full')
      bob.transport.ack(mailbox, 1)
    },
    synced: quiet,
    signal: quiet,
    keysLow: quiet,
    state: () => {
      throw new Error('a listener of mine is broken')
    },
    ended: quiet,
  })
  await bob.until(() => tries === 2)
  await bob.until(() => bob.transport.state === 'online')
})
