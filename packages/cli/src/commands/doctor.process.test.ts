import { chmodSync, closeSync, mkdirSync, openSync, readdirSync, statSync, writeFileSync, writeSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, onTestFinished, test } from 'vitest'
import type { Finding } from '../doctor/finding.ts'
import { type Call, contentsOf, scratchDirectory, serving, sotto, sottoJson, usedDirectory } from '../sotto-process.suite.ts'

/** What the doctor finds, by what was looked at. Nothing listens where it asks, unless a test says so. */
async function examined(call: Call, args: readonly string[] = []) {
  const { code, answer } = await sottoJson(['doctor', ...args], { ...call, env: { HOST: '127.0.0.1', PORT: '0', ...call.env } })
  const { ok, problems, warnings, findings } = answer as { ok: boolean; problems: number; warnings: number; findings: Finding[] }
  expect(code).toBe(ok ? 0 : 1)
  expect(problems).toBe(findings.filter(({ level }) => level === 'problem').length)
  expect(warnings).toBe(findings.filter(({ level }) => level === 'warning').length)
  const of = (check: string) => findings.find((finding) => finding.check === check)
  const problemsAt = findings.filter(({ level }) => level === 'problem').map(({ check }) => check)
  return { code, findings, of, problemsAt }
}

const databaseIn = (cwd: string) => path.join(cwd, 'data', 'sotto.db')

/** Changes the database that a server has left, as a person with a shell could. */
function change(cwd: string, sql: string): void {
  const db = new DatabaseSync(databaseIn(cwd))
  db.exec(sql)
  db.close()
}

test('a place where no server was yet has no problem, and nothing is made there', async () => {
  const cwd = scratchDirectory()
  const { code, of } = await examined({ cwd })
  expect(code).toBe(0)
  expect(of('node')).toMatchObject({ level: 'ok', message: `Node.js ${process.versions.node}` })
  expect(of('sqlite')).toMatchObject({ level: 'ok' })
  for (const check of ['data', 'login', 'database']) expect(of(check)).toMatchObject({ level: 'note' })
  expect(of('lock')).toBeUndefined()
  expect(readdirSync(cwd)).toEqual([])
  mkdirSync(path.join(cwd, 'data'), { mode: 0o700 })
  expect((await examined({ cwd })).of('data')).toMatchObject({ level: 'ok' })
  expect(readdirSync(path.join(cwd, 'data'))).toEqual([])
})

test('a healthy database is looked at from all sides and stays as it is', async () => {
  const cwd = await usedDirectory()
  const before = contentsOf(path.join(cwd, 'data'))
  const { code, of } = await examined({ cwd })
  expect(code).toBe(0)
  for (const check of ['data', 'login', 'lock', 'database', 'schema', 'durability', 'integrity', 'clock']) {
    expect(of(check), check).toMatchObject({ level: 'ok' })
  }
  expect(of('disk')?.message).toMatch(/free$/)
  expect(of('filesystem')).toBeDefined()
  expect(contentsOf(path.join(cwd, 'data'))).toEqual(before)
  expect((await examined({ cwd }, ['--quick'])).of('integrity')).toMatchObject({ level: 'note' })
})

test('a running server is named, asked, and not disturbed', async () => {
  const cwd = scratchDirectory()
  const server = await serving(['serve'], { cwd })
  const { code, of, findings } = await examined({ cwd }, ['--port', String(server.port)])
  expect(code).toBe(0)
  expect(of('lock')).toMatchObject({
    level: 'ok',
    message: expect.stringContaining(`process ${server.pid} has the database open`),
  })
  expect(of('integrity')).toMatchObject({ level: 'ok' })
  expect(of('server')).toMatchObject({ level: 'ok', message: `http://127.0.0.1:${server.port} answers` })
  expect(of('ready')).toMatchObject({ level: 'ok' })
  expect(of('settings')?.details).toContain(`PORT=${server.port} (--port)`)
  expect(findings.map(({ level }) => level)).not.toContain('problem')
  expect((await fetch(`http://127.0.0.1:${server.port}/ready`)).status).toBe(200)
  expect(await server.stop()).toEqual({ code: 0, signal: null })
})

