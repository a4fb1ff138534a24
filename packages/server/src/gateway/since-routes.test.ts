import type { RouteAnswer } from '@sotto/protocol'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { started, startTestServer, type TestServer } from './test-server.suite.ts'

type Answer = RouteAnswer<'GET /messages/since/:timestamp'>
type Message = Answer['messages'][number]

let server: TestServer

beforeAll(async () => {
  server = await startTestServer()
})
afterAll(() => server.close())

interface Sent {
  readonly device?: string
  readonly ciphertext?: string
  readonly scope?: 'direct' | 'group'
}

async function send(
  on: TestServer,
  as: string,
  to: string,
  id: string,
  { device, ciphertext = 'AAAA', scope = 'direct' }: Sent = {},
) {
  return await on.call('POST /messages', { as, ...(device === undefined ? {} : { device }), body: { id, to, scope, ciphertext } })
}

async function since(
  as: string,
  timestamp: number,
  { device, ...query }: { device?: string; limit?: number; cursor?: string } = {},
  on = server,
): Promise<Answer> {
  const asked = { as, ...(device === undefined ? {} : { device }) }
  return await on.call('GET /messages/since/:timestamp', { ...asked, params: { timestamp }, query })
}

/** Every page of an answer. */
async function allSince(
  as: string,
  timestamp: number,
  options: { device?: string; limit?: number } = {},
  on = server,
): Promise<Answer[]> {
  const pages: Answer[] = []
  let cursor: string | undefined
  do {
    const page = await since(as, timestamp, { ...options, ...(cursor === undefined ? {} : { cursor }) }, on)
    pages.push(page)
    cursor = page.next
  } while (cursor !== undefined)
  return pages
}

const ids = (messages: readonly Message[]) => messages.map((message) => ('id' in message ? message.id : message.type))

test('messages come as they were accepted, those from before the time left out', async () => {
  await send(server, 'amy', 'ben', 'early')
  server.clock.advance(1_000)
  const later = server.clock.now()
  const accepted = await send(server, 'amy', 'ben', 'late', { ciphertext: 'bGF0ZQ==' })
  const answer = await since('ben', later)
  expect(answer.messages).toEqual([
    {
      type: 'msg',
      mailbox: accepted.mailbox,
      seq: 2,
      receivedAt: later,
      id: 'late',
      from: 'amy',
      fromDevice: 'default',
      timestamp: later,
      to: 'ben',
      scope: 'direct',
      ciphertext: 'bGF0ZQ==',
      contentType: 'application/octet-stream',
    },
  ])
  expect(answer.now).toBe(later)
  expect(answer).not.toHaveProperty('next')
  expect(ids((await since('ben', 0)).messages)).toEqual(['early', 'late'])
  expect(ids((await since('ben', later + 1)).messages)).toEqual([])
})

test('reading registers no device, and what was read can be read again', async () => {
  await send(server, 'amy', 'cat', 'one')
  for (let i = 0; i < 2; i++) expect(ids((await since('cat', 0)).messages)).toEqual(['one'])
  expect(await server.call('GET /devices', { as: 'cat' })).toEqual({ devices: [] })
})

test('the sending device’s own messages are left out; another device of the sender gets them', async () => {
  const { groupId } = await server.call('POST /groups', { as: 'dee', device: 'phone', body: { members: ['eli'] } })
  await send(server, 'dee', groupId, 'mine', { device: 'phone', scope: 'group' })
  await send(server, 'eli', groupId, 'yours', { scope: 'group' })
  expect(ids((await since('dee', 0, { device: 'phone' })).messages)).toEqual(['membership', 'yours'])
  expect(ids((await since('dee', 0, { device: 'laptop' })).messages)).toEqual(['membership', 'mine', 'yours'])
})

