import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ecdsa, ecPair, forge } from '../auth/forge.suite.ts'
import { rawSocket } from './raw-socket.suite.ts'
import { connect } from './test-peer.suite.ts'
import { type Relay, relayOf } from './test-relay.suite.ts'

const ciphertext = 'canary-ciphertext-7b0c4e55'
const falseToken = 'canary-false-token-1f9d2c40'
const falseTicket = 'canary-false-ticket-93aa7d16'

/** Traffic of every kind, right and wrong. What of it must never be written down. */
async function traffic(relay: Relay): Promise<string[]> {
  const token = await relay.token('amy')
  const { ticket } = await relay.call('POST /auth/ticket', { as: 'amy' })
  const peers = [
    await connect(relay.port, { authorization: `Bearer ${token}` }),
    await connect(relay.port, { search: `?token=${token}&device=phone`, reliable: true }),
    await connect(relay.port, { search: `?ticket=${ticket}` }),
  ]
  const sender = peers[0]!
  await sender.message('ben', 'one', { ciphertext })
  await sender.message('amy', 'two', { ciphertext })
  sender.send({ type: 'signal', to: 'ben', scope: 'direct', ciphertext })
  sender.send({ type: 'hello', token })
  for (const wrong of [
    `{"type":"msg","to":"ben","ciphertext":"${ciphertext}"`,
    `{"type":"${ciphertext}"}`,
    JSON.stringify({ type: 'msg', id: 'x', to: 'g', scope: 'group', ciphertext }),
    JSON.stringify({ type: 'msg', to: 'ben', scope: 'direct', ciphertext, [ciphertext]: 1 }),
    JSON.stringify({ type: 'hello', token: falseToken, device: '/' }),
  ]) {
    await sender.refusal(wrong)
  }
  for (const search of [`?token=${falseToken}`, `?ticket=${falseTicket}`, `?ticket=${ticket}`, `?token=${token}x`]) {
    expect((await (await connect(relay.port, { search })).closed).code).toBe(4401)
  }
  const hello = await connect(relay.port)
  hello.send({ type: 'hello', token: falseToken })
  await hello.closed
  for (const path of [`/other?token=${token}`, `/ws/?ticket=${ticket}`]) {
    expect(await (await rawSocket(relay.port)).handshake({ path, headers: { authorization: `Bearer ${token}` } })).toBe(404)
  }
  const authorization = `Bearer ${token}`
  await fetch(`${relay.url}/messages?token=${token}&limit=x`, { headers: { authorization } })
  await fetch(`${relay.url}/messages/since/0?ticket=${falseTicket}`, { headers: { authorization: `Bearer ${falseToken}` } })
  const body = JSON.stringify({ to: 'ben', scope: 'direct', ciphertext, token })
  await fetch(`${relay.url}/messages`, { method: 'POST', body, headers: { authorization, 'content-type': 'application/json' } })
  await fetch(`${relay.url}/messages`, { method: 'POST', body: `{"ciphertext":"${ciphertext}`, headers: { authorization } })
  sender.ws.send('x'.repeat(200_000))
  await sender.closed
  return [token, falseToken, ticket, falseTicket, ciphertext]
}

test('no token, ticket or ciphertext is in the log, whatever its level, or in the metrics', async () => {
  const relay = await relayOf({ env: { LOG_LEVEL: 'trace' } })
  const secrets = await traffic(relay)
  const written = [...relay.logged, `${(await relay.ask('GET /metrics')).body}`]
  expect(written.length).toBeGreaterThan(1)
  for (const secret of secrets) for (const line of written) expect(line).not.toContain(secret)
})

test('no token or ticket is in the database', async () => {
  const relay = await relayOf()
  const [token, ...secrets] = await traffic(relay)
  await relay.close({ keep: true })
  const files = await readdir(relay.dataDir)
  const bytes = Buffer.concat(await Promise.all(files.map((file) => readFile(join(relay.dataDir, file)))))
  // Were this not the database, nothing would be proved.
  expect(bytes.includes(ciphertext)).toBe(true)
  for (const secret of [token!, ...secrets.filter((secret) => secret !== ciphertext)]) expect(bytes.includes(secret)).toBe(false)
})

test('keys that cannot be fetched are told in the log, without the token that asked for them', async () => {
  const issuer = { JWT_ISSUER: 'https://login.example/', JWT_AUDIENCE: 'sotto' }
  const relay = await relayOf({ env: { JWT_JWKS_URL: 'http://127.0.0.1:9/keys', ...issuer } })
  const claims = { sub: 'amy', exp: relay.clock.now() / 1_000 + 60, iss: issuer.JWT_ISSUER, aud: issuer.JWT_AUDIENCE }
  const token = forge({ alg: 'ES256' }, claims, ecdsa(ecPair().privateKey))
  const peer = await connect(relay.port, { search: `?token=${token}` })
  expect(await peer.take('error')).toMatchObject({ code: 'overloaded' })
  expect((await peer.closed).code).toBe(1013)
  const warnings = relay.logged.filter((line) => line.includes('"level":"warn"'))
  expect(warnings).toEqual([expect.stringContaining('JWT_JWKS_URL')])
  for (const line of relay.logged) expect(line).not.toContain(token)
})
