import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, readdirSync, realpathSync, symlinkSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { scratchDirectory, serving, sotto } from './sotto-process.suite.ts'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const packages = ['protocol', 'server', 'client', 'cli']

/** A copy of what is built and of what builds it, beside the installed modules: the tree itself stays as it is. */
function copyOfTree(): string {
  const copy = realpathSync(scratchDirectory())
  for (const file of ['package.json', 'tsconfig.base.json', 'scripts/build.ts'])
    cpSync(path.join(root, file), path.join(copy, file))
  for (const name of packages) {
    for (const part of ['package.json', 'tsconfig.build.json', 'src']) {
      cpSync(path.join(root, 'packages', name, part), path.join(copy, 'packages', name, part), { recursive: true })
    }
  }
  const modules = path.join(copy, 'node_modules')
  mkdirSync(path.join(modules, '@sotto'), { recursive: true })
  for (const name of readdirSync(path.join(root, 'node_modules'))) {
    if (name !== '@sotto') symlinkSync(path.join(root, 'node_modules', name), path.join(modules, name))
  }
  for (const name of packages) symlinkSync(path.join(copy, 'packages', name), path.join(modules, '@sotto', name))
  return copy
}

test('what is built serves like the sources, its threads included, and ends with 0 on SIGTERM', async () => {
  const copy = builtCopy()
  const program = [process.execPath, path.join(copy, 'packages/cli/dist/main.js')]
  const cwd = scratchDirectory()

  const server = await serving(['serve'], { cwd, program })
  const { stdout: token } = await sotto(['token', 'alice'], { cwd, program })
  const answer = await fetch(`http://127.0.0.1:${server.port}/messages`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${token.trim()}`, 'Content-Type': 'application/json' },
    body: JSON.stringify({ id: 'm-1', to: 'bob', scope: 'direct', ciphertext: 'c2VjcmV0' }),
  })
  expect(answer.status).toBe(201)
  const doctor = await sotto(['doctor', '--port', String(server.port), '--host', '127.0.0.1'], { cwd, program })
  expect(doctor.stdout).toMatch(/\n {2}ok {7}ready {7}store and bus answer\n/)
  expect(doctor.code).toBe(0)
  const second = await sotto(['serve', '--port', '0'], { cwd, program })
  expect(second).toMatchObject({ code: 1, stderr: expect.stringContaining(`is in use by process ${server.pid}`) })
  expect(await server.stop()).toEqual({ code: 0, signal: null })

  // SIGTERM must reach the server through npm and the shell between them, and its exit code come back.
  const npm = await serving([], { cwd: copy, program: ['npm', 'start'], env: { npm_config_update_notifier: 'false', HOME: cwd } })
  onTestFinished(() => endIfRunning(npm.pid))
  expect(await npm.stop()).toEqual({ code: 0, signal: null })
  expect(npm.log()).toMatch(/"stopped"\}\n$/)
})

function endIfRunning(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It has ended, as it should.
  }
}

/** The copy, built. */
function builtCopy(): string {
  const copy = copyOfTree()
  const { status, stdout, stderr } = spawnSync(process.execPath, [path.join(copy, 'scripts/build.ts')], {
    cwd: copy,
    encoding: 'utf8',
  })
  expect({ status, said: stdout + stderr }).toEqual({ status: 0, said: '' })
  return copy
}