test('a server that listens elsewhere, or another one in its place, is told', async () => {
  const cwd = scratchDirectory()
  const server = await serving(['serve'], { cwd })
  const free = await listening()
  await free.close()
  const elsewhere = await examined({ cwd, env: { PORT: String(free.port) } })
  expect(elsewhere.code).toBe(0)
  expect(elsewhere.of('server')).toMatchObject({
    level: 'warning',
    message: expect.stringContaining('does not answer (ECONNREFUSED)'),
  })
  const stranger = await examined({ cwd: await usedDirectory(), env: { PORT: String(server.port) } })
  expect(stranger.problemsAt).toEqual(['server'])
  expect(stranger.of('server')?.message).toContain('belongs to a Sotto with another data directory')
})

test('a port of another program is a problem, a free one is not', async () => {
  const other = await listening()
  const cwd = scratchDirectory()
  const env = { PORT: String(other.port) }
  expect((await examined({ cwd, env })).of('server')).toMatchObject({
    level: 'problem',
    message: expect.stringContaining('in use by another program'),
  })
  await other.close()
  expect((await examined({ cwd, env })).of('server')).toMatchObject({
    level: 'ok',
    message: `none runs, and port ${other.port} is free`,
  })
})

test('a damaged database is a problem, with what is wrong in it and what to do', async () => {
  const cwd = await usedDirectory()
  const size = statSync(databaseIn(cwd)).size
  const file = openSync(databaseIn(cwd), 'r+')
  writeSync(file, Buffer.alloc(size / 2, 0x5a), 0, null, size / 2)
  closeSync(file)
  const { code, problemsAt, of } = await examined({ cwd })
  expect(code).toBe(1)
  expect(problemsAt).toEqual(['integrity'])
  expect(of('integrity')).toMatchObject({ action: expect.stringContaining('restore a backup') })
  expect(of('integrity')?.details?.length).toBeGreaterThan(0)
  writeFileSync(databaseIn(cwd), 'Dear Sir or Madam, '.repeat(1_000))
  expect((await examined({ cwd })).of('database')).toMatchObject({
    level: 'problem',
    message: expect.stringContaining('it is not a database'),
  })
})

test('a database of another program, or of a newer Sotto, is a problem', async () => {
  const foreign = scratchDirectory()
  mkdirSync(path.join(foreign, 'data'), { mode: 0o700 })
  change(foreign, 'CREATE TABLE notes(text)')
  const found = await examined({ cwd: foreign })
  expect(found.problemsAt).toEqual(['database'])
  expect(found.of('database')?.message).toContain('it is a database of another program')
  const newer = await usedDirectory()
  change(newer, 'PRAGMA user_version = 99')
  expect((await examined({ cwd: newer })).of('schema')).toMatchObject({
    level: 'problem',
    message: expect.stringMatching(/^version 99, made by a newer Sotto/),
  })
})

test('a write-ahead log that was switched off, and a clock behind the messages, are warnings', async () => {
  const cwd = await usedDirectory()
  change(
    cwd,
    "PRAGMA journal_mode = DELETE; INSERT INTO mailboxes(kind, owner, received_at) VALUES ('user', 'alice', 33000000000000)",
  )
  const { code, of } = await examined({ cwd })
  expect(code).toBe(0)
  expect(of('durability')).toMatchObject({ level: 'warning' })
  expect(of('clock')).toMatchObject({ level: 'warning', message: expect.stringContaining('behind the newest stored message') })
})

test('a secret that others can read is a problem, a directory that they can look into a warning', async () => {
  const cwd = await usedDirectory()
  chmodSync(path.join(cwd, 'data'), 0o755)
  chmodSync(path.join(cwd, 'data', 'jwt-secret'), 0o644)
  const { code, problemsAt, of } = await examined({ cwd })
  expect(code).toBe(1)
  expect(problemsAt).toEqual(['login'])
  expect(of('login')).toMatchObject({
    message: `${path.join(cwd, 'data', 'jwt-secret')} can be read by others (mode 644)`,
    action: expect.stringMatching(/^make it 600, or delete it/),
  })
  expect(of('data')).toMatchObject({ level: 'warning', action: `chmod 700 ${path.join(cwd, 'data')}` })
})

test('a data directory that is none is a problem', async () => {
  const cwd = scratchDirectory()
  writeFileSync(path.join(cwd, 'data'), '')
  expect((await examined({ cwd })).of('data')).toMatchObject({
    level: 'problem',
    message: expect.stringContaining('is not a directory'),
  })
})

test('a lock file that is none is a problem', async () => {
  const cwd = await usedDirectory()
  writeFileSync(`${databaseIn(cwd)}.lock`, 'not a database '.repeat(1_000))
  expect((await examined({ cwd })).of('lock')).toMatchObject({
    level: 'problem',
    message: expect.stringContaining('if no Sotto is running, delete it'),
  })
})