test('a member reads from joining to removal, the removal included', async () => {
  const { groupId } = await server.call('POST /groups', { as: 'fay', body: { members: [] } })
  const params = { groupId }
  await send(server, 'fay', groupId, 'before', { scope: 'group' })
  await server.call('POST /groups/:groupId/members', { as: 'fay', params, body: { members: ['gus'] } })
  await send(server, 'fay', groupId, 'during', { scope: 'group' })
  await server.call('DELETE /groups/:groupId/members/:userId', { as: 'fay', params: { groupId, userId: 'gus' } })
  await send(server, 'fay', groupId, 'after', { scope: 'group' })
  const inGroup = async (device?: string) => {
    const { messages } = await since('gus', 0, device === undefined ? {} : { device })
    const { mailbox } = await send(server, 'fay', groupId, 'probe', { scope: 'group' })
    return ids(messages.filter((message) => message.mailbox === mailbox))
  }
  expect(await inGroup()).toEqual(['during', 'membership'])
  await server.store.openDevice({ userId: 'gus', deviceId: 'phone', holds: false })
  expect(await inGroup('phone')).toEqual(['during', 'membership'])
})

test('a later device reads its user’s messages from its registration on', async () => {
  await server.store.openDevice({ userId: 'hal', deviceId: 'first', holds: false })
  await send(server, 'amy', 'hal', 'old')
  await server.store.openDevice({ userId: 'hal', deviceId: 'second', holds: false })
  await send(server, 'amy', 'hal', 'new')
  expect(ids((await since('hal', 0, { device: 'first' })).messages)).toEqual(['old', 'new'])
  expect(ids((await since('hal', 0, { device: 'second' })).messages)).toEqual(['new'])
})

