import { connect, type Socket } from 'node:net'
import { commitFrame } from '@sotto/protocol'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { directGroupId } from '../groups/direct-group-id.ts'
import { getGroupInfo } from '../groups/get-group-info.ts'
import {
  bundle,
  groupInfo,
  keyPackage,
  privateMessage,
  publicMessage,
  randomGroupId,
  welcome,
} from '../groups/mls-bytes.suite.ts'
import { started, startTestServer, type TestServer } from './test-server.suite.ts'

let server: TestServer
beforeAll(async () => {
  server = await startTestServer({ limits: { REQUESTS_BURST: 100_000, SENDS_BURST: 100_000, ADDS_PAIR_PER_DAY: 10_000 } })
})
afterAll(() => server.close())

interface Person {
  readonly userId: string
  readonly deviceId: string
}

let cells = 0

/** A device that is registered, of a user of its own unless one is given. */
async function person(name: string, deviceId = 'phone', userId = `${name}-${++cells}`): Promise<Person> {
  await server.store.openDevice({ userId, deviceId, holds: false })
  return { userId, deviceId }
}

const as = ({ userId, deviceId }: Person) => ({ as: userId, device: deviceId })

async function create(owner: Person, add: readonly Person[], more: Record<string, unknown> = {}): Promise<string> {
  const groupId = randomGroupId()
  const { epoch: _, ...created } = bundle(groupId, 0)
  await server.call('POST /groups', { ...as(owner), body: { protocol: 'mls', groupId, ...created, add, ...more } })
  return groupId
}

async function commit(by: Person, groupId: string, body: Record<string, unknown>, on: TestServer = server) {
  return on.ask(`POST /groups/${groupId}/commits`, { ...as(by), body })
}

async function commits(by: Person, groupId: string, body: Record<string, unknown>): Promise<void> {
  const { status, text } = await commit(by, groupId, body)
  expect(status, text).toBe(201)
}

const say = (by: Person, groupId: string, id: string, ciphertext: string, contentType = 'message/mls') =>
  server.ask('POST /messages', { ...as(by), body: { id, to: groupId, scope: 'group', ciphertext, contentType } })

const group = ({ userId }: Person, groupId: string) => server.call('GET /groups/:groupId', { as: userId, params: { groupId } })

