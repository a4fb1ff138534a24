import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { connect, inShort } from './test-peer.suite.ts'
import { type Relay, startRelay } from './test-relay.suite.ts'

let relay: Relay
beforeAll(async () => {
  relay = await startRelay()
})
afterAll(() => relay.close())

const since = async (as: string, timestamp: number, device = 'default') =>
  relay.call('GET /messages/since/:timestamp', { as, device, params: { timestamp } })

describe('the basic protocol', () => {
  test('pushes messages as they arrive, to every socket of the recipient, as the sender wrote them', async () => {
    const amy = await relay.peer('amy')
    const phone = await relay.peer('ben', { device: 'phone' })
    const laptop = await relay.peer('ben', { device: 'laptop' })
    expect(phone.ws.protocol).toBe('')
    amy.send({
      type: 'msg',
      id: '0b1f7f3e-6a0c-4f4e-9a43-2a6f1d1c9f10',
      to: 'ben',
      scope: 'direct',
      ciphertext: 'b3BhcXVl',
      contentType: 'application/octet-stream',
      timestamp: 1_710_000_000_000,
    })
    const accepted = await amy.take('accepted')
    for (const peer of [phone, laptop]) {
      expect(await peer.take('msg')).toEqual({
        type: 'msg',
        mailbox: accepted.mailbox,
        seq: accepted.seq,
        receivedAt: accepted.receivedAt,
        id: '0b1f7f3e-6a0c-4f4e-9a43-2a6f1d1c9f10',
        from: 'amy',
        fromDevice: 'default',
        to: 'ben',
        scope: 'direct',
        ciphertext: 'b3BhcXVl',
        contentType: 'application/octet-stream',
        timestamp: 1_710_000_000_000,
      })
    }
  })

  test('takes the token from the header or the address', async () => {
    const token = await relay.token('cat')
    const byHeader = await connect(relay.port, { authorization: `bearer ${token}` })
    expect(await byHeader.take('welcome')).toMatchObject({ userId: 'cat' })
    const byAddress = await connect(relay.port, { search: `?token=${token}` })
    expect(await byAddress.take('welcome')).toMatchObject({ userId: 'cat', deviceId: 'default' })
  })

  test('needs no id: the server makes one', async () => {
    const dan = await relay.peer('dan')
    const eve = await relay.peer('eve')
    const ids: string[] = []
    for (let i = 0; i < 3; i++) {
      dan.ws.send(JSON.stringify({ type: 'msg', to: 'eve', scope: 'direct', ciphertext: 'eA==' }))
      ids.push((await dan.take('accepted')).id)
      expect(await eve.take('msg')).toMatchObject({ id: ids.at(-1) })
    }
    expect(new Set(ids).size).toBe(3)
  })

  test('begins with the present: what came before is pulled, and can be pulled again', async () => {
    const fay = await relay.peer('fay')
    await fay.message('gil', 'missed-1')
    await fay.message('gil', 'missed-2')
    const gil = await relay.peer('gil')
    await fay.message('gil', 'live')
    expect(inShort(await gil.several(1))).toEqual(['msg:live'])
    for (let i = 0; i < 2; i++) {
      expect(inShort((await since('gil', 0)).messages)).toEqual(['msg:missed-1', 'msg:missed-2', 'msg:live'])
    }
    expect(inShort(gil.received)).not.toContain('synced')
  })

  test('misses nothing from its welcome on, however much there is to begin with', async () => {
    const own = await startRelay({ limits: { SENDS_BURST: 1_000, REQUESTS_BURST: 1_000, ADDS_PAIR_PER_DAY: 1_000 } })
    try {
      for (let i = 0; i < 100; i++) await own.call('POST /groups', { as: 'amy', body: { members: ['ben'] } })
      const amy = await own.peer('amy')
      for (let round = 0; round < 20; round++) {
        const peer = await own.peer('ben')
        const { seq } = await amy.message('ben', `${round}`)
        expect(await peer.take('msg')).toMatchObject({ id: `${round}`, seq })
        await peer.close()
      }
    } finally {
      await own.close()
    }
  })

  test('after a lost connection the seed’s client pulls since the last time it knew', async () => {
    const hal = await relay.peer('hal')
    const ivy = await relay.peer('ivy')
    await hal.message('ivy', 'one')
    const one = await ivy.take('msg')
    await ivy.vanish()
    relay.clock.advance(1_000)
    await hal.message('ivy', 'two')
    const again = await relay.peer('ivy')
    expect(inShort((await since('ivy', one.receivedAt + 1)).messages)).toEqual(['msg:two'])
    await hal.message('ivy', 'three')
    expect(inShort(await again.several(1))).toEqual(['msg:three'])
  })

  test('needs no acknowledgement: far more than a window is pushed', async () => {
    const own = await startRelay({ limits: { WINDOW_ENTRIES: 4, SENDS_BURST: 1_000, PAIR_ENTRIES: 10 } })
    try {
      const jon = await own.peer('jon')
      const kim = await own.peer('kim')
      const ids = Array.from({ length: 60 }, (_, i) => `${i}`)
      for (const id of ids) await jon.message('kim', id)
      expect(inShort(await kim.several(60))).toEqual(ids.map((id) => `msg:${id}`))
    } finally {
      await own.close()
    }
  })

  test('groups: the sender’s other devices get the message, the sending device does not', async () => {
    const phone = await relay.peer('leo', { device: 'phone' })
    const laptop = await relay.peer('leo', { device: 'laptop' })
    const mia = await relay.peer('mia')
    const { groupId } = await relay.call('POST /groups', { as: 'leo', body: { members: ['mia'] } })
    for (const peer of [phone, laptop, mia]) await peer.take('membership')
    await phone.group(groupId, 'hello')
    for (const peer of [laptop, mia])
      expect(await peer.take('msg')).toMatchObject({ id: 'hello', from: 'leo', to: groupId, scope: 'group' })
    expect(await phone.flushed()).toEqual([])
  })

  test('a message to a group of others, or to none, is refused', async () => {
    const { groupId } = await relay.call('POST /groups', { as: 'ned', body: { members: [] } })
    const ola = await relay.peer('ola')
    for (const to of [groupId, 'no-such-group', 'ned']) {
      expect(await ola.refusal({ type: 'msg', id: 'x', to, scope: 'group', ciphertext: 'x' })).toMatchObject({
        id: 'x',
        code: 'not_member',
      })
      expect(await ola.refusal({ type: 'signal', to, scope: 'group', ciphertext: 'x' })).toMatchObject({ code: 'not_member' })
    }
  })

  test('a resend gets the first answer; another content under the same id is a conflict', async () => {
    const pam = await relay.peer('pam')
    const quy = await relay.peer('quy')
    const first = await pam.message('quy', 'once')
    expect(await pam.message('quy', 'once')).toEqual({ ...first, duplicate: true })
    const conflict = await pam.refusal({ type: 'msg', id: 'once', to: 'quy', scope: 'direct', ciphertext: 'other' })
    expect(conflict).toMatchObject({ id: 'once', code: 'id_conflict', mailbox: first.mailbox, seq: first.seq })
    await pam.message('quy', 'last')
    expect(inShort(await quy.several(2))).toEqual(['msg:once', 'msg:last'])
  })
})

