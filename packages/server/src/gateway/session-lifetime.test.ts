import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { connect, inShort, type Peer } from './test-peer.suite.ts'
import { type Relay, relayOf, startRelay } from './test-relay.suite.ts'

let relay: Relay
beforeAll(async () => {
  relay = await startRelay()
})
afterAll(() => relay.close())

describe('a reliable session', () => {
  test('is replaced by a newer one of the same device; basic ones and other devices stay', async () => {
    const basic = await relay.peer('amy', { device: 'phone' })
    const laptop = await relay.synced('amy', 'laptop')
    const first = await relay.synced('amy', 'phone')
    const second = await relay.synced('amy', 'phone')
    expect(await first.closed).toEqual({ code: 4409, reason: 'replaced' })
    for (const peer of [basic, laptop, second]) expect(await peer.flushed()).toEqual([])
  })

  test('that was replaced no longer acknowledges anything', async () => {
    const ann = await relay.synced('ann')
    const first = await relay.synced('ben')
    const { mailbox, seq } = await ann.message('ben', 'one')
    await first.take('msg')
    // The old program does not read the close, and goes on sending.
    first.ws.pause()
    const second = await relay.peer('ben', { reliable: true })
    expect(inShort(await second.until('synced'))).toEqual(['msg:one'])
    first.ack(mailbox, seq)
    first.send({ type: 'msg', id: 'ghost', to: 'ann', scope: 'direct', ciphertext: 'x' })
    await delay(50)
    first.ws.resume()
    await first.closed
    const third = await relay.peer('ben', { reliable: true })
    expect(inShort(await third.until('synced'))).toEqual(['msg:one'])
    expect(await ann.flushed()).toEqual([])
  })

  test('of many that begin at once is one, and that one has everything', async () => {
    const cat = await relay.synced('cat')
    await (await relay.synced('dan')).close()
    await cat.message('dan', 'one')
    const authorization = `Bearer ${await relay.token('dan')}`
    const peers = await Promise.all(Array.from({ length: 10 }, () => connect(relay.port, { reliable: true, authorization })))
    const isOpen = (peer: Peer) => peer.ws.readyState === peer.ws.OPEN
    await expect.poll(() => peers.filter(isOpen).length).toBe(1)
    const winner = peers.find(isOpen)!
    await winner.until('synced')
    expect(inShort(winner.received)).toEqual(['welcome', 'msg:one', 'synced'])
    for (const peer of peers) if (peer !== winner) expect((await peer.closed).code).toBe(4409)
  })

  test('ends when the device reads over HTTP; a socket ends a poll that waits', async () => {
    const eve = await relay.synced('eve')
    const socket = await relay.synced('fay')
    await eve.message('fay', 'one')
    await socket.take('msg')
    const page = await relay.call('GET /messages', { as: 'fay' })
    expect(inShort(page.messages)).toEqual(['msg:one'])
    expect(await socket.closed).toEqual({ code: 4409, reason: 'replaced' })
    const { mailbox, seq } = page.messages[0] as { mailbox: string; seq: number }
    await relay.call('POST /messages/ack', { as: 'fay', body: { acks: [{ mailbox, seq }] } })
    const waiting = relay.ask('GET /messages', { as: 'fay', query: { waitMs: 30_000 } })
    await delay(100)
    const again = await relay.peer('fay', { reliable: true })
    expect(await waiting).toMatchObject({ status: 403, body: { code: 'forbidden' } })
    expect(inShort(await again.until('synced'))).toEqual([])
  })
})

