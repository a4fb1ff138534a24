import { expect, test } from 'vitest'
import { scratchDirectory, sotto } from './sotto-process.suite.ts'

test.each([
  [['--help'], 'sotto doctor'],
  [['help'], 'sotto doctor'],
  [['serve', '--help'], 'DATA_DIR'],
  [['help', 'token'], '--ttl'],
  [['doctor', '--help'], '--quick'],
  [['chat', '--help'], '--group'],
  [['send', '--help'], '--timeout'],
  [['listen', '--help'], 'conversationId'],
  [['devices', '--help'], '--revoke'],
  [['verify', '--help'], 'safety number'],
])('%j teaches: a purpose, examples, settings', async (args, word) => {
  const { code, stdout, stderr } = await sotto(args, { cwd: scratchDirectory() })
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout).toMatch(/^Usage: sotto /)
  expect(stdout).toContain('\nExamples:\n  $ ')
  expect(stdout).toMatch(/\nSettings/)
  expect(stdout).toContain(word)
  for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(80)
})

test('--version is a version', async () => {
  expect(await sotto(['--version'], { cwd: scratchDirectory() })).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/),
  })
})

test('no command: the help, as a mistake', async () => {
  const { code, stdout, stderr } = await sotto([], { cwd: scratchDirectory() })
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
  expect(stderr).toContain('Commands:')
})

test.each([
  [['serv'], "sotto: unknown command 'serv'; did you mean serve? (see sotto --help)"],
  [['help', 'docter'], "sotto: unknown command 'docter'; did you mean doctor? (see sotto --help)"],
  [['tokens', '--help'], "sotto: unknown command 'tokens'; did you mean token? (see sotto --help)"],
  [['serve', '--prot', '1'], "sotto: unknown option '--prot'; did you mean --port? (see sotto serve --help)"],
  [['doctor', '--data='], "sotto: option '--data <DIR>' argument '' is invalid. It is empty. (see sotto doctor --help)"],
  [['doctor', '--port', '99999'], 'sotto: --port: must be a whole number from 0 to 65535 (see sotto doctor --help)'],
  [['serve', '--host', 'a b'], 'sotto: --host: must be an address or a host name, without a port (see sotto serve --help)'],
  [['token'], "sotto: missing required argument 'USER' (see sotto token --help)"],
  [
    ['token', 'alice', '--ttl', '1 day'],
    'sotto: --ttl: a number and s, m, h or d, such as 90s, 15m, 24h or 7d (see sotto token --help)',
  ],
  [['token', 'alice', '--device', 'a/b'], 'sotto: --device: a device id is 1 to 64 of A-Za-z0-9._- (see sotto token --help)'],
])('%j is a mistake, said in one line', async (args, line) => {
  const cwd = scratchDirectory()
  expect(await sotto(args, { cwd })).toEqual({ code: 2, stdout: '', stderr: `${line}\n` })
})

test('an older Node.js is refused in one line, before anything that it could stumble over', async () => {
  const pretend = "Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.20.2' } })"
  const main = new URL('./main.ts', import.meta.url).pathname
  const program = [process.execPath, '-C', 'source', '--import', `data:text/javascript,${encodeURIComponent(pretend)}`, main]
  const line = 'sotto: this is Node.js 20.20.2, and Sotto needs Node.js 24 or newer: install it, or put it first in PATH\n'
  expect(await sotto(['serve'], { cwd: scratchDirectory(), program })).toEqual({ code: 1, stdout: '', stderr: line })
})