describe('creating', () => {
  test('a group is as its first commit says', async () => {
    const [ada, bea] = [await person('ada'), await person('bea')]
    const groupId = randomGroupId()
    const { epoch: _, ...created } = bundle(groupId, 0)
    const body = {
      protocol: 'mls',
      groupId,
      ...created,
      add: [bea],
      welcome: welcome(),
      welcomeTo: [bea],
      roles: { [bea.userId]: 'admin' },
    }
    const answer = await server.call('POST /groups', { ...as(ada), body })
    const at = { groupId, mailbox: expect.stringMatching(/^m/), seq: 1, generation: 0, epoch: 1, receivedAt: server.clock.now() }
    expect(answer).toEqual(at)
    expect(await server.call('POST /groups', { ...as(ada), body })).toEqual({ ...at, duplicate: true })
    expect(await group(bea, groupId)).toMatchObject({
      groupId,
      name: null,
      protocol: 'mls',
      ownerId: ada.userId,
      admins: [bea.userId],
      members: [ada.userId, bea.userId],
      epoch: 1,
      generation: 0,
    })
    const info = await server.call('GET /groups/:groupId/group-info', { as: bea.userId, params: { groupId } })
    expect(info).toEqual({
      groupInfo: created.groupInfo,
      generation: 0,
      epoch: 1,
      mailbox: (answer as { mailbox: string }).mailbox,
      seq: 1,
    })
    expect((await server.call('GET /groups', { as: bea.userId })).groups).toMatchObject([
      { groupId, protocol: 'mls', role: 'admin' },
    ])
  })

  test('what exists is told to members, and to nobody else', async () => {
    const [ada, bea, sam] = [await person('ada'), await person('bea'), await person('sam')]
    const groupId = await create(ada, [bea])
    const { epoch: _, ...again } = bundle(groupId, 0)
    const body = { protocol: 'mls', groupId, ...again }
    expect((await server.ask('POST /groups', { ...as(bea), body })).body).toMatchObject({
      code: 'group_exists',
      status: 409,
      groupId,
      epoch: 1,
      seq: 1,
      generation: 0,
    })
    expect((await server.ask('POST /groups', { ...as(sam), body })).body).toMatchObject({ code: 'not_member' })
  })

  test('the id of an opaque group is none for an MLS group', async () => {
    const ada = await person('ada')
    const { groupId } = await server.call('POST /groups', { ...as(ada), body: { members: [] } })
    const { epoch: _, ...created } = bundle(groupId, 0)
    const body = { protocol: 'mls', groupId, ...created }
    expect((await server.ask('POST /groups', { ...as(ada), body })).body).toMatchObject({ code: 'bad_request' })
    expect((await server.ask('POST /groups', { ...as(await person('sam')), body })).body).toMatchObject({ code: 'not_member' })
    expect((await commit(ada, groupId, bundle(groupId, 0))).body).toMatchObject({ code: 'bad_request' })
    expect((await server.ask(`GET /groups/${groupId}/group-info`, { as: ada.userId })).body).toMatchObject({
      code: 'bad_request',
    })
  })

  test.each<[string, (groupId: string) => Record<string, unknown>]>([
    ['neither groupId nor direct', () => ({ groupId: undefined })],
    ['both groupId and direct', () => ({ direct: 'bea' })],
    ['an id of 32 bytes', () => ({ groupId: directGroupId('a', 'b') })],
    ['an id of 15 bytes', () => ({ groupId: Buffer.alloc(15, 3).toString('base64url') })],
    ['a commit of another group', () => ({ commit: bundle(randomGroupId(), 0).commit })],
    ['a commit of a later epoch', (groupId) => ({ commit: bundle(groupId, 1).commit })],
    ['a commit of a later generation', (groupId) => bundleOf(groupId, { generation: 1 })],
    ['a commit by a new member', (groupId) => ({ commit: bundle(groupId, 0, { external: true }).commit })],
    ['a message in the place of the commit', (groupId) => ({ commit: privateMessage({ groupId, epoch: 0 }) })],
    ['a proposal in the place of the commit', (groupId) => ({ commit: publicMessage({ groupId, epoch: 0 }, 'proposal') })],
    ['a key package in the place of the commit', () => ({ commit: keyPackage() })],
    ['a GroupInfo of another group', () => ({ groupInfo: groupInfo({ groupId: randomGroupId(), epoch: 1 }) })],
    ['a GroupInfo of the epoch that ends', (groupId) => ({ groupInfo: groupInfo({ groupId, epoch: 0 }) })],
    ['a Welcome in the place of the GroupInfo', () => ({ groupInfo: welcome() })],
    ['a GroupInfo in the place of the Welcome', (groupId) => ({ welcome: groupInfo({ groupId, epoch: 1 }) })],
    ['half a commit', (groupId) => ({ commit: bundle(groupId, 0).commit.slice(0, 20) })],
    ['a member that none has', () => ({ epoch: 0 })],
  ])('with %s is not valid', async (_, wrong) => {
    const ada = await person('ada')
    const bea = await person('bea')
    const groupId = randomGroupId()
    const { epoch: _epoch, ...created } = bundle(groupId, 0)
    const body = { protocol: 'mls', groupId, ...created, add: [bea], welcome: welcome(), welcomeTo: [bea], ...wrong(groupId) }
    const { body: problem } = await server.ask('POST /groups', { ...as(ada), body })
    expect(problem).toMatchObject({ code: 'bad_request', detail: expect.stringMatching(/.{10}/) })
    expect(await server.store.group(groupId)).toBeUndefined()
  })

  test('a public commit is as good as a private one', async () => {
    const ada = await person('ada')
    const groupId = await create(ada, [], {})
    const framed = publicMessage({ groupId, epoch: 1 }, 'commit', 'member', new Array(5_000).fill(3))
    await commits(ada, groupId, { ...bundle(groupId, 1), commit: framed })
    expect((await group(ada, groupId)).epoch).toBe(2)
  })

  test('a device that is not there is named', async () => {
    const [ada, bea] = [await person('ada'), await person('bea')]
    await server.call('DELETE /devices/:deviceId', { as: bea.userId, params: { deviceId: 'phone' } })
    for (const missing of [bea, { userId: 'nobody', deviceId: 'phone' }]) {
      const groupId = randomGroupId()
      const { epoch: _, ...created } = bundle(groupId, 0)
      const answered = await server.ask('POST /groups', {
        ...as(ada),
        body: { protocol: 'mls', groupId, ...created, add: [missing] },
      })
      expect(answered.body).toMatchObject({ code: 'not_found', ...missing })
    }
  })
})

/** A commit whose body is announced and does not come: sent again where it is refused. The function ends it. */
function holdBody({ port }: TestServer, token: string, groupId: string): () => void {
  const head = [
    `POST /groups/${groupId}/commits HTTP/1.1`,
    'Host: sotto',
    `Authorization: Bearer ${token}`,
    'Content-Type: application/json',
    'Content-Length: 100000',
  ]
  let socket: Socket
  function begin(): void {
    socket = connect(port, '127.0.0.1')
    socket.on('error', () => {})
    socket.write(`${head.join('\r\n')}\r\n\r\n{`)
    socket.once('data', () => {
      socket.destroy()
      begin()
    })
  }
  begin()
  return () => socket.destroy()
}

function bundleOf(groupId: string, about: { generation: number }): Record<string, unknown> {
  const { epoch: _, ...rest } = bundle(groupId, 0, about)
  return rest
}

