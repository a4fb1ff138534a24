import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { scratchDirectory, serving, sotto } from '../sotto-process.suite.ts'

test('serves, logs JSON lines, and ends with 0 on SIGTERM', async () => {
  const cwd = scratchDirectory()
  const server = await serving(['serve'], { cwd })
  const health = await fetch(`http://127.0.0.1:${server.port}/ready`)
  expect(await health.json()).toEqual({ status: 'ready', store: 'ok', bus: 'ok' })
  expect(existsSync(path.join(cwd, 'data', 'sotto.db'))).toBe(true)
  expect(await server.stop()).toEqual({ code: 0, signal: null })
  const lines = server
    .log()
    .trimEnd()
    .split('\n')
    .map((line) => (JSON.parse(line) as { msg: string }).msg)
  expect(lines).toEqual(['listening', 'stopping', 'stopped'])
})

test('a signal as soon as it listens, or several, end it well', async () => {
  const cwd = scratchDirectory()
  const early = await serving(['serve'], { cwd })
  early.child.kill('SIGINT')
  early.child.kill('SIGINT')
  expect(await early.stop()).toEqual({ code: 0, signal: null })
  expect(early.log()).toMatch(/"stopped"\}\n$/)
})

test('options win over the environment, which wins over .env', async () => {
  const cwd = scratchDirectory()
  writeFileSync(path.join(cwd, '.env'), 'DATA_DIR=from-file\nPORT=1\nLOG_LEVEL=debug\n')
  const server = await serving(['serve', '--data', 'from-option', '--port', '0', '--json'], {
    cwd,
    env: { DATA_DIR: 'from-environment', PORT: '2' },
  })
  expect(existsSync(path.join(cwd, 'from-option', 'sotto.db'))).toBe(true)
  expect(existsSync(path.join(cwd, 'from-environment'))).toBe(false)
  expect(existsSync(path.join(cwd, 'from-file'))).toBe(false)
  expect(await server.stop()).toEqual({ code: 0, signal: null })
})

test('a second server on the same data is refused and told who is first', async () => {
  const cwd = scratchDirectory()
  const first = await serving(['serve'], { cwd })
  const second = await sotto(['serve'], { cwd, env: { PORT: '0', HOST: '127.0.0.1' } })
  expect(second).toMatchObject({ code: 1, stdout: '' })
  expect(second.stderr).toMatch(new RegExp(`^sotto: .*sotto\\.db is in use by process ${first.pid} since .*: stop it first\n$`))
})

test('a port in use is refused, and no half server is left', async () => {
  const first = await serving(['serve'], { cwd: scratchDirectory() })
  const second = await sotto(['serve', '--port', String(first.port), '--host', '127.0.0.1'], { cwd: scratchDirectory() })
  expect(second.code).toBe(1)
  expect(second.stderr).toBe(`sotto: PORT: ${first.port} is in use: stop the other program, or choose another port\n`)
})

test.each([
  [{ RETENTION_DAYS: 'x' }, 'sotto: RETENTION_DAYS: must be a whole number from 1 to 36500\n'],
  [{ JWT_SECRET: 'short' }, 'sotto: JWT_SECRET: must have at least 32 bytes\n'],
  [{ LIMIT_SOCKET: '1' }, 'sotto: LIMIT_SOCKET: there is no such limit; did you mean LIMIT_SOCKETS?\n'],
])('a wrong setting is refused in one line: %j', async (env, line) => {
  const cwd = scratchDirectory()
  expect(await sotto(['serve'], { cwd, env })).toEqual({ code: 1, stdout: '', stderr: line })
  expect(existsSync(path.join(cwd, 'data'))).toBe(false)
})

test('a .env that cannot be read is refused', async () => {
  const cwd = scratchDirectory()
  // A directory: nobody can read that as a file, not even root.
  mkdirSync(path.join(cwd, '.env'))
  const stderr = expect.stringMatching(/^sotto: \.env: .* cannot be read \(E\w+\)\n$/)
  expect(await sotto(['serve'], { cwd })).toMatchObject({ code: 1, stdout: '', stderr })
})
