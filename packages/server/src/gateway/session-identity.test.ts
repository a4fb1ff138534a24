import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { connect } from './test-peer.suite.ts'
import { type Relay, relayOf, startRelay } from './test-relay.suite.ts'

const minuteMs = 60_000

let relay: Relay
beforeAll(async () => {
  relay = await startRelay()
})
afterAll(() => relay.close())

describe('a socket without a token', () => {
  test('says hello first, and is welcomed as the device that it names', async () => {
    const peer = await connect(relay.port, { reliable: true })
    peer.send({ type: 'hello', token: await relay.token('amy'), device: 'phone' })
    expect(await peer.take('welcome')).toMatchObject({ userId: 'amy', deviceId: 'phone' })
    await peer.take('synced')
    await (await relay.synced('ann')).message('amy', 'one')
    expect(await peer.take('msg')).toMatchObject({ id: 'one' })
  })

  test('may name the device in its address instead', async () => {
    const peer = await connect(relay.port, { search: '?device=tablet' })
    peer.send({ type: 'hello', token: await relay.token('amy') })
    expect(await peer.take('welcome')).toMatchObject({ deviceId: 'tablet' })
  })

  test('that names two devices is closed', async () => {
    const peer = await connect(relay.port, { search: '?device=tablet' })
    peer.send({ type: 'hello', token: await relay.token('amy'), device: 'phone' })
    expect(await peer.take('error')).toMatchObject({ code: 'forbidden' })
    expect(await peer.closed).toEqual({ code: 4400, reason: 'forbidden' })
  })

  test('whose token is for another device is closed', async () => {
    const peer = await connect(relay.port)
    peer.send({ type: 'hello', token: await relay.token('amy', { deviceId: 'phone' }), device: 'laptop' })
    expect(await peer.take('error')).toMatchObject({ code: 'forbidden' })
    expect((await peer.closed).code).toBe(4400)
  })

  test.each([
    ['a ping', { type: 'ping' }, 'unauthenticated', 4401],
    ['a message', { type: 'msg', id: 'x', to: 'bob', scope: 'direct', ciphertext: 'x' }, 'unauthenticated', 4401],
    ['an ack', { type: 'ack', mailbox: 'x', seq: 1 }, 'unauthenticated', 4401],
    ['a signal', { type: 'signal', to: 'bob', scope: 'direct', ciphertext: 'x' }, 'unauthenticated', 4401],
    ['a hello without a token', { type: 'hello' }, 'unauthenticated', 4401],
    ['a hello with no token', { type: 'hello', token: '' }, 'unauthenticated', 4401],
    ['a hello with a false token', { type: 'hello', token: 'x.y.z' }, 'unauthenticated', 4401],
    ['a hello with a number', { type: 'hello', token: 5 }, 'bad_request', 4400],
    ['a hello with more', { type: 'hello', token: 'x', userId: 'root' }, 'bad_request', 4400],
    ['a hello of a wrong device', { type: 'hello', token: 'x', device: '../x' }, 'bad_request', 4400],
    ['an unknown type', { type: 'login' }, 'bad_frame', 4400],
    ['no object', [], 'bad_frame', 4400],
  ])('and %s first is closed', async (_, frame, code, closeCode) => {
    const peer = await connect(relay.port)
    peer.ws.send(JSON.stringify(frame))
    expect(await peer.take('error')).toMatchObject({ code })
    expect(await peer.closed).toEqual({ code: closeCode, reason: code })
    expect(peer.left).toEqual([])
  })

  test('that sends a large frame first is closed', async () => {
    const peer = await connect(relay.port)
    peer.ws.send(JSON.stringify({ type: 'hello', token: 'x'.repeat(8_193) }))
    expect(await peer.take('error')).toMatchObject({ code: 'too_large', limit: 'HELLO_BYTES' })
    expect((await peer.closed).code).toBe(4413)
  })

  test('that says nothing in time is closed', async () => {
    const own = await relayOf({ limits: { HELLO_MS: 5_000 } })
    const silent = await connect(own.port)
    const welcomed = await own.peer('amy')
    own.clock.advance(4_999)
    expect(await welcomed.flushed()).toEqual([])
    expect(silent.ws.readyState).toBe(silent.ws.OPEN)
    own.clock.advance(1)
    expect(await silent.closed).toEqual({ code: 4408, reason: 'no hello in time' })
    expect(await welcomed.flushed()).toEqual([])
  })
})