describe('committing', () => {
  test('moves the epoch, and answers the same to the same', async () => {
    const [ada, bea, cleo] = [await person('ada'), await person('bea'), await person('cleo')]
    const groupId = await create(ada, [bea])
    const body = { ...bundle(groupId, 1), add: [cleo], welcome: welcome(), welcomeTo: [cleo] }
    const first = await commit(ada, groupId, body)
    expect(first).toMatchObject({ status: 201, body: { groupId, seq: 2, generation: 0, epoch: 2 } })
    await commits(bea, groupId, { ...bundle(groupId, 2), remove: [] })
    expect((await commit(ada, groupId, body)).body).toEqual({ ...(first.body as object), duplicate: true })
    const other = await commit(ada, groupId, { ...body, welcome: welcome(41) })
    expect(other.body).toMatchObject({ code: 'id_conflict', seq: 2 })
    const stale = await commit(bea, groupId, bundle(groupId, 2))
    expect(stale.body).toMatchObject({ code: 'stale_epoch', status: 409, epoch: 3, seq: 3, generation: 0 })
    expect((await group(cleo, groupId)).members).toContain(cleo.userId)
  })

  test('is for devices of the group', async () => {
    const [ada, bea, sam] = [await person('ada'), await person('bea'), await person('sam')]
    const groupId = await create(ada, [bea])
    const tablet = await person('bea', 'tablet', bea.userId)
    for (const other of [tablet, sam]) {
      expect((await commit(other, groupId, bundle(groupId, 1))).body).toMatchObject({ code: 'not_member' })
    }
    const external = { ...bundle(groupId, 1, { external: true }), external: true, add: [tablet] }
    expect((await commit(tablet, groupId, { ...external, external: undefined })).body).toMatchObject({ code: 'bad_request' })
    expect((await commit(tablet, groupId, { ...external, commit: bundle(groupId, 1).commit })).body).toMatchObject({
      code: 'bad_request',
    })
    expect((await commit(sam, groupId, { ...external, add: [sam] })).body).toMatchObject({ code: 'not_member' })
    await commits(tablet, groupId, external)
    await commits(tablet, groupId, bundle(groupId, 2))
  })

  test('follows the roles', async () => {
    const [ada, adam, mia, new1] = [await person('ada'), await person('adam'), await person('mia'), await person('new')]
    const groupId = await create(ada, [adam, mia], { roles: { [adam.userId]: 'admin' } })
    const refused = async (by: Person, more: Record<string, unknown>) =>
      ((await commit(by, groupId, { ...bundle(groupId, 1), ...more })).body as { code: string }).code
    expect(await refused(mia, { add: [new1] })).toBe('forbidden')
    expect(await refused(mia, { remove: [adam] })).toBe('forbidden')
    expect(await refused(adam, { remove: [ada] })).toBe('owner_must_transfer')
    expect(await refused(adam, { roles: { [mia.userId]: 'admin' } })).toBe('forbidden')
    expect(await refused(ada, { roles: { [ada.userId]: 'member' } })).toBe('owner_must_transfer')
    await commits(ada, groupId, { ...bundle(groupId, 1), roles: { [mia.userId]: 'owner' } })
    expect(await group(mia, groupId)).toMatchObject({
      ownerId: mia.userId,
      admins: expect.arrayContaining([ada.userId, adam.userId]),
    })
    await commits(mia, groupId, { ...bundle(groupId, 2), remove: [adam], left: [adam.userId], add: [new1] })
    expect((await group(mia, groupId)).members.toSorted()).toEqual([ada, mia, new1].map(({ userId }) => userId).toSorted())
    expect((await server.ask(`GET /groups/${groupId}`, { as: adam.userId })).body).toMatchObject({ code: 'not_member' })
  })

  test('says who ceases to be a member: members and server agree on who may come back', async () => {
    const [ada, bea, cleo] = [await person('ada'), await person('bea'), await person('cleo')]
    const groupId = await create(ada, [bea, cleo])
    // Whoever has no device left stays a member, until it is said to go.
    for (const { userId } of [bea, cleo]) {
      await server.call('DELETE /devices/:deviceId', { as: userId, params: { deviceId: 'phone' } })
    }
    const removal = { ...bundle(groupId, 1), remove: [bea, cleo], left: [bea.userId] }
    const { mailbox } = (await commit(ada, groupId, removal)).body as { mailbox: string }
    expect((await group(ada, groupId)).members).toEqual([ada.userId, cleo.userId])
    const [beasNext, cleosNext] = [await person('bea', 'next', bea.userId), await person('cleo', 'next', cleo.userId)]
    const info = await server.ask(`GET /groups/${groupId}/group-info`, as(beasNext))
    expect(info.body).toMatchObject({ code: 'not_member' })
    const join = (who: Person, epoch: number) => ({ ...bundle(groupId, epoch, { external: true }), external: true, add: [who] })
    expect((await commit(beasNext, groupId, join(beasNext, 2))).body).toMatchObject({ code: 'not_member' })
    await commits(cleosNext, groupId, join(cleosNext, 2))
    const frames = (await server.store.read(mailbox, 0, { entries: 10, bytes: 1e6 })).flatMap((item) =>
      'json' in item ? [JSON.parse(item.json.toString())] : [],
    )
    expect(frames.map(({ type, left }) => [type, left])).toEqual([
      ['commit', undefined],
      ['departed', undefined],
      ['departed', undefined],
      ['commit', [bea.userId]],
      ['commit', undefined],
    ])
    expect(commitFrame.parse(frames[3]).left).toEqual([bea.userId])
    // It is of what a resend must repeat.
    expect((await commit(ada, groupId, { ...removal, left: [] })).body).toMatchObject({ code: 'id_conflict' })
  })

  test('by a stranger is refused before anything of it is looked at, a resend by somebody who was removed is not', async () => {
    const [ada, bea, sam] = [await person('ada'), await person('bea'), await person('sam')]
    const groupId = await create(ada, [bea])
    const taken = bundle(groupId, 1)
    const first = await commit(bea, groupId, taken)
    await commits(ada, groupId, { ...bundle(groupId, 2), remove: [bea], left: [bea.userId] })
    const garbage = { ...bundle(groupId, 3), commit: 'AAAA' }
    const { epoch: _, ...created } = { ...garbage, protocol: 'mls', groupId }
    for (const stranger of [bea, sam]) {
      expect((await commit(stranger, groupId, garbage)).body).toMatchObject({ code: 'not_member' })
      const reset = { ...created, protocol: undefined, groupId: undefined, generation: 1 }
      expect((await server.ask(`POST /groups/${groupId}/reset`, { ...as(stranger), body: reset })).body).toMatchObject({
        code: 'not_member',
      })
      expect((await server.ask('POST /groups', { ...as(stranger), body: created })).body).toMatchObject({ code: 'not_member' })
    }
    expect((await commit(ada, groupId, garbage)).body).toMatchObject({ code: 'bad_request' })
    expect((await commit(bea, groupId, taken)).body).toEqual({ ...(first.body as object), duplicate: true })
  })

  test('the GroupInfo is for those who are members when they get it', async () => {
    const [ada, bea] = [await person('ada'), await person('bea')]
    const groupId = await create(ada, [bea])
    const { store } = server
    const removedMeanwhile = {
      group: (id: string) => store.group(id),
      groupInfo: async (id: string) => {
        await commits(ada, groupId, { ...bundle(groupId, 1), remove: [bea], left: [bea.userId] })
        return await store.groupInfo(id)
      },
    }
    await expect(getGroupInfo(removedMeanwhile, bea.userId, groupId)).rejects.toMatchObject({ code: 'not_member' })
  })

  test('a large bundle counts for as many requests as it is long', async () => {
    const small = await started({ limits: { COMMIT_BYTES: 1_000_000, BODY_BYTES: 2_000, REQUESTS_BURST: 12 } })
    const ada = { userId: 'ada', deviceId: 'phone' }
    const groupId = randomGroupId()
    const { epoch: _, ...created } = bundle(groupId, 0)
    await small.call('POST /groups', { ...as(ada), body: { protocol: 'mls', groupId, ...created } })
    // 400 kB in base64 and a little are nine times 64 KiB.
    const large = { ...bundle(groupId, 1, { body: 400_000 }) }
    expect(await commit(ada, groupId, large, small)).toMatchObject({ status: 201 })
    expect((await commit(ada, groupId, { ...large, epoch: 2 }, small)).body).toMatchObject({
      code: 'rate_limited',
      limit: 'REQUESTS_PER_SECOND',
    })
    expect(await commit(ada, groupId, bundle(groupId, 2), small)).toMatchObject({ status: 201 })
  })

  test('large bundles that are under way are bounded, for a user and for all', async () => {
    const small = await started({ limits: { COMMIT_BYTES: 100_000, BODY_BYTES: 2_000, REQUESTS_BURST: 1_000 } })
    const ada = { userId: 'ada', deviceId: 'phone' }
    const groupId = randomGroupId()
    const { epoch: _, ...created } = bundle(groupId, 0)
    await small.call('POST /groups', { ...as(ada), body: { protocol: 'mls', groupId, ...created } })
    const slow = ['ada', 'ada', 'bea', 'bea', 'cleo', 'cleo', 'dora', 'dora']
    const stops = await Promise.all(slow.map(async (userId) => holdBody(small, await small.tokenOf(userId), groupId)))
    const large = bundle(groupId, 7, { body: 50_000 })
    const code = async (userId: string) =>
      ((await commit({ userId, deviceId: 'phone' }, groupId, large, small)).body as { code?: string }).code
    // Until the server has met all of them.
    await expect.poll(() => code('ada'), { timeout: 10_000 }).toBe('rate_limited')
    await expect.poll(() => code('eve'), { timeout: 10_000 }).toBe('overloaded')
    expect(await commit(ada, groupId, bundle(groupId, 1), small)).toMatchObject({ status: 201 })
    for (const stop of stops) stop()
    const next = bundle(groupId, 2, { body: 50_000 })
    await expect.poll(async () => (await commit(ada, groupId, next, small)).status, { timeout: 10_000 }).toBe(201)
  })

  test('members and roles change in no other way', async () => {
    const [ada, bea] = [await person('ada'), await person('bea')]
    const groupId = await create(ada, [bea])
    const asked = [
      server.ask(`POST /groups/${groupId}/members`, { ...as(ada), body: { members: ['carl'] } }),
      server.ask(`POST /groups/${groupId}/roles`, { ...as(ada), body: { userId: bea.userId, role: 'admin' } }),
      server.ask(`DELETE /groups/${groupId}/members/${bea.userId}`, as(ada)),
    ]
    for (const { body } of await Promise.all(asked)) expect(body).toMatchObject({ code: 'use_commit', status: 409 })
  })

  test('a bundle may be as large as COMMIT_BYTES, and no larger', async () => {
    const small = await started({ limits: { COMMIT_BYTES: 60_000, BODY_BYTES: 2_000 } })
    const ada = { userId: 'ada', deviceId: 'phone' }
    const groupId = randomGroupId()
    const { epoch: _, ...created } = bundle(groupId, 0, { body: 10_000 })
    await small.call('POST /groups', { ...as(ada), body: { protocol: 'mls', groupId, ...created } })
    expect(await commit(ada, groupId, bundle(groupId, 1, { body: 20_000 }), small)).toMatchObject({ status: 201 })
    const refused = await commit(ada, groupId, bundle(groupId, 2, { body: 50_000 }), small)
    expect(refused.body).toMatchObject({ code: 'too_large', status: 413, limit: 'COMMIT_BYTES' })
    const plain = await small.ask('POST /messages', {
      ...as(ada),
      body: { to: 'x', scope: 'direct', ciphertext: 'A'.repeat(3_000) },
    })
    expect(plain.body).toMatchObject({ code: 'too_large', limit: 'BODY_BYTES' })
  })

  test('users are bounded by GROUP_MEMBERS', async () => {
    const small = await started({ limits: { GROUP_MEMBERS: 2 } })
    const [ada, bea, cleo] = ['ada', 'bea', 'cleo'].map((userId) => ({ userId, deviceId: 'phone' }))
    for (const device of [bea!, cleo!]) await small.store.openDevice({ ...device, holds: false })
    const groupId = randomGroupId()
    const { epoch: _, ...created } = bundle(groupId, 0)
    await small.call('POST /groups', { ...as(ada!), body: { protocol: 'mls', groupId, ...created, add: [bea] } })
    const refused = await commit(ada!, groupId, { ...bundle(groupId, 1), add: [cleo] }, small)
    expect(refused.body).toMatchObject({ code: 'limit_reached', limit: 'GROUP_MEMBERS' })
  })

  test('users are added to no more than ADDS_PAIR_PER_DAY groups a day', async () => {
    const small = await started({ limits: { ADDS_PAIR_PER_DAY: 1 } })
    const [ada, bea] = ['ada', 'bea'].map((userId) => ({ userId, deviceId: 'phone' }))
    await small.store.openDevice({ ...bea!, holds: false })
    const [first, second] = await Promise.all(
      [0, 1].map(() => {
        const groupId = randomGroupId()
        const { epoch: _, ...created } = bundle(groupId, 0)
        return small.ask('POST /groups', { ...as(ada!), body: { protocol: 'mls', groupId, ...created, add: [bea] } })
      }),
    )
    expect([first, second].map((answered) => answered?.status).toSorted()).toEqual([201, 429])
  })
})