describe('a device that is revoked', () => {
  test('loses its sockets at once, and its id stays dead', async () => {
    const phone = await relay.synced('gil', 'phone')
    const basic = await relay.peer('gil', { device: 'phone' })
    const laptop = await relay.synced('gil', 'laptop')
    const waiting = relay.ask('GET /messages', { as: 'gil', device: 'tablet', query: { waitMs: 30_000 } })
    await delay(100)
    for (const deviceId of ['phone', 'tablet']) {
      await relay.call('DELETE /devices/:deviceId', { as: 'gil', device: 'laptop', params: { deviceId } })
    }
    for (const peer of [phone, basic]) {
      expect(await peer.pick('error')).toMatchObject({ code: 'device_revoked' })
      expect((await peer.closed).code).toBe(4403)
    }
    expect(await waiting).toMatchObject({ status: 403, body: { code: 'device_revoked' } })
    for (const reliable of [true, false]) {
      const again = await connect(relay.port, { reliable, device: 'phone', authorization: `Bearer ${await relay.token('gil')}` })
      expect(await again.take('error')).toMatchObject({ code: 'device_revoked' })
      expect(await again.closed).toEqual({ code: 4403, reason: 'device_revoked' })
    }
    expect(await laptop.flushed()).toEqual([])
    const hal = await relay.synced('hal')
    expect(
      await hal.refusal({ type: 'msg', id: 'x', to: 'gil', device: 'phone', scope: 'direct', ciphertext: 'x' }),
    ).toMatchObject({
      code: 'not_found',
    })
  })

  test('cannot be opened with a ticket that it had', async () => {
    const { ticket } = await relay.call('POST /auth/ticket', { as: 'ivy', device: 'phone' })
    await (await relay.synced('ivy', 'phone')).close()
    await relay.call('DELETE /devices/:deviceId', { as: 'ivy', device: 'laptop', params: { deviceId: 'phone' } })
    const peer = await connect(relay.port, { search: `?ticket=${ticket}` })
    expect(await peer.take('error')).toMatchObject({ type: 'error' })
    expect([4401, 4403]).toContain((await peer.closed).code)
  })

  test('with its whole account loses every socket, and what it sent is announced as erased', async () => {
    const jon = await relay.synced('jon', 'phone')
    const kim = await relay.synced('kim')
    const { mailbox } = await jon.message('kim', 'one')
    await kim.take('msg')
    await kim.close()
    const laptop = await relay.synced('jon', 'laptop')
    await relay.call('DELETE /account', { as: 'jon', device: 'phone' })
    for (const peer of [jon, laptop]) expect((await peer.closed).code).toBe(4403)
    const again = await relay.peer('kim', { reliable: true })
    const backlog = await again.until('synced')
    expect(backlog).toMatchObject([{ type: 'gone', mailbox, from: 1, to: 1, reason: 'erased' }])
    again.ack(mailbox, 1)
    expect(await again.flushed()).toEqual([])
  })
})

describe('sockets of one user', () => {
  test('are limited, also when they come all at once', async () => {
    const small = await relayOf({ limits: { USER_SOCKETS: 5 } })
    const authorization = `Bearer ${await small.token('leo')}`
    const peers = await Promise.all(Array.from({ length: 12 }, () => connect(small.port, { authorization })))
    const first = await Promise.all(peers.map((peer) => peer.next()))
    const refused = first.filter((frame) => frame.type === 'error')
    expect(refused).toHaveLength(7)
    for (const frame of refused) expect(frame).toMatchObject({ code: 'rate_limited', limit: 'USER_SOCKETS' })
    for (const [index, peer] of peers.entries()) {
      if (first[index]?.type === 'error') expect(await peer.closed).toEqual({ code: 4429, reason: 'rate_limited' })
    }
    await small.peer('mia')
    await peers.find((_, index) => first[index]?.type === 'welcome')?.close()
    await expect.poll(async () => (await connect(small.port, { authorization })).next()).toMatchObject({ type: 'welcome' })
  })

  test('a device may come again although they are used up: its older session goes', async () => {
    const small = await relayOf({ limits: { USER_SOCKETS: 2 } })
    const phone = await small.synced('ned', 'phone')
    const laptop = await small.synced('ned', 'laptop')
    const again = await small.synced('ned', 'phone')
    expect((await phone.closed).code).toBe(4409)
    for (const peer of [laptop, again]) expect(await peer.flushed()).toEqual([])
  })

  test('a device too many is refused, not to be tried again at once', async () => {
    const small = await relayOf({ limits: { USER_DEVICES: 1 } })
    await small.synced('ola', 'phone')
    const other = await connect(small.port, { device: 'laptop', authorization: `Bearer ${await small.token('ola')}` })
    expect(await other.take('error')).toMatchObject({ code: 'limit_reached', limit: 'USER_DEVICES' })
    expect((await other.closed).code).toBe(4429)
  })
})

describe('a device with few one-time keys left', () => {
  test('is told so while it is online; others are not', async () => {
    const key = (n: number) => `${n}`.padStart(16, 'k')
    const asked = { as: 'pam', device: 'phone' }
    await relay.call('POST /keys/identity', { ...asked, body: { identityKey: key(0), signedPreKey: key(1) } })
    const oneTimePreKeys = Array.from({ length: 20 }, (_, n) => ({ keyId: n, publicKey: key(n) }))
    await relay.call('POST /keys/prekeys', { ...asked, body: { oneTimePreKeys } })
    const phone = await relay.synced('pam', 'phone')
    const laptop = await relay.synced('pam', 'laptop')
    await relay.call('GET /keys/prekeys/:userId', { as: 'quy', params: { userId: 'pam' } })
    expect(await phone.take('keys_low')).toEqual({ type: 'keys_low', oneTimePreKeys: 19, keyPackages: 0 })
    expect(await laptop.flushed()).toEqual([])
  })
})
