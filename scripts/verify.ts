import { spawn } from 'node:child_process'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

/** All checks, one line each. Stops at the first that fails and shows what it said. `--no-tests` leaves the tests out. */

const root = fileURLToPath(new URL('..', import.meta.url))

const steps: readonly (readonly [name: string, command: readonly string[]])[] = [
  ['documents', ['node', '-C', 'source', 'scripts/docs.ts', '--check']],
  ['types', ['tsc', '-p', 'tsconfig.json']],
  ['lint and format', ['biome', 'check', '--error-on-warnings', '.']],
  ['dead code', ['knip']],
  ['rules of the house', ['vitest', 'run', '--project', 'unit', 'scripts/house']],
  ...(process.argv.includes('--no-tests') ? [] : [['unit tests', ['vitest', 'run', '--project', 'unit']] as const]),
]

const env = { ...process.env, PATH: [path.join(root, 'node_modules/.bin'), process.env.PATH].join(path.delimiter) }

/** What a command said, and whether it succeeded. */
function run([program = '', ...args]: readonly string[]): Promise<{ succeeded: boolean; said: string }> {
  const child = spawn(program, args, { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'], shell: process.platform === 'win32' })
  let said = ''
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => (said += text))
  return new Promise((resolve) => {
    child.on('error', (error) => resolve({ succeeded: false, said: error.message }))
    child.on('close', (code) => resolve({ succeeded: code === 0, said }))
  })
}

for (const [name, command] of steps) {
  const begin = performance.now()
  const { succeeded, said } = await run(command)
  const seconds = ((performance.now() - begin) / 1000).toFixed(1)
  console.log(`${succeeded ? 'ok  ' : 'FAIL'} ${name.padEnd(20)} ${seconds.padStart(6)} s`)
  if (!succeeded) {
    console.error(`\n${said.trimEnd()}\n\nfailed: ${command.join(' ')}`)
    process.exitCode = 1
    break
  }
}