describe('a message', () => {
  test('says in the clear where it belongs', async () => {
    const [ada, bea] = [await person('ada'), await person('bea')]
    const groupId = await create(ada, [bea])
    const code = async (ciphertext: string, contentType?: string) =>
      ((await say(ada, groupId, `m${++cells}`, ciphertext, contentType)).body as { code?: string }).code
    const message = (epoch: number) => privateMessage({ groupId, epoch })
    expect(await code(message(1))).toBeUndefined()
    expect(await code(message(1), 'text/plain')).toBe('bad_request')
    expect(await code(message(2))).toBe('bad_request')
    expect(await code(privateMessage({ groupId: randomGroupId(), epoch: 1 }))).toBe('bad_request')
    expect(await code(privateMessage({ groupId: `${groupId}.1`, epoch: 1 }))).toBe('bad_request')
    expect(await code(privateMessage({ groupId, epoch: 1 }, 'commit'))).toBe('bad_request')
    expect(await code(publicMessage({ groupId, epoch: 1 }, 'application'))).toBe('bad_request')
    expect(await code('c2VjcmV0')).toBe('bad_request')
    expect(await code('not base64')).toBe('bad_request')
    for (const epoch of [1, 2, 3]) await commits(ada, groupId, bundle(groupId, epoch))
    expect(await code(message(2))).toBeUndefined()
    const stale = await say(ada, groupId, 'old', message(1))
    expect(stale.body).toMatchObject({ code: 'stale_epoch', status: 409, epoch: 4, seq: 5, generation: 0 })
    const tablet = await person('bea', 'tablet', bea.userId)
    for (const other of [tablet, await person('sam')]) {
      expect((await say(other, groupId, 'm', message(4))).body).toMatchObject({ code: 'not_member' })
    }
  })

  test('that comes again gets the first answer, in whatever epoch', async () => {
    const [ada, bea] = [await person('ada'), await person('bea')]
    const groupId = await create(ada, [bea])
    const ciphertext = privateMessage({ groupId, epoch: 1 })
    const first = await say(bea, groupId, 'once', ciphertext)
    for (const epoch of [1, 2, 3, 4]) await commits(ada, groupId, bundle(groupId, epoch))
    expect((await say(bea, groupId, 'once', ciphertext)).body).toEqual({ ...(first.body as object), duplicate: true })
    await commits(ada, groupId, { ...bundle(groupId, 5), remove: [bea], left: [bea.userId] })
    expect((await say(bea, groupId, 'once', ciphertext)).body).toEqual({ ...(first.body as object), duplicate: true })
    expect((await say(bea, groupId, 'twice', ciphertext)).body).toMatchObject({ code: 'not_member' })
  })
})

