import { existsSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { scratchDirectory, serving, sotto, sottoJson, usedDirectory } from '../sotto-process.suite.ts'

/** The claims of a token, not verified. */
function claimsOf(token: string): Record<string, unknown> {
  return JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as Record<string, unknown>
}

test('prints a token, and nothing else, that the server takes', async () => {
  const cwd = scratchDirectory()
  const server = await serving(['serve'], { cwd })
  const { code, stdout, stderr } = await sotto(['token', 'alice'], { cwd })
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+\n$/)
  const headers = { Authorization: `Bearer ${stdout.trim()}` }
  expect((await fetch(`http://127.0.0.1:${server.port}/devices`, { headers })).status).toBe(200)
  const claims = claimsOf(stdout)
  expect(Object.keys(claims).sort()).toEqual(['exp', 'iat', 'userId'])
  expect(Number(claims.exp) - Number(claims.iat)).toBeLessThanOrEqual(24 * 3600 + 1)
})

test('says in the token what it was asked to', async () => {
  const cwd = await usedDirectory()
  const args = ['token', 'alice', '--device', 'phone', '--ttl', '90s', '--name', 'Alice A.', '--data', path.join(cwd, 'data')]
  const { code, answer } = await sottoJson(args, { cwd: scratchDirectory() })
  expect(code).toBe(0)
  const { token, ...rest } = answer
  const { iat, exp, ...claims } = claimsOf(token as string)
  expect(claims).toEqual({ userId: 'alice', deviceId: 'phone', name: 'Alice A.' })
  expect(rest).toEqual({ userId: 'alice', deviceId: 'phone', expiresAt: Number(exp) * 1000 })
  expect([90, 91]).toContain(Number(exp) - Number(iat))
})

test('JWT_SECRET signs, wherever it comes from', async () => {
  const JWT_SECRET = 'a secret that is long enough for HS256'
  const cwd = scratchDirectory()
  writeFileSync(path.join(cwd, '.env'), `JWT_SECRET=${JWT_SECRET}\n`)
  const server = await serving(['serve'], { cwd: scratchDirectory(), env: { JWT_SECRET } })
  const { stdout } = await sotto(['token', 'alice'], { cwd })
  const headers = { Authorization: `Bearer ${stdout.trim()}` }
  expect((await fetch(`http://127.0.0.1:${server.port}/devices`, { headers })).status).toBe(200)
})

test('makes no secret where no server was: the token would be of no use', async () => {
  const cwd = scratchDirectory()
  const { code, stdout, stderr } = await sotto(['token', 'alice'], { cwd })
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
  expect(stderr).toMatch(/^sotto: .*data has no secret yet: start the server once .*\n$/)
  expect(existsSync(path.join(cwd, 'data'))).toBe(false)
  expect(await sottoJson(['token', 'alice'], { cwd })).toEqual({
    code: 1,
    answer: { error: expect.stringContaining('has no secret yet') },
  })
})

test('refuses where tokens come from a login', async () => {
  const env = { JWT_JWKS_URL: 'https://login.example.org/keys', JWT_ISSUER: 'https://login.example.org', JWT_AUDIENCE: 'sotto' }
  const { code, stdout, stderr } = await sotto(['token', 'alice'], { cwd: scratchDirectory(), env })
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
  expect(stderr).toBe('sotto: tokens come from your login (JWT_JWKS_URL is set): get one there\n')
})
