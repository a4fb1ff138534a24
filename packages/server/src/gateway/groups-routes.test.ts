import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { started, startTestServer, type TestServer } from './test-server.suite.ts'

let server: TestServer

beforeAll(async () => {
  server = await startTestServer()
})
afterAll(() => server.close())

const create = (as: string, members: readonly string[], name?: string) =>
  server.call('POST /groups', { as, body: { members, ...(name === undefined ? {} : { name }) } })
const group = (as: string, groupId: string) => server.call('GET /groups/:groupId', { as, params: { groupId } })

test('a group as its members see it', async () => {
  const { groupId } = await create('ada', ['bea', 'cleo', 'bea', 'ada'], 'Team')
  expect(groupId).toMatch(/^[A-Za-z0-9_-]{22}$/)
  const params = { groupId }
  await server.call('POST /groups/:groupId/roles', { as: 'ada', params, body: { userId: 'bea', role: 'admin' } })
  for (const as of ['ada', 'bea', 'cleo']) {
    const { members, ...rest } = await group(as, groupId)
    expect(members.toSorted()).toEqual(['ada', 'bea', 'cleo'])
    expect(rest).toEqual({
      groupId,
      name: 'Team',
      protocol: 'opaque',
      ownerId: 'ada',
      admins: ['bea'],
      createdAt: server.clock.now(),
    })
  }
})

test('a goodbye is for MLS groups', async () => {
  const { groupId } = await create('ned', ['oda'])
  const query = { goodbye: 'Z29vZGJ5ZQ==' }
  const left = server.call('DELETE /groups/:groupId/members/:userId', { as: 'oda', params: { groupId, userId: 'oda' }, query })
  await expect(left).rejects.toThrow('goodbye')
  expect((await group('ned', groupId)).members.toSorted()).toEqual(['ned', 'oda'])
})

test('members are added once, by owner or admin; the answer names all', async () => {
  const { groupId } = await create('dan', ['eve'])
  const params = { groupId }
  const added = await server.call('POST /groups/:groupId/members', {
    as: 'dan',
    params,
    body: { members: ['fay', 'eve', 'fay'] },
  })
  expect(added.members.toSorted()).toEqual(['dan', 'eve', 'fay'])
  const again = await server.call('POST /groups/:groupId/members', { as: 'dan', params, body: { members: ['fay'] } })
  expect(again.members.toSorted()).toEqual(['dan', 'eve', 'fay'])
  const entries = await server.call('GET /messages/since/:timestamp', { as: 'fay', params: { timestamp: 0 } })
  expect(entries.messages).toHaveLength(1)
  expect(entries.messages[0]).toMatchObject({ type: 'membership', groupId, by: 'dan', added: ['fay'], removed: [] })
})

test('who left is told so and knows nothing more', async () => {
  const { groupId } = await create('gus', ['hal', 'ida'])
  const left = await server.call('DELETE /groups/:groupId/members/:userId', { as: 'hal', params: { groupId, userId: 'hal' } })
  expect(left.members.toSorted()).toEqual(['gus', 'ida'])
  const { body } = await server.ask(`GET /groups/${groupId}`, { as: 'hal' })
  expect(body).toMatchObject({ code: 'not_member' })
  expect(await server.call('GET /groups', { as: 'hal' })).toEqual({ groups: [] })
})

test('the owner hands over and may leave then', async () => {
  const { groupId } = await create('jim', ['kim'])
  const params = { groupId }
  const leave = () => server.ask(`DELETE /groups/${groupId}/members/jim`, { as: 'jim' })
  expect(await leave()).toMatchObject({ status: 409, body: { code: 'owner_must_transfer' } })
  await server.call('POST /groups/:groupId/roles', { as: 'jim', params, body: { userId: 'kim', role: 'owner' } })
  expect(await group('kim', groupId)).toMatchObject({ ownerId: 'kim', admins: ['jim'] })
  expect(await leave()).toMatchObject({ status: 200 })
  expect(await group('kim', groupId)).toMatchObject({ ownerId: 'kim', admins: [], members: ['kim'] })
})

test('a deleted group is as one that never was', async () => {
  const { groupId } = await create('lea', ['mia'])
  await server.call('DELETE /groups/:groupId', { as: 'lea', params: { groupId } })
  const [gone, never] = await Promise.all([
    server.ask(`GET /groups/${groupId}`, { as: 'lea' }),
    server.ask('GET /groups/never-was', { as: 'lea' }),
  ])
  expect(gone.status).toBe(403)
  expect(gone.body).toEqual(never.body)
  expect(await server.call('GET /groups', { as: 'mia' })).toEqual({ groups: [] })
})