describe('departing', () => {
  test('who leaves has to be removed before anything else goes on', async () => {
    const [ada, bea] = [await person('ada'), await person('bea')]
    const tablet = await person('bea', 'tablet', bea.userId)
    const groupId = await create(ada, [bea, tablet])
    const { status, body } = await server.ask(
      `DELETE /groups/${groupId}/members/${bea.userId}?goodbye=${'A'.repeat(1_025)}`,
      as(bea),
    )
    expect({ status, body }).toMatchObject({ status: 400, body: { code: 'bad_request' } })
    const left = await server.call('DELETE /groups/:groupId/members/:userId', {
      ...as(bea),
      params: { groupId, userId: bea.userId },
      query: { goodbye: 'Z29vZGJ5ZQ==' },
    })
    expect(left.members).toEqual([ada.userId])
    const { mailbox } = await server.call('GET /groups/:groupId/group-info', { ...as(ada), params: { groupId } })
    const [, departed] = (await server.store.read(mailbox, 0, { entries: 10, bytes: 1e6 })).map((item) =>
      'json' in item ? JSON.parse(item.json.toString()) : item,
    )
    expect(departed).toMatchObject({ type: 'departed', userId: bea.userId, goodbye: 'Z29vZGJ5ZQ==' })
    const pending = { code: 'removal_pending', status: 409, departed: [{ userId: bea.userId }] }
    expect((await say(ada, groupId, 'm', privateMessage({ groupId, epoch: 1 }))).body).toMatchObject(pending)
    expect((await commit(ada, groupId, bundle(groupId, 1))).body).toMatchObject(pending)
    expect((await commit(ada, groupId, { ...bundle(groupId, 1), remove: [bea] })).body).toMatchObject(pending)
    await commits(ada, groupId, { ...bundle(groupId, 1), remove: [bea, tablet] })
    expect(await say(ada, groupId, 'm', privateMessage({ groupId, epoch: 2 }))).toMatchObject({ status: 201 })
  })

  test('the owner leaves when alone', async () => {
    const [ada, bea] = [await person('ada'), await person('bea')]
    const groupId = await create(ada, [bea])
    const leave = (who: Person) => server.ask(`DELETE /groups/${groupId}/members/${who.userId}`, as(who))
    expect((await leave(ada)).body).toMatchObject({ code: 'owner_must_transfer' })
    expect(await leave(bea)).toMatchObject({ status: 200 })
    expect(await leave(ada)).toMatchObject({ status: 200, body: { ok: true, members: [] } })
    expect((await leave(ada)).body).toMatchObject({ code: 'not_member' })
  })

  test('a user whose last device is revoked stays, and comes back with a new one', async () => {
    const [ada, bea] = [await person('ada'), await person('bea')]
    const groupId = await create(ada, [bea])
    await server.call('DELETE /devices/:deviceId', { as: bea.userId, params: { deviceId: 'phone' } })
    const departed = [bea]
    const message = (epoch: number) => privateMessage({ groupId, epoch })
    expect((await say(ada, groupId, 'm', message(1))).body).toMatchObject({ code: 'removal_pending', departed })
    // It joins without waiting for the removal, which is then anybody's to commit: the new device's too.
    const fresh = await person('bea', 'fresh', bea.userId)
    await commits(fresh, groupId, { ...bundle(groupId, 1, { external: true }), external: true, add: [fresh] })
    for (const device of [ada, fresh]) {
      expect((await say(device, groupId, 'm', message(2))).body).toMatchObject({ code: 'removal_pending', departed })
    }
    expect((await commit(ada, groupId, bundle(groupId, 2))).body).toMatchObject({ code: 'removal_pending', departed })
    await commits(fresh, groupId, { ...bundle(groupId, 2), remove: [bea] })
    expect((await group(bea, groupId)).members).toContain(bea.userId)
    expect(await say(fresh, groupId, 'm', message(3))).toMatchObject({ status: 201 })
  })

  test('who has left and is added again by the removing commit is not to be removed once more', async () => {
    const [ada, bea] = [await person('ada'), await person('bea')]
    const groupId = await create(ada, [bea])
    await server.call('DELETE /groups/:groupId/members/:userId', { ...as(bea), params: { groupId, userId: bea.userId } })
    await commits(ada, groupId, { ...bundle(groupId, 1), remove: [bea], add: [bea], welcome: welcome(), welcomeTo: [bea] })
    expect((await group(bea, groupId)).members).toEqual([ada.userId, bea.userId])
    expect(await say(bea, groupId, 'm', privateMessage({ groupId, epoch: 2 }))).toMatchObject({ status: 201 })
    await commits(bea, groupId, bundle(groupId, 2))
  })

  test('an erased owner is followed by somebody', async () => {
    const [ada, bea] = [await person('ada'), await person('bea')]
    const groupId = await create(ada, [bea])
    await server.call('DELETE /account', { as: ada.userId })
    expect(await group(bea, groupId)).toMatchObject({ ownerId: bea.userId, members: [bea.userId] })
    const refused = await commit(bea, groupId, bundle(groupId, 1))
    expect(refused.body).toMatchObject({ code: 'removal_pending', departed: [{ userId: ada.userId }] })
    await commits(bea, groupId, { ...bundle(groupId, 1), remove: [ada] })
  })

  test('the owner deletes the group', async () => {
    const [ada, bea] = [await person('ada'), await person('bea')]
    const groupId = await create(ada, [bea])
    expect((await server.ask(`DELETE /groups/${groupId}`, as(bea))).body).toMatchObject({ code: 'forbidden' })
    await server.call('DELETE /groups/:groupId', { ...as(ada), params: { groupId } })
    expect((await commit(ada, groupId, bundle(groupId, 1))).body).toMatchObject({ code: 'not_member' })
  })
})

