import { type ErrorCode, errorTable, type RouteName, routeNames, routeOf } from '@sotto/protocol'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bundle, randomGroupId } from '../groups/mls-bytes.suite.ts'
import { keyPackageOf } from '../keys/key-package.suite.ts'
import { type Answered, type Asked, startTestServer, type TestServer } from './test-server.suite.ts'

/** Who asks. The last two are the owner, with an expired token and by a device that was revoked. */
const roles = ['owner', 'admin', 'member', 'former', 'stranger', 'expired', 'revoked'] as const
type Role = (typeof roles)[number]
type Outcome = 'ok' | ErrorCode

/** What a cell begins with: users and a group of its own. */
interface World {
  readonly actor: string
  readonly groupId: string
  /** An MLS group of the same people, each with the device that asks; in epoch 2. */
  readonly mlsId: string
  /** A plain member beside those who ask. */
  readonly other: string
  /** A device of the actor beside the one that asks. */
  readonly spare: string
  /** A mailbox of the actor with one entry. */
  readonly mailbox: string
}

interface Row {
  readonly ask: (world: World) => { readonly path: string; readonly body?: unknown }
  readonly outcomes: Record<Role, Outcome>
}

/** Of a route that anybody may ask. */
const open: Row['outcomes'] = {
  owner: 'ok',
  admin: 'ok',
  member: 'ok',
  former: 'ok',
  stranger: 'ok',
  expired: 'ok',
  revoked: 'ok',
}

/** Of a route that needs a token: what becomes of it for owner, admin, member, former member, stranger. */
function user(owner: Outcome, admin: Outcome, member: Outcome, former: Outcome, stranger: Outcome): Row['outcomes'] {
  return { owner, admin, member, former, stranger, expired: 'token_expired', revoked: 'device_revoked' }
}

/** Of a route that concerns nobody but the caller, or everybody alike. */
const everyUser = user('ok', 'ok', 'ok', 'ok', 'ok')
const membersOnly = user('ok', 'ok', 'ok', 'not_member', 'not_member')
const adminsOnly = user('ok', 'ok', 'forbidden', 'not_member', 'not_member')
const ownerOnly = user('ok', 'forbidden', 'forbidden', 'not_member', 'not_member')

const key = 'a public key of enough length'