describe('a basic client that acknowledges', () => {
  test('holds entries back from then on: a reliable session gets what it has not acknowledged', async () => {
    const rob = await relay.peer('rob')
    const sue = await relay.peer('sue')
    const { mailbox } = await rob.message('sue', 'one')
    await rob.message('sue', 'two')
    await sue.several(2)
    sue.ack(mailbox, 1)
    expect(await sue.flushed()).toEqual([])
    await sue.close()
    await rob.message('sue', 'three')
    const reliable = await relay.peer('sue', { reliable: true })
    expect(inShort(await reliable.until('synced'))).toEqual(['msg:two', 'msg:three'])
  })

  test('is refused what is not its own, and what does not exist', async () => {
    const tom = await relay.peer('tom')
    const { mailbox } = await tom.message('una', 'one')
    expect(await tom.refusal({ type: 'ack', mailbox, seq: 1 })).toMatchObject({ code: 'forbidden' })
    const una = await relay.peer('una')
    expect(await una.refusal({ type: 'ack', mailbox, seq: 2 })).toMatchObject({ code: 'bad_request' })
    expect(await una.refusal({ type: 'ack', mailbox: 'nonsense', seq: 1 })).toMatchObject({ code: 'forbidden' })
  })
})

describe('a signal', () => {
  test('reaches whoever is online now, and is stored nowhere', async () => {
    const phone = await relay.peer('vic', { device: 'phone' })
    const laptop = await relay.synced('vic', 'laptop')
    const wes = await relay.peer('wes')
    wes.send({ type: 'signal', to: 'vic', scope: 'direct', ciphertext: 'typing' })
    for (const peer of [phone, laptop]) {
      expect(await peer.take('signal')).toEqual({
        type: 'signal',
        from: 'wes',
        fromDevice: 'default',
        to: 'vic',
        scope: 'direct',
        ciphertext: 'typing',
      })
    }
    expect(await wes.flushed()).toEqual([])
    expect((await since('vic', 0)).messages).toEqual([])
  })

  test('to a group reaches its members, and not the device that sent it', async () => {
    const xia = await relay.peer('xia')
    const other = await relay.peer('xia', { device: 'other' })
    const yan = await relay.peer('yan')
    const zoe = await relay.peer('zoe')
    const { groupId } = await relay.call('POST /groups', { as: 'xia', body: { members: ['yan'] } })
    xia.send({ type: 'signal', to: groupId, scope: 'group', ciphertext: 'x' })
    for (const peer of [other, yan]) expect(await peer.pick('signal')).toMatchObject({ from: 'xia', to: groupId })
    for (const peer of [xia, zoe]) expect((await peer.flushed()).filter(({ type }) => type === 'signal')).toEqual([])
  })

  test('is limited in size and rate', async () => {
    const abe = await relay.peer('abe')
    const signal = { type: 'signal', to: 'bea', scope: 'direct' } as const
    expect(await abe.refusal({ ...signal, ciphertext: 'x'.repeat(4_097) })).toMatchObject({
      code: 'too_large',
      limit: 'SIGNAL_BYTES',
    })
    expect(await abe.refusal({ ...signal, ciphertext: 'é'.repeat(2_049) })).toMatchObject({ code: 'too_large' })
    for (let i = 0; i < 8; i++) abe.send({ ...signal, ciphertext: 'x'.repeat(4_096) })
    expect(await abe.flushed()).toEqual([])
    expect(await abe.refusal({ ...signal, ciphertext: 'x' })).toMatchObject({ code: 'rate_limited', limit: 'SIGNALS_PER_SECOND' })
    relay.clock.advance(1_000)
    abe.send({ ...signal, ciphertext: 'x' })
    expect(await abe.flushed()).toEqual([])
  })
})
