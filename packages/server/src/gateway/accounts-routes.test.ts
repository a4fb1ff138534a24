import { afterAll, beforeAll, expect, test } from 'vitest'
import { redeemTicket } from '../auth/tickets.ts'
import { startTestServer, type TestServer } from './test-server.suite.ts'

let server: TestServer

beforeAll(async () => {
  server = await startTestServer({ devTokens: 'loopback' })
})
afterAll(() => server.close())

const identityKey = 'a public key of enough length'

async function inhabit(userId: string, friend: string): Promise<string> {
  await server.call('POST /keys/identity', { as: userId, body: { identityKey, signedPreKey: identityKey } })
  const { groupId } = await server.call('POST /groups', { as: friend, body: { members: [userId], name: 'Friends' } })
  await server.call('POST /messages', {
    as: friend,
    body: { id: `to-${userId}`, to: userId, scope: 'direct', ciphertext: 'c2VjcmV0' },
  })
  return groupId
}

test('an export holds what the server holds about the user, and only that', async () => {
  const groupId = await inhabit('amy', 'ben')
  await inhabit('cat', 'ben')
  const exported = await server.call('GET /account/export', { as: 'amy' })
  expect(exported).toMatchObject({ userId: 'amy', exportedAt: server.clock.now() })
  const text = JSON.stringify(exported)
  for (const held of [groupId, 'Friends', 'default', identityKey, 'c2VjcmV0']) expect(text).toContain(held)
  expect(text).not.toContain('"cat"')
})

test('an erased user is nowhere, and every session is ended', async () => {
  const groupId = await inhabit('dee', 'eli')
  const before = server.events.length
  await server.call('DELETE /account', { as: 'dee' })
  expect(server.events.slice(before)).toContainEqual({ type: 'revoked', userId: 'dee', deviceId: null })
  expect(await server.ask('GET /keys/prekeys/dee', { as: 'eli' })).toMatchObject({ body: { code: 'no_prekeys' } })
  const { members } = await server.call('GET /groups/:groupId', { as: 'eli', params: { groupId } })
  expect(members).toEqual(['eli'])
  const other = await server.call('GET /account/export', { as: 'dee', device: 'another' })
  expect(JSON.stringify(other)).not.toContain('c2VjcmV0')
})

test('a development token works like any other', async () => {
  const { token, expiresAt } = await server.call('POST /auth/dev-token', {
    body: { userId: 'fay', name: 'Fay', deviceId: 'phone' },
  })
  expect(expiresAt).toBe(server.clock.now() + 24 * 3_600_000)
  await server.call('POST /keys/identity', { token, body: { identityKey } })
  expect(await server.call('GET /devices', { token })).toMatchObject({ devices: [{ deviceId: 'phone', current: true }] })
})

test.each([
  ['through a proxy', { 'x-forwarded-for': '203.0.113.7' }],
  ['through a proxy that says Via', { via: '1.1 proxy' }],
])('a development token is not for callers %s', async (_, headers) => {
  const { status, body } = await server.ask('POST /auth/dev-token', { body: { userId: 'gus' }, headers })
  expect(status).toBe(403)
  expect(body).toMatchObject({ code: 'dev_tokens_disabled' })
})

test('a ticket stands for the token and the acting device, and is redeemed once', async () => {
  const { ticket, expiresAt } = await server.call('POST /auth/ticket', { as: 'hue', device: 'phone' })
  expect(expiresAt).toBe(server.clock.now() + 30_000)
  const redeemed = await redeemTicket(server.store, server.clock, ticket)
  expect(redeemed).toMatchObject({ userId: 'hue', deviceId: 'phone' })
  await expect(redeemTicket(server.store, server.clock, ticket)).rejects.toMatchObject({ code: 'unauthenticated' })
})