describe('a conversation of two', () => {
  const direct = (of: Person, other: string) => server.call('GET /direct/:userId', { as: of.userId, params: { userId: other } })
  const createDirect = (by: Person, other: Person, groupId: string, add: readonly Person[] = []) => {
    const { epoch: _, ...created } = bundle(groupId, 0)
    return server.ask('POST /groups', { ...as(by), body: { protocol: 'mls', direct: other.userId, ...created, add } })
  }

  test('is the same for both, and there once one has begun it', async () => {
    const [ada, bea, sam] = [await person('ada'), await person('bea'), await person('sam')]
    const { groupId, exists } = await direct(ada, bea.userId)
    expect(exists).toBe(false)
    expect(await direct(bea, ada.userId)).toEqual({ groupId, exists })
    expect(await createDirect(ada, bea, groupId)).toMatchObject({ status: 201, body: { groupId, seq: 1, epoch: 1 } })
    expect(await direct(bea, ada.userId)).toEqual({ groupId, exists: true })
    expect((await group(bea, groupId)).members.toSorted()).toEqual([ada.userId, bea.userId])
    const refused = [
      server.ask(`DELETE /groups/${groupId}/members/${bea.userId}`, as(bea)),
      server.ask(`DELETE /groups/${groupId}`, as(ada)),
      commit(ada, groupId, { ...bundle(groupId, 1), add: [sam] }),
      commit(ada, groupId, { ...bundle(groupId, 1), roles: { [bea.userId]: 'admin' } }),
    ]
    for (const { body } of await Promise.all(refused)) expect(body).toMatchObject({ code: 'forbidden' })
    expect((await commit(sam, groupId, bundle(groupId, 1))).body).toMatchObject({ code: 'not_member' })
    const join = { ...bundle(groupId, 1, { external: true }), external: true, add: [bea] }
    await commits(bea, groupId, join)
    expect((await commit(ada, groupId, { ...bundle(groupId, 2), remove: [bea] })).body).toMatchObject({ code: 'forbidden' })
  })

  test('begun by both at once there is one', async () => {
    for (let round = 0; round < 5; round++) {
      const [ada, bea] = [await person('ada'), await person('bea')]
      const { groupId } = await direct(ada, bea.userId)
      const others = await Promise.all([1, 2, 3].map((at) => person('ada', `d${at}`, ada.userId)))
      const asked = [ada, ...others].map((device) => createDirect(device, bea, groupId, [bea]))
      const answers = await Promise.all([...asked, createDirect(bea, ada, groupId, [ada, ...others])])
      expect(answers.filter(({ status }) => status === 201)).toHaveLength(1)
      for (const { status, body } of answers) {
        if (status !== 201) expect(body).toMatchObject({ code: 'group_exists', groupId, epoch: 1, seq: 1, generation: 0 })
      }
    }
  })

  test('with oneself holds notes', async () => {
    const ada = await person('ada')
    const { groupId } = await direct(ada, ada.userId)
    expect(await createDirect(ada, ada, groupId)).toMatchObject({ status: 201 })
    expect((await group(ada, groupId)).members).toEqual([ada.userId])
    const tablet = await person('ada', 'tablet', ada.userId)
    await commits(ada, groupId, { ...bundle(groupId, 1), add: [tablet], welcome: welcome(), welcomeTo: [tablet] })
  })

  test('outlives the account of one of them', async () => {
    const [ada, bea] = [await person('ada'), await person('bea')]
    const { groupId } = await direct(ada, bea.userId)
    await createDirect(bea, ada, groupId, [ada])
    await server.call('DELETE /account', { as: bea.userId })
    expect((await group(ada, groupId)).members).toEqual([ada.userId])
    await commits(ada, groupId, { ...bundle(groupId, 1), remove: [bea] })
    const back = await person('bea', 'new', bea.userId)
    expect((await createDirect(back, ada, groupId)).body).toMatchObject({ code: 'group_exists', epoch: 2 })
    expect(await server.ask(`GET /groups/${groupId}/group-info`, { as: back.userId })).toMatchObject({ status: 200 })
    await commits(back, groupId, { ...bundle(groupId, 2, { external: true }), external: true, add: [back] })
    expect((await group(ada, groupId)).members.toSorted()).toEqual([ada.userId, bea.userId])
  })
})

