import { cp } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { inShort } from './test-peer.suite.ts'
import { type Relay, relayOf, startRelay } from './test-relay.suite.ts'

let relay: Relay
beforeAll(async () => {
  relay = await startRelay()
})
afterAll(() => relay.close())

describe('an acknowledgement', () => {
  test('beyond the newest entry is refused, and moves nothing', async () => {
    const amy = await relay.synced('amy')
    const ben = await relay.synced('ben')
    const { mailbox } = await amy.message('ben', 'one')
    await ben.take('msg')
    for (const seq of [2, 1_000_000, Number.MAX_SAFE_INTEGER]) {
      expect(await ben.refusal({ type: 'ack', mailbox, seq })).toMatchObject({ code: 'bad_request' })
    }
    await ben.close()
    const again = await relay.peer('ben', { reliable: true })
    expect(inShort(await again.until('synced'))).toEqual(['msg:one'])
  })

  test('of another’s mailbox is refused', async () => {
    const cat = await relay.synced('cat')
    const dan = await relay.synced('dan')
    const { groupId } = await relay.call('POST /groups', { as: 'cat', body: { members: [] } })
    const group = await cat.group(groupId, 'group')
    const user = await cat.message('dan', 'user')
    await dan.take('msg')
    for (const mailbox of [group.mailbox, 'u999999', 'x', 'o'.repeat(32)]) {
      expect(await dan.refusal({ type: 'ack', mailbox, seq: 1 }), mailbox).toMatchObject({ code: 'forbidden' })
    }
    expect(await cat.refusal({ type: 'ack', mailbox: user.mailbox, seq: 1 })).toMatchObject({ code: 'forbidden' })
    await dan.close()
    expect(inShort(await (await relay.peer('dan', { reliable: true })).until('synced'))).toEqual(['msg:user'])
  })

  test('that goes back, or comes again, changes nothing', async () => {
    const eve = await relay.synced('eve')
    const fay = await relay.synced('fay')
    let mailbox = ''
    for (const id of ['1', '2', '3']) ({ mailbox } = await eve.message('fay', id))
    await fay.several(3)
    for (const seq of [3, 1, 3, 2, 1]) fay.ack(mailbox, seq)
    expect(await fay.flushed()).toEqual([])
    await fay.close()
    expect(inShort(await (await relay.peer('fay', { reliable: true })).until('synced'))).toEqual([])
  })

  test('of entries that have not been sent again after a reconnect moves on past them', async () => {
    const small = await relayOf({ limits: { WINDOW_ENTRIES: 8 } })
    const gil = await small.synced('gil')
    const hal = await small.synced('hal')
    let mailbox = ''
    for (let n = 1; n <= 4; n++) ({ mailbox } = await gil.message('hal', `${n}`))
    await hal.several(4)
    hal.ack(mailbox, 4)
    for (let n = 5; n <= 8; n++) await gil.message('hal', `${n}`)
    await hal.several(4)
    await hal.vanish()
    for (let n = 9; n <= 20; n++) await gil.message('hal', `${n}`)
    const again = await small.peer('hal', { reliable: true })
    expect(inShort(await again.several(4))).toEqual(['msg:5', 'msg:6', 'msg:7', 'msg:8'])
    // The device has more than it was sent: another program brought it, or the answer was slow.
    again.ack(mailbox, 12)
    expect(inShort(await again.several(4))).toEqual(['msg:13', 'msg:14', 'msg:15', 'msg:16'])
    expect(await again.flushed()).toEqual([])
    again.ack(mailbox, 20)
    expect(inShort(await again.several(1))).toEqual(['synced'])
    await gil.message('hal', 'live')
    expect(inShort(await again.several(1))).toEqual(['msg:live'])
  })

  test.each([
    [{ type: 'ack', mailbox: 'x' }],
    [{ type: 'ack', seq: 1 }],
    [{ type: 'ack', mailbox: 'x', seq: 0 }],
    [{ type: 'ack', mailbox: 'x', seq: -1 }],
    [{ type: 'ack', mailbox: 'x', seq: 1.5 }],
    [{ type: 'ack', mailbox: 'x', seq: '1' }],
    [{ type: 'ack', mailbox: 'x', seq: 2 ** 53 }],
    [{ type: 'ack', mailbox: '', seq: 1 }],
    [{ type: 'ack', mailbox: 'X', seq: 1 }],
    [{ type: 'ack', mailbox: '__proto__', seq: 1 }],
    [{ type: 'ack', mailbox: 5, seq: 1 }],
    [{ type: 'ack', mailbox: 'x', seq: 1, more: 1 }],
  ])('such as %j is refused', async (frame) => {
    const peer = await relay.peer('ivy', { reliable: true })
    await peer.until('synced')
    expect(await peer.refusal(JSON.stringify(frame))).toMatchObject({ code: 'bad_request' })
    await peer.close()
  })
})

describe('a cursor', () => {
  test('survives a stop and a start', async () => {
    const first = await startRelay({ dataDir: join(relay.dataDir, 'restarted') })
    const amy = await first.synced('amy')
    const ben = await first.synced('ben')
    let mailbox = ''
    for (const id of ['1', '2', '3']) ({ mailbox } = await amy.message('ben', id))
    await ben.several(3)
    ben.ack(mailbox, 2)
    await ben.flushed()
    await first.close()
    const second = await relayOf({ dataDir: first.dataDir })
    const again = await second.peer('ben', { reliable: true })
    expect(inShort(await again.until('synced'))).toEqual(['msg:3'])
  })

  test('is on disk a second later, however the server ends', async () => {
    const running = await relayOf()
    const amy = await running.synced('amy')
    const ben = await running.synced('ben')
    let mailbox = ''
    for (const id of ['1', '2', '3']) ({ mailbox } = await amy.message('ben', id))
    await ben.several(3)
    ben.ack(mailbox, 2)
    await ben.flushed()
    await delay(1_000)
    // What a crash now would leave behind.
    const dataDir = join(relay.dataDir, 'crashed')
    await cp(running.dataDir, dataDir, { recursive: true, filter: (file) => !/(-shm|\.lock)$/.test(file) })
    const second = await relayOf({ dataDir })
    const again = await second.peer('ben', { reliable: true })
    expect(inShort(await again.until('synced'))).toEqual(['msg:3'])
  })
})

describe('what has been acknowledged by every device that holds it', () => {
  test('is deleted; the rest stays for the others', async () => {
    const eve = await relay.synced('eve')
    const phone = await relay.synced('kim', 'phone')
    const laptop = await relay.synced('kim', 'laptop')
    const { mailbox } = await eve.message('kim', 'one')
    await eve.message('kim', 'two')
    await phone.several(2)
    await laptop.several(2)
    phone.ack(mailbox, 2)
    await phone.flushed()
    await laptop.close()
    const again = await relay.peer('kim', { reliable: true, device: 'laptop' })
    expect(inShort(await again.until('synced'))).toEqual(['msg:one', 'msg:two'])
    again.ack(mailbox, 2)
    await again.flushed()
    const held = async () => {
      const asked = { as: 'kim', device: 'phone', params: { timestamp: 0 } }
      return inShort((await relay.call('GET /messages/since/:timestamp', asked)).messages)
    }
    await expect.poll(held).toEqual([])
  })
})