test('a wrong setting is a problem that names where it stands, and the data is looked at all the same', async () => {
  const cwd = await usedDirectory()
  const fromEnvironment = await examined({ cwd, env: { RETENTION_DAYS: '0' } })
  expect(fromEnvironment.problemsAt).toEqual(['settings'])
  expect(fromEnvironment.of('settings')).toMatchObject({
    message: 'RETENTION_DAYS: must be a whole number from 1 to 36500',
    action: 'correct it (environment): the server does not start like this',
  })
  expect(fromEnvironment.of('integrity')).toMatchObject({ level: 'ok' })
  writeFileSync(path.join(cwd, '.env'), 'LOG_LEVEL=loud\n')
  expect((await examined({ cwd })).of('settings')?.action).toContain('(.env)')
})

test('settings are listed with where they come from, and no secret is shown', async () => {
  const cwd = scratchDirectory()
  const JWT_SECRET = 'a secret that is long enough for HS256'
  writeFileSync(path.join(cwd, '.env'), `JWT_SECRET=${JWT_SECRET}\nLIMIT_SOCKETS=5\nLOG_LEVEL=info\n`)
  const env = { HOST: '0.0.0.0', PORT: '0', DEV_TOKENS: 'anyone' }
  const { code, of, findings } = await examined({ cwd, env })
  expect(code).toBe(0)
  expect(of('settings')?.details).toEqual([
    'PORT=0 (environment)',
    'JWT_SECRET=[secret] (.env)',
    'DEV_TOKENS=anyone (environment)',
    'LIMIT_SOCKETS=5 (.env)',
  ])
  expect(of('dev-tokens')).toMatchObject({ level: 'warning', action: expect.stringContaining('DEV_TOKENS=false') })
  expect(of('login')).toMatchObject({ level: 'ok', message: 'tokens are signed with JWT_SECRET' })
  expect(JSON.stringify(findings)).not.toContain(JWT_SECRET)
})

test('a login is asked for its keys', async () => {
  const login = { JWT_ISSUER: 'https://login.example.org', JWT_AUDIENCE: 'sotto' }
  const key = {
    kty: 'EC',
    crv: 'P-256',
    x: 'f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU',
    y: 'x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0',
  }
  const server = await listening(JSON.stringify({ keys: [key] }))
  const cwd = scratchDirectory()
  const env = { ...login, JWT_JWKS_URL: `http://127.0.0.1:${server.port}/keys` }
  expect((await examined({ cwd, env })).of('login')).toMatchObject({
    level: 'ok',
    message: 'JWT_JWKS_URL answers, with 1 usable key',
  })
  const empty = await listening(JSON.stringify({ keys: [] }))
  const none = { ...env, JWT_JWKS_URL: `http://127.0.0.1:${empty.port}/keys` }
  expect((await examined({ cwd, env: none })).of('login')).toMatchObject({
    level: 'problem',
    message: expect.stringContaining('no key for RS256'),
  })
  await server.close()
  expect((await examined({ cwd, env })).problemsAt).toEqual(['login'])
})

test('for a person: a line each, what to do below it, a sum, and no colours in a pipe', async () => {
  const cwd = await usedDirectory()
  chmodSync(path.join(cwd, 'data', 'jwt-secret'), 0o644)
  const { code, stdout, stderr } = await sotto(['doctor', '--host', '0.0.0.0', '--port', '0'], {
    cwd,
    env: { DEV_TOKENS: 'anyone' },
  })
  expect({ code, stderr }).toEqual({ code: 1, stderr: '' })
  expect(stdout).toMatch(/^Sotto \d+\.\d+\.\d+\n\n/)
  expect(stdout).toMatch(/\n {2}ok {7}integrity {3}every page is as it should be\n/)
  expect(stdout).toMatch(/\n {2}warning {2}dev-tokens .*\n {23}→ set DEV_TOKENS=false/)
  expect(stdout).toMatch(/\n\n1 problem, \d+ warnings?\n$/)
  expect(stdout).not.toContain('\x1b')
})

interface Listening {
  readonly port: number
  /** Frees the port. */
  close(): Promise<void>
}

/** A web server that answers everything with the same text. */
async function listening(answer = 'hello'): Promise<Listening> {
  const server = createServer((_, response) => response.end(answer))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const close = async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
  onTestFinished(close)
  return { port, close }
}