const rows: Record<RouteName, Row> = {
  'POST /auth/dev-token': { ask: () => ({ path: '/auth/dev-token', body: { userId: 'somebody' } }), outcomes: open },
  'POST /auth/ticket': { ask: () => ({ path: '/auth/ticket' }), outcomes: everyUser },
  'GET /me': { ask: () => ({ path: '/me' }), outcomes: everyUser },
  'POST /keys/identity': { ask: () => ({ path: '/keys/identity', body: { identityKey: key } }), outcomes: everyUser },
  'POST /keys/prekeys': {
    ask: () => ({ path: '/keys/prekeys', body: { oneTimePreKeys: [{ keyId: 1, publicKey: key }] } }),
    outcomes: everyUser,
  },
  'GET /keys/prekeys/:userId': { ask: () => ({ path: '/keys/prekeys/well-known' }), outcomes: everyUser },
  'GET /keys/count': { ask: () => ({ path: '/keys/count' }), outcomes: everyUser },
  'POST /key-packages': {
    ask: () => ({ path: '/key-packages', body: { ciphersuite: 1, keyPackages: [keyPackageOf('a')] } }),
    outcomes: everyUser,
  },
  'POST /key-packages/claim': {
    ask: ({ other }) => ({ path: '/key-packages/claim', body: { userIds: [other], ciphersuite: 1 } }),
    outcomes: everyUser,
  },
  'PUT /identity': {
    ask: () => ({ path: '/identity', body: { version: 1, identityKey: key, devices: 'AAAA', signature: 'AAAA' } }),
    outcomes: everyUser,
  },
  'GET /identity/:userId': { ask: () => ({ path: '/identity/well-known' }), outcomes: everyUser },
  'GET /devices': { ask: () => ({ path: '/devices' }), outcomes: everyUser },
  'PATCH /devices/:deviceId': {
    ask: ({ spare }) => ({ path: `/devices/${spare}`, body: { name: 'Phone' } }),
    outcomes: everyUser,
  },
  'DELETE /devices/:deviceId': { ask: ({ spare }) => ({ path: `/devices/${spare}` }), outcomes: everyUser },
  'POST /groups': { ask: ({ other }) => ({ path: '/groups', body: { members: [other] } }), outcomes: everyUser },
  'GET /groups': { ask: () => ({ path: '/groups' }), outcomes: everyUser },
  'GET /groups/:groupId': { ask: ({ groupId }) => ({ path: `/groups/${groupId}` }), outcomes: membersOnly },
  'DELETE /groups/:groupId': { ask: ({ groupId }) => ({ path: `/groups/${groupId}` }), outcomes: ownerOnly },
  'POST /groups/:groupId/members': {
    ask: ({ groupId }) => ({ path: `/groups/${groupId}/members`, body: { members: ['newcomer'] } }),
    outcomes: adminsOnly,
  },
  'DELETE /groups/:groupId/members/:userId': {
    ask: ({ groupId, other }) => ({ path: `/groups/${groupId}/members/${other}` }),
    outcomes: adminsOnly,
  },
  'POST /groups/:groupId/roles': {
    ask: ({ groupId, other }) => ({ path: `/groups/${groupId}/roles`, body: { userId: other, role: 'admin' } }),
    outcomes: ownerOnly,
  },
  'GET /direct/:userId': { ask: ({ other }) => ({ path: `/direct/${other}` }), outcomes: everyUser },
  'POST /groups/:groupId/commits': {
    ask: ({ mlsId }) => ({ path: `/groups/${mlsId}/commits`, body: bundle(mlsId, 2) }),
    outcomes: membersOnly,
  },
  'POST /groups/:groupId/reset': {
    ask: ({ mlsId }) => {
      const { epoch: _, ...body } = bundle(mlsId, 0, { generation: 1 })
      return { path: `/groups/${mlsId}/reset`, body: { generation: 1, ...body } }
    },
    outcomes: adminsOnly,
  },
  'GET /groups/:groupId/group-info': { ask: ({ mlsId }) => ({ path: `/groups/${mlsId}/group-info` }), outcomes: membersOnly },
  'GET /messages/since/:timestamp': { ask: () => ({ path: '/messages/since/0' }), outcomes: everyUser },
  'GET /messages/cursors': { ask: () => ({ path: '/messages/cursors' }), outcomes: everyUser },
  'GET /messages': { ask: () => ({ path: '/messages' }), outcomes: everyUser },
  'POST /messages': {
    ask: ({ groupId }) => ({ path: '/messages', body: { id: 'one', to: groupId, scope: 'group', ciphertext: 'AAAA' } }),
    outcomes: membersOnly,
  },
  'POST /messages/ack': {
    ask: ({ mailbox }) => ({ path: '/messages/ack', body: { acks: [{ mailbox, seq: 1 }] } }),
    outcomes: everyUser,
  },
  'GET /account/export': { ask: () => ({ path: '/account/export' }), outcomes: everyUser },
  'DELETE /account': { ask: () => ({ path: '/account' }), outcomes: everyUser },
  'GET /health': { ask: () => ({ path: '/health' }), outcomes: open },
  'GET /ready': { ask: () => ({ path: '/ready' }), outcomes: open },
  'GET /metrics': { ask: () => ({ path: '/metrics' }), outcomes: open },
  'GET /openapi.json': { ask: () => ({ path: '/openapi.json' }), outcomes: open },
  'GET /docs': { ask: () => ({ path: '/docs' }), outcomes: open },
}

let server: TestServer
let cells = 0

beforeAll(async () => {
  server = await startTestServer({
    devTokens: 'loopback',
    // All cells claim the keys of one device.
    limits: { CLAIMS_TARGET_BURST: 1_000, ADDS_PAIR_PER_DAY: 1_000 },
  })
  await server.call('POST /keys/identity', { as: 'well-known', body: { identityKey: key, signedPreKey: key } })
  const list = { version: 1, identityKey: key, devices: 'AAAA', signature: 'AAAA' }
  await server.call('PUT /identity', { as: 'well-known', body: list })
})
afterAll(() => server.close())