describe('a reset', () => {
  const reset = (by: Person, groupId: string, generation: number, more: Record<string, unknown> = {}) =>
    server.ask(`POST /groups/${groupId}/reset`, {
      ...as(by),
      body: { generation, ...bundleOf(groupId, { generation }), ...more },
    })

  test('begins anew, and leaves the old generation behind', async () => {
    const [ada, bea, cleo] = [await person('ada'), await person('bea'), await person('cleo')]
    const groupId = await create(ada, [bea, cleo])
    await commits(ada, groupId, bundle(groupId, 1))
    expect((await reset(bea, groupId, 1)).body).toMatchObject({ code: 'forbidden' })
    expect((await reset(ada, groupId, 2)).body).toMatchObject({ code: 'stale_epoch', epoch: 2, seq: 2, generation: 0 })
    const mismatched = bundleOf(groupId, { generation: 2 })
    expect((await reset(ada, groupId, 1, mismatched)).body).toMatchObject({ code: 'bad_request' })
    const body = { generation: 1, ...bundleOf(groupId, { generation: 1 }), add: [bea], welcome: welcome(), welcomeTo: [bea] }
    const first = await server.ask(`POST /groups/${groupId}/reset`, { ...as(ada), body })
    expect(first).toMatchObject({ status: 201, body: { groupId, seq: 3, generation: 1, epoch: 1 } })
    const again = await server.ask(`POST /groups/${groupId}/reset`, { ...as(ada), body })
    expect(again.body).toEqual({ ...(first.body as object), duplicate: true })
    expect(await group(cleo, groupId)).toMatchObject({
      epoch: 1,
      generation: 1,
      members: [ada, bea, cleo].map(({ userId }) => userId),
    })
    const stands = { code: 'stale_epoch', epoch: 1, seq: 3, generation: 1 }
    expect((await say(bea, groupId, 'm', privateMessage({ groupId, epoch: 2 }))).body).toMatchObject(stands)
    expect((await commit(bea, groupId, bundle(groupId, 1))).body).toMatchObject(stands)
    expect((await commit(cleo, groupId, bundle(groupId, 1, { generation: 1 }))).body).toMatchObject({ code: 'not_member' })
    expect(await say(bea, groupId, 'm', privateMessage({ groupId: `${groupId}.1`, epoch: 1 }))).toMatchObject({ status: 201 })
    await commits(cleo, groupId, { ...bundle(groupId, 1, { generation: 1, external: true }), external: true, add: [cleo] })
    await commits(cleo, groupId, bundle(groupId, 2, { generation: 1 }))
  })

  test('is the way on for somebody whose only device is lost', async () => {
    const ada = await person('ada')
    const { groupId } = await server.call('GET /direct/:userId', { as: ada.userId, params: { userId: ada.userId } })
    const { epoch: _, ...created } = bundle(groupId, 0)
    await server.call('POST /groups', { ...as(ada), body: { protocol: 'mls', direct: ada.userId, ...created } })
    await server.call('DELETE /devices/:deviceId', { as: ada.userId, params: { deviceId: 'phone' } })
    const fresh = await person('ada', 'fresh', ada.userId)
    expect(await reset(fresh, groupId, 1)).toMatchObject({ status: 201 })
    await commits(fresh, groupId, bundle(groupId, 1, { generation: 1 }))
  })
})