describe('pages', () => {
  test('over many mailboxes hold everything once, in order, also where times are equal', async () => {
    const groups: string[] = []
    for (let i = 0; i < 4; i++) {
      groups.push((await server.call('POST /groups', { as: 'ida', body: { members: ['jim'] } })).groupId)
    }
    const begin = server.clock.now()
    for (let round = 0; round < 5; round++) {
      for (const [index, groupId] of groups.entries()) {
        await send(server, 'ida', groupId, `${round}-${index}`, { scope: 'group' })
        // Some at the same millisecond, some not.
        if (index === 1) server.clock.advance(1)
      }
      await send(server, 'ida', 'jim', `${round}-direct`)
    }
    const whole = await since('jim', begin)
    const key = ({ receivedAt, mailbox, seq }: Message) => [receivedAt, mailbox, seq] as const
    const sorted = whole.messages.toSorted((a, b) => {
      const [x, y] = [key(a), key(b)]
      return x[0] - y[0] || (x[1] < y[1] ? -1 : x[1] > y[1] ? 1 : x[2] - y[2])
    })
    expect(whole.messages).toEqual(sorted)
    expect(whole.messages.filter(({ type }) => type === 'msg')).toHaveLength(25)
    for (const limit of [1, 2, 3, 7, 500]) {
      const pages = await allSince('jim', begin, { limit })
      expect(pages.flatMap(({ messages }) => messages)).toEqual(whole.messages)
      for (const page of pages.slice(0, -1)) expect(page.messages).toHaveLength(limit)
    }
  })

  test('keep the `now` of the first, so that what is sent meanwhile falls between none', async () => {
    const mailboxes: [mailbox: string, groupId: string][] = []
    for (const id of ['a', 'b']) {
      const { groupId } = await server.call('POST /groups', { as: 'amy', body: { members: ['kim'] } })
      mailboxes.push([(await send(server, 'amy', groupId, `probe-${id}`, { scope: 'group' })).mailbox, groupId])
    }
    const [[, low], [, high]] = mailboxes.toSorted(([x], [y]) => (x < y ? -1 : 1)) as [[string, string], [string, string]]
    server.clock.advance(1)
    const begin = server.clock.now()
    for (const id of ['high-1', 'high-2']) await send(server, 'amy', high, id, { scope: 'group' })
    const first = await since('kim', begin, { limit: 1 })
    // In the same millisecond, in a mailbox whose turn is over.
    await send(server, 'amy', low, 'meanwhile', { scope: 'group' })
    server.clock.advance(5_000)
    const second = await since('kim', begin, { limit: 1, cursor: first.next ?? '' })
    expect([first, second].map(({ messages }) => ids(messages))).toEqual([['high-1'], ['high-2']])
    expect(second).not.toHaveProperty('next')
    expect(second.now).toBe(first.now)
    expect(ids((await since('kim', second.now)).messages)).toContain('meanwhile')
  })

  test('of one’s own messages are empty, and lead on', async () => {
    await server.store.openDevice({ userId: 'leo', deviceId: 'default', holds: false })
    const { groupId } = await server.call('POST /groups', { as: 'mia', body: { members: ['leo'] } })
    const begin = server.clock.now() + 1
    server.clock.advance(1)
    for (let i = 0; i < 5; i++) await send(server, 'leo', groupId, `own-${i}`, { scope: 'group' })
    await send(server, 'mia', groupId, 'reply', { scope: 'group' })
    const pages = await allSince('leo', begin, { limit: 2 })
    expect(pages.map(({ messages }) => ids(messages))).toEqual([[], [], ['reply']])
  })

  test('are bounded in bytes', async () => {
    const ciphertext = 'x'.repeat(130_000)
    for (let i = 0; i < 40; i++) await send(server, 'amy', 'ned', `large-${i}`, { ciphertext })
    const pages = await allSince('ned', 0)
    expect(pages).toHaveLength(2)
    expect(ids(pages.flatMap(({ messages }) => messages))).toEqual(Array.from({ length: 40 }, (_, i) => `large-${i}`))
  })

  test('begin at no cursor but the server’s own', async () => {
    for (const cursor of ['x', Buffer.from('[1,0,0,"u1"]').toString('base64url')]) {
      const { status, body } = await server.ask(`GET /messages/since/0?cursor=${cursor}`, { as: 'ola' })
      expect(status).toBe(400)
      expect(body).toMatchObject({ code: 'bad_request', detail: expect.stringMatching(/^cursor: /) })
    }
  })

  test('of another’s mailbox cannot be had with a cursor', async () => {
    const { mailbox } = await send(server, 'amy', 'pam', 'for pam only')
    const cursor = Buffer.from(JSON.stringify([1, 0, 0, mailbox, 1])).toString('base64url')
    expect((await since('quy', 0, { cursor })).messages).toEqual([])
  })
})

test('what a device without acknowledgements has read no longer counts as undelivered', async () => {
  const small = await started({ limits: { PAIR_ENTRIES: 2 } })
  for (const id of ['1', '2']) await send(small, 'amy', 'rob', id)
  const beyond = await small.ask('POST /messages', {
    as: 'amy',
    body: { id: '3', to: 'rob', scope: 'direct', ciphertext: 'AAAA' },
  })
  expect(beyond).toMatchObject({ status: 507, body: { code: 'mailbox_full' } })
  await since('rob', 0, {}, small)
  await send(small, 'amy', 'rob', '3')
})

test('gaps are passed over', async () => {
  await server.store.openDevice({ userId: 'sue', deviceId: 'default', holds: true })
  const { mailbox } = await send(server, 'amy', 'sue', 'gone')
  await server.call('POST /messages/ack', { as: 'sue', body: { acks: [{ mailbox, seq: 1 }] } })
  await send(server, 'amy', 'sue', 'here')
  await server.store.sweep()
  const items = await server.store.read(mailbox, 0, { entries: 10, bytes: 10_000 })
  expect(items.map((item) => 'gone' in item)).toEqual([true, false])
  expect(ids((await since('sue', 0)).messages)).toContain('here')
  for (const { messages } of await allSince('sue', 0, { limit: 1 })) {
    for (const message of messages) expect(['msg', 'membership']).toContain(message.type)
  }
})