describe('a ticket', () => {
  test('opens one socket, of the device that asked for it', async () => {
    const { ticket } = await relay.call('POST /auth/ticket', { as: 'ben', device: 'phone' })
    const peer = await connect(relay.port, { search: `?ticket=${ticket}` })
    expect(await peer.take('welcome')).toMatchObject({ userId: 'ben', deviceId: 'phone' })
    const second = await connect(relay.port, { search: `?ticket=${ticket}` })
    expect(await second.take('error')).toMatchObject({ code: 'unauthenticated' })
    expect((await second.closed).code).toBe(4401)
    expect(await peer.flushed()).toEqual([])
  })

  test('opens one of many that race', async () => {
    const { ticket } = await relay.call('POST /auth/ticket', { as: 'ben' })
    const peers = await Promise.all(Array.from({ length: 8 }, () => connect(relay.port, { search: `?ticket=${ticket}` })))
    const first = await Promise.all(peers.map(async (peer) => (await peer.next()).type))
    expect(first.filter((type) => type === 'welcome')).toHaveLength(1)
  })

  test('opens none after 30 seconds, nor for another device', async () => {
    const own = await relayOf()
    const late = await own.call('POST /auth/ticket', { as: 'ben' })
    const other = await own.call('POST /auth/ticket', { as: 'ben', device: 'phone' })
    const elsewhere = await connect(own.port, { search: `?ticket=${other.ticket}&device=laptop` })
    expect(await elsewhere.take('error')).toMatchObject({ code: 'forbidden' })
    own.clock.advance(30_000)
    const peer = await connect(own.port, { search: `?ticket=${late.ticket}` })
    expect(await peer.take('error')).toMatchObject({ code: 'unauthenticated' })
  })
})

describe('a token that expires', () => {
  test('closes the open socket', async () => {
    const own = await relayOf()
    const authorization = `Bearer ${await own.token('cat', { ttlMs: minuteMs })}`
    const peers = [await own.peer('cat', { authorization }), await own.peer('cat', { authorization, reliable: true })]
    own.clock.advance(minuteMs - 1)
    for (const peer of peers) await peer.flushed()
    own.clock.advance(1)
    for (const peer of peers) {
      expect(await peer.pick('error')).toMatchObject({ code: 'token_expired' })
      expect(await peer.closed).toEqual({ code: 4401, reason: 'token_expired' })
    }
  })

  test('is renewed by a hello', async () => {
    const own = await relayOf()
    const authorization = `Bearer ${await own.token('dan', { ttlMs: minuteMs })}`
    const peer = await own.peer('dan', { authorization })
    own.clock.advance(minuteMs / 2)
    peer.send({ type: 'hello', token: await own.token('dan', { ttlMs: minuteMs }) })
    expect(await peer.flushed()).toEqual([])
    own.clock.advance(minuteMs / 2 + 1)
    expect(await peer.flushed()).toEqual([])
    own.clock.advance(minuteMs / 2)
    expect((await peer.closed).code).toBe(4401)
  })

  test('opens nothing', async () => {
    const own = await relayOf()
    const token = await own.token('eve', { ttlMs: minuteMs })
    own.clock.advance(minuteMs)
    const peer = await connect(own.port, { search: `?token=${token}` })
    expect(await peer.take('error')).toMatchObject({ code: 'token_expired' })
    expect((await peer.closed).code).toBe(4401)
  })
})

describe('a hello on an open socket', () => {
  test.each([
    ['of another user', 'fay', {}],
    ['of another device', 'gil', { deviceId: 'laptop' }],
  ])('%s is refused, and changes nothing', async (_, userId, claims) => {
    const peer = await relay.peer('gil', { device: 'phone' })
    expect(await peer.refusal({ type: 'hello', token: await relay.token(userId, claims) })).toMatchObject({ code: 'forbidden' })
    expect(await peer.refusal({ type: 'hello', token: await relay.token('gil'), device: 'laptop' })).toMatchObject({
      code: 'forbidden',
    })
    await peer.message('hal', `${userId}-after`)
    const { messages } = await relay.call('GET /messages/since/:timestamp', { as: 'hal', params: { timestamp: 0 } })
    expect(messages.at(-1)).toMatchObject({ from: 'gil', fromDevice: 'phone', id: `${userId}-after` })
  })

  test('of nobody closes it', async () => {
    const peer = await relay.peer('ivy')
    peer.send({ type: 'hello', token: 'forged' })
    expect(await peer.take('error')).toMatchObject({ code: 'unauthenticated' })
    expect((await peer.closed).code).toBe(4401)
  })
})

describe('keeping alive', () => {
  test('the server pings every 25 seconds, and closes a socket that does not answer', async () => {
    const own = await relayOf()
    const live = await own.peer('jon')
    const dead = await own.peer('kim', { autoPong: false })
    const pinged = (peer: typeof live) => new Promise((resolve) => peer.ws.once('ping', resolve))
    for (const round of [1, 2]) {
      const pings = [pinged(live), ...(round === 1 ? [pinged(dead)] : [])]
      own.clock.advance(25_000)
      await Promise.all(pings)
      await live.flushed()
    }
    expect(await dead.closed).toEqual({ code: 4408, reason: 'no pong in time' })
    expect(await live.flushed()).toEqual([])
  })

  test('a ping is answered with the server’s time', async () => {
    const peer = await relay.peer('leo')
    peer.send({ type: 'ping' })
    expect(await peer.take('pong')).toEqual({ type: 'pong', serverTime: relay.clock.now() })
    const echoed = new Promise((resolve) => peer.ws.once('pong', (data) => resolve(`${data}`)))
    peer.ws.ping('native')
    expect(await echoed).toBe('native')
  })
})
