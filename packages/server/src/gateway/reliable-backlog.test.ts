import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { inShort } from './test-peer.suite.ts'
import { type Relay, startRelay } from './test-relay.suite.ts'

let relay: Relay
beforeAll(async () => {
  relay = await startRelay()
})
afterAll(() => relay.close())

describe('a reliable session begins', () => {
  test('with welcome, then synced where there is nothing', async () => {
    const amy = await relay.peer('amy', { reliable: true, device: 'phone' })
    expect(amy.received[0]).toMatchObject({ type: 'welcome', userId: 'amy', deviceId: 'phone', serverTime: relay.clock.now() })
    expect(inShort([await amy.next()])).toEqual(['synced'])
    expect(await amy.flushed()).toEqual([])
    expect(amy.ws.protocol).toBe('sotto.v1')
  })

  test('with the device mailbox, then the user’s, then the groups’, then synced once', async () => {
    const ann = await relay.synced('ann')
    await (await relay.synced('bob', 'phone')).close()
    const groups: string[] = []
    for (let i = 0; i < 2; i++) {
      groups.push((await relay.call('POST /groups', { as: 'ann', body: { members: ['bob'] } })).groupId)
    }
    for (const n of [1, 2]) {
      for (const [index, groupId] of groups.entries()) await ann.group(groupId, `group-${index}-${n}`)
      await ann.message('bob', `user-${n}`)
      await ann.message('bob', `device-${n}`, { device: 'phone' })
    }
    const bob = await relay.peer('bob', { reliable: true, device: 'phone' })
    const backlog = inShort(await bob.until('synced'))
    expect(backlog.slice(0, 6)).toEqual([
      'msg:device-1',
      'msg:device-2',
      'membership:+bob',
      'membership:+bob',
      'msg:user-1',
      'msg:user-2',
    ])
    expect(backlog.slice(6).toSorted()).toEqual(['msg:group-0-1', 'msg:group-0-2', 'msg:group-1-1', 'msg:group-1-2'])
    await ann.message('bob', 'live')
    expect(inShort(await bob.several(1))).toEqual(['msg:live'])
    expect(bob.received.filter(({ type }) => type === 'synced')).toHaveLength(1)
  })

  test('again with all of that while nothing is acknowledged, and with nothing once everything is', async () => {
    const cat = await relay.synced('cat')
    await (await relay.synced('dan')).close()
    for (const id of ['1', '2', '3']) await cat.message('dan', id)
    for (let round = 0; round < 2; round++) {
      const dan = await relay.peer('dan', { reliable: true })
      expect(inShort(await dan.until('synced'))).toEqual(['msg:1', 'msg:2', 'msg:3'])
      await dan.vanish()
    }
    const dan = await relay.peer('dan', { reliable: true })
    const [first] = await dan.until('synced')
    if (first?.type !== 'msg') throw new Error('not a message')
    dan.ack(first.mailbox, 2)
    await dan.flushed()
    await dan.close()
    const again = await relay.peer('dan', { reliable: true })
    expect(inShort(await again.until('synced'))).toEqual(['msg:3'])
    again.ack(first.mailbox, 3)
    await again.flushed()
    await again.close()
    expect(inShort(await (await relay.peer('dan', { reliable: true })).until('synced'))).toEqual([])
  })

  test('with what came while it was reading its backlog, in order', async () => {
    const eve = await relay.synced('eve')
    await (await relay.synced('fay')).close()
    const ids = Array.from({ length: 40 }, (_, i) => `${i}`)
    for (const id of ids.slice(0, 20)) await eve.message('fay', id)
    const connecting = relay.peer('fay', { reliable: true })
    for (const id of ids.slice(20)) await eve.message('fay', id)
    const fay = await connecting
    const entries = (await fay.several(41)).filter(({ type }) => type !== 'synced')
    expect(inShort(entries)).toEqual(ids.map((id) => `msg:${id}`))
  })
})