async function worldFor(role: Role): Promise<World> {
  const name = (who: string) => `${who}-${cells}`
  cells += 1
  const asOwner = role === 'expired' || role === 'revoked'
  const [owner, admin, member, former, other] = ['owner', 'admin', 'member', 'former', 'other'].map(name) as [
    string,
    string,
    string,
    string,
    string,
  ]
  const actor = asOwner ? owner : name(role)
  const { groupId } = await server.call('POST /groups', { as: owner, body: { members: [admin, member, former, other] } })
  const params = { groupId }
  await server.call('POST /groups/:groupId/roles', { as: owner, params, body: { userId: admin, role: 'admin' } })
  await server.call('DELETE /groups/:groupId/members/:userId', { as: owner, params: { groupId, userId: former } })
  await server.store.openDevice({ userId: actor, deviceId: 'spare', holds: false })
  await server.store.openDevice({ userId: actor, deviceId: 'asking', holds: false })
  const mlsId = await mlsGroup(owner, admin, [member, former, other])
  if (role === 'revoked') await server.call('DELETE /devices/:deviceId', { as: actor, params: { deviceId: 'asking' } })
  const { mailbox } = await server.call('POST /messages', {
    as: other,
    body: { id: 'hello', to: actor, scope: 'direct', ciphertext: 'AAAA' },
  })
  return { actor, groupId, mlsId, other, spare: 'spare', mailbox }
}

/** An MLS group whose third member has been removed. */
async function mlsGroup(owner: string, admin: string, members: readonly string[]): Promise<string> {
  const mlsId = randomGroupId()
  const add = [admin, ...members].map((userId) => ({ userId, deviceId: 'asking' }))
  for (const device of add) await server.store.openDevice({ ...device, holds: false })
  const { epoch: _, ...created } = bundle(mlsId, 0)
  const body = { protocol: 'mls', groupId: mlsId, ...created, add, roles: { [admin]: 'admin' } }
  await server.call('POST /groups', { as: owner, device: 'asking', body })
  const removal = { ...bundle(mlsId, 1), remove: [{ userId: members[1], deviceId: 'asking' }], left: [members[1]] }
  await server.call('POST /groups/:groupId/commits', { as: owner, device: 'asking', params: { groupId: mlsId }, body: removal })
  return mlsId
}

async function askAs(role: Role, world: World, asked: Asked & { readonly request: string }): Promise<Answered> {
  const token = await server.tokenOf(world.actor, undefined, role === 'expired' ? -1_000 : undefined)
  return await server.ask(asked.request, { ...asked, token, device: 'asking' })
}

test('every route has a row, and every row a route', () => {
  expect(Object.keys(rows).toSorted()).toEqual(routeNames.toSorted())
})

// Side by side: no cell knows of another, and commits wait for the disk together.
describe.concurrent.each(routeNames)('%s', (name) => {
  test.each(roles)('%s', async (role) => {
    const row: Row | undefined = rows[name]
    expect(row, `${name} has no row`).toBeDefined()
    const outcome = row.outcomes[role]
    const world = await worldFor(role)
    const { path, body } = row.ask(world)
    const route = routeOf(name)
    const answered = await askAs(role, world, { request: `${route.method} ${path}`, body })
    if (outcome === 'ok') {
      expect(answered, answered.text).toMatchObject({ status: route.status })
      route.answer?.parse(answered.body)
    } else {
      expect(answered.body).toMatchObject({ code: outcome, status: errorTable[outcome].status })
      expect(answered.status).toBe(errorTable[outcome].status)
      expect(answered.headers.get('content-type')).toContain('application/problem+json')
    }
  })
})

test.concurrent.each(routeNames.filter((name) => routeOf(name).auth === 'user'))('%s: nobody', async (name) => {
  const { path, body } = rows[name].ask(await worldFor('stranger'))
  const { status, body: problem } = await server.ask(`${routeOf(name).method} ${path}`, { body })
  expect(problem).toMatchObject({ code: 'unauthenticated' })
  expect(status).toBe(401)
})