test('changes that race are each decided on what the one before left', async () => {
  const joining = Array.from({ length: 20 }, (_, index) => `racer-${index}`)
  const { groupId } = await create('ned', [])
  const answers = await Promise.all(
    joining.map((userId) => server.ask(`POST /groups/${groupId}/members`, { as: 'ned', body: { members: [userId] } })),
  )
  const added = joining.filter((_, index) => answers[index]?.status === 200)
  for (const answer of answers)
    if (answer.status !== 200) expect(answer.body).toMatchObject({ code: 'overloaded', retryAfterMs: 250 })
  const { members } = await group('ned', groupId)
  expect(members.toSorted()).toEqual(['ned', ...added].toSorted())
  expect(added.length).toBeGreaterThan(0)
})

test('of two transfers that race one is refused', async () => {
  const { groupId } = await create('ola', ['pam', 'quy'])
  const hand = (userId: string) => server.ask(`POST /groups/${groupId}/roles`, { as: 'ola', body: { userId, role: 'owner' } })
  const answers = await Promise.all([hand('pam'), hand('quy')])
  expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 403])
  const { ownerId, admins } = await group('ola', groupId)
  expect(admins).toEqual(['ola'])
  expect(['pam', 'quy']).toContain(ownerId)
})

describe('the list', () => {
  test('comes in pages that hold each group once', async () => {
    const made = new Set<string>()
    for (let i = 0; i < 7; i++) made.add((await create('rob', ['sue'])).groupId)
    const seen: string[] = []
    let cursor: string | undefined
    let pages = 0
    do {
      const query = { limit: 3, ...(cursor === undefined ? {} : { cursor }) }
      const page = await server.call('GET /groups', { as: 'sue', query })
      expect(page.groups.length).toBeLessThanOrEqual(3)
      seen.push(...page.groups.map(({ groupId }) => groupId))
      cursor = page.next
      pages += 1
    } while (cursor !== undefined)
    expect(pages).toBe(3)
    expect(seen).toHaveLength(7)
    expect(new Set(seen)).toEqual(made)
  })

  test('that ends with a page has no next', async () => {
    for (let i = 0; i < 2; i++) await create('tom', [])
    const page = await server.call('GET /groups', { as: 'tom', query: { limit: 2 } })
    expect(page.groups).toHaveLength(2)
    expect(page).not.toHaveProperty('next')
    expect(page.groups[0]).toMatchObject({ ownerId: 'tom', role: 'owner', admins: [] })
    expect(page.groups[0]).not.toHaveProperty('members')
  })

  test('refuses a cursor that it did not give', async () => {
    for (const cursor of ['', 'a b', '../x', 'x'.repeat(65)]) {
      const { body } = await server.ask(`GET /groups?cursor=${encodeURIComponent(cursor)}`, { as: 'tom' })
      expect(body).toMatchObject({ code: 'bad_request', detail: expect.stringMatching(/^cursor: /) })
    }
  })
})

describe('limits', () => {
  test('on members count everybody', async () => {
    const small = await started({ limits: { GROUP_MEMBERS: 3 } })
    const beyond = await small.ask('POST /groups', { as: 'uma', body: { members: ['a', 'b', 'c'] } })
    expect(beyond.body).toMatchObject({ code: 'limit_reached', limit: 'GROUP_MEMBERS' })
    const { groupId } = await small.call('POST /groups', { as: 'uma', body: { members: ['a', 'uma'] } })
    const add = (...members: string[]) => small.ask(`POST /groups/${groupId}/members`, { as: 'uma', body: { members } })
    expect(await add('b', 'c')).toMatchObject({ status: 409, body: { code: 'limit_reached', limit: 'GROUP_MEMBERS' } })
    expect(await add('a', 'b')).toMatchObject({ status: 200 })
    expect(await add('a')).toMatchObject({ status: 200 })
  })

  test('on groups and on adding others are the store’s', async () => {
    const small = await started({ limits: { USER_GROUPS: 1, ADDS_PAIR_PER_DAY: 1 } })
    const make = (as: string, members: string[]) => small.ask('POST /groups', { as, body: { members } })
    expect(await make('vic', ['wes'])).toMatchObject({ status: 201 })
    expect(await make('vic', [])).toMatchObject({ status: 409, body: { code: 'limit_reached', limit: 'USER_GROUPS' } })
  })
})