describe('what a device reads of its user', () => {
  test('the first: also what came before it existed', async () => {
    const gil = await relay.synced('gil')
    await gil.message('hal', 'before')
    const hal = await relay.peer('hal', { reliable: true })
    expect(inShort(await hal.until('synced'))).toEqual(['msg:before'])
  })

  test('a later one: what comes after its creation, beside the first', async () => {
    const ivy = await relay.synced('ivy')
    const phone = await relay.synced('jon', 'phone')
    await ivy.message('jon', 'old')
    const laptop = await relay.peer('jon', { reliable: true, device: 'laptop' })
    expect(inShort(await laptop.until('synced'))).toEqual([])
    const { seq } = await ivy.message('jon', 'new')
    expect(inShort(await phone.several(2))).toEqual(['msg:old', 'msg:new'])
    const [entry] = await laptop.several(1)
    expect(entry).toMatchObject({ type: 'msg', id: 'new', seq })
    expect(phone.received.at(-1)).toEqual(entry)
  })

  test('a message for one device reaches that one alone', async () => {
    const kim = await relay.synced('kim')
    const phone = await relay.synced('leo', 'phone')
    const laptop = await relay.synced('leo', 'laptop')
    const narrow = await kim.message('leo', 'narrow', { device: 'laptop' })
    const wide = await kim.message('leo', 'wide')
    expect(narrow.mailbox).not.toBe(wide.mailbox)
    expect(inShort(await laptop.several(2))).toEqual(['msg:narrow', 'msg:wide'])
    expect(inShort(await phone.several(1))).toEqual(['msg:wide'])
    phone.ack(narrow.mailbox, 1)
    expect(await phone.pick('error')).toMatchObject({ code: 'forbidden' })
  })

  test('there is no such device to send to', async () => {
    const mia = await relay.synced('mia')
    const refusal = await mia.refusal({ type: 'msg', id: 'x', to: 'nobody', device: 'phone', scope: 'direct', ciphertext: 'x' })
    expect(refusal).toMatchObject({ id: 'x', code: 'not_found' })
  })
})

describe('what this device sent itself', () => {
  test('stands as own in its place; the user’s other devices get the message', async () => {
    const phone = await relay.synced('ned', 'phone')
    const laptop = await relay.synced('ned', 'laptop')
    const { groupId } = await relay.call('POST /groups', { as: 'ned', body: { members: ['ola'] } })
    for (const device of [phone, laptop]) await device.take('membership')
    const accepted = await phone.group(groupId, 'mine')
    expect(await phone.take('own')).toEqual({
      type: 'own',
      mailbox: accepted.mailbox,
      seq: accepted.seq,
      id: 'mine',
      receivedAt: accepted.receivedAt,
    })
    expect(await laptop.take('msg')).toMatchObject({ id: 'mine', from: 'ned', fromDevice: 'phone', seq: accepted.seq })
  })

  test('also to oneself, and also from the backlog', async () => {
    const pam = await relay.synced('pam')
    await pam.message('pam', 'note')
    expect(await pam.take('own')).toMatchObject({ id: 'note' })
    await pam.close()
    const again = await relay.peer('pam', { reliable: true })
    expect(inShort(await again.until('synced'))).toEqual(['own:note'])
  })
})

test('ids are any text that a message id may be', async () => {
  const sender = await relay.synced('quy')
  const receiver = await relay.synced('rob')
  for (const id of ['"', '\\', '"}', '€😀', '</script>', ' ', '{"id":"x"}', '__proto__']) {
    const accepted = await sender.message('rob', id)
    expect(accepted.id).toBe(id)
    expect(await receiver.take('msg')).toMatchObject({ id, ciphertext: id, from: 'quy' })
    await sender.message('quy', `${id}2`)
    expect(await sender.take('own')).toMatchObject({ id: `${id}2` })
  }
})
