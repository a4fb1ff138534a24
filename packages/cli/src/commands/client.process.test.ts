import { mkdirSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { talk, town } from '../client-process.suite.ts'
import { scratchDirectory, sotto } from '../sotto-process.suite.ts'

test('send: prints the id once the server has it; from the standard input too; to a group by name or id', async () => {
  const { as, call } = await town()
  await as('bob', 'devices')
  expect(await as('alice', 'send', 'bob', 'see', 'you')).toEqual({
    code: 0,
    stdout: expect.stringMatching(/^[\w-]{43}\n$/),
    stderr: '',
  })
  const piped = talk(['send', 'bob', '-', '--as', 'alice', '--json'], call)
  piped.type('two', 'lines')
  expect(await piped.hangUp()).toBe(0)
  const { conversationId } = JSON.parse(piped.output()) as { conversationId: string }
  expect(conversationId).toMatch(/^[\w-]+$/)
  const chat = talk(['chat', '--group', 'Team', 'bob', '--as', 'alice'], call)
  expect(await chat.hangUp()).toBe(0)
  expect((await as('alice', 'send', '--group', 'Team', 'all of you')).code).toBe(0)
  expect(await as('alice', 'send', '--group', 'Crew', 'x')).toEqual({
    code: 1,
    stdout: '',
    stderr: 'sotto: there is no group Crew on this device: sotto chat lists what there is\n',
  })
  const bob = talk(['listen', '--json', '--as', 'bob'], call)
  // Each conversation has an order of its own.
  for (let n = 0; n < 3; n++) await bob.says(/\n/)
  for (const text of ['see you', 'two\\nlines', 'all of you']) expect(bob.output()).toContain(`"text":"${text}"`)
  expect(await bob.kill('SIGTERM')).toBe(0)
})

test('everything is kept for its owner alone, one folder for each server and user', async () => {
  const { as, call, server } = await town()
  await as('Alice/../b', 'devices')
  const folder = path.join(call.cwd, 'home', 'sotto', `http+127.0.0.1+${server.port}`, '%41lice%2f%2e%2e%2fb')
  for (const directory of [folder, path.dirname(folder), path.dirname(path.dirname(folder))])
    expect(statSync(directory).mode & 0o777).toBe(0o700)
  for (const file of ['device.db', 'device.db.key']) expect(statSync(path.join(folder, file)).mode & 0o777).toBe(0o600)
})

test('one process a device: the second is told who holds it, and what to do', async () => {
  const { as, talk, call } = await town()
  const first = talk('alice', 'chat')
  await first.says(/no conversation yet/)
  const refused = await as('alice', 'devices')
  expect(refused).toMatchObject({ code: 1, stdout: '' })
  expect(refused.stderr).toMatch(
    /^sotto: another sotto is running on \S+\/alice: .*--data DIR, as a further device \(--link\)\n$/,
  )
  const other = await as('alice', 'devices', '--data', path.join(call.cwd, 'other'))
  expect(other).toMatchObject({ code: 1, stdout: '' })
  expect(other.stderr).toMatch(/^sotto: alice has another device: .*--link .*--reset .*\n$/)
  expect(await first.hangUp()).toBe(0)
})

test('devices: a new one shows a code, another takes it in, both are listed; a wrong code is refused', async () => {
  const { as, talk, call } = await town()
  await as('alice', 'devices', '--name', 'phone')
  await as('bob', 'devices')
  const laptop = talk('alice', 'chat', 'bob', '--link', '--name', 'laptop', '--data', path.join(call.cwd, 'laptop'))
  const [, code = ''] = await laptop.complains(/sotto devices --as alice --link (\S+)\n/)
  const wrong = await as('alice', 'devices', '--link', `${code.slice(0, -2)}xx`)
  expect(wrong).toMatchObject({ code: 1, stdout: '' })
  expect(wrong.stderr).toMatch(/^sotto: .*: begin again with --link on the new device.*\n$/)
  // Where a chat is open, its process holds the device: the code is typed there.
  const phone = talk('alice', 'chat', 'bob')
  phone.type(`/link ${code}`)
  await phone.says(/\* linked laptop: what is written from now on reaches it too\n/)
  await laptop.says(/^bob \(not verified/)
  phone.type('/devices', 'from the phone')
  await phone.says(/ {2}\S+ {2}phone, since \d{4}-\d\d-\d\d, this one\n {2}\S+ {2}laptop, since/)
  await laptop.says(/you: from the phone/)
  laptop.type('from the laptop')
  await phone.says(/you: from the laptop/)
  expect(await phone.hangUp()).toBe(0)
  expect(await laptop.hangUp()).toBe(0)
})

test('verify: the same digits on both sides; compared, it is verified, and another number is refused', async () => {
  const { as } = await town()
  await as('bob', 'devices')
  const hers = await as('alice', 'verify', 'bob')
  const his = await as('bob', 'verify', 'alice')
  const digits = (said: string) => said.match(/\d{5}/g)
  expect(digits(hers.stdout)).toHaveLength(12)
  expect(digits(his.stdout)).toEqual(digits(hers.stdout))
  const [, qr = ''] = /(sotto-safety-number:\S+)/.exec(hers.stdout) ?? []
  expect(his.stdout).toContain(qr)
  const number = digits(hers.stdout)!
  const wrong = number.with(3, number[3] === '00000' ? '11111' : '00000')
  const refused = await as('alice', 'verify', 'bob', ...wrong)
  expect(refused).toMatchObject({ code: 1, stdout: '' })
  expect(refused.stderr).toMatch(/^sotto: .*compare once more.*\n$/)
  expect(await as('alice', 'verify', 'bob', ...number)).toEqual({
    code: 0,
    stdout: 'bob is verified: nobody is in between\n',
    stderr: '',
  })
  expect((await as('alice', 'verify', 'bob')).stdout).toMatch(/^bob is verified here\./)
  expect(JSON.parse((await as('bob', 'verify', 'alice', qr, '--json')).stdout)).toMatchObject({ userId: 'alice', verified: true })
  expect(await as('alice', 'verify', 'nobody')).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/^sotto: .*opened Sotto.*\n$/),
  })
})

test('tokens: of a command, of the environment; none to be had is said in one line', async () => {
  const { server, url, call } = await town({ DEV_TOKENS: 'false' })
  const env = { XDG_DATA_HOME: call.env!.XDG_DATA_HOME!, SOTTO_URL: url }
  const none = await sotto(['devices', '--as', 'alice'], call)
  expect(none).toMatchObject({ code: 1, stdout: '' })
  expect(none.stderr).toMatch(/^sotto: \S+ mints no development tokens: .*SOTTO_TOKEN or --token-command.*\n$/)
  const { stdout } = await sotto(['token', 'alice'], { cwd: call.cwd })
  const SOTTO_TOKEN = stdout.trim()
  expect(await sotto(['devices'], { ...call, env: { ...env, SOTTO_TOKEN } })).toMatchObject({ code: 0, stderr: '' })
  writeFileSync(path.join(call.cwd, 'token'), SOTTO_TOKEN)
  expect(await sotto(['devices', '--as', 'alice', '--token-command', 'cat token'], call)).toMatchObject({ code: 0, stderr: '' })
  const failed = await sotto(['devices', '--as', 'carol', '--token-command', 'echo no luck >&2; exit 3'], call)
  expect(failed).toEqual({ code: 1, stdout: '', stderr: 'sotto: --token-command: it ended with 3: no luck\n' })
  // The token is of another user than the one who is to be.
  const data = path.join(call.cwd, 'mallory')
  const other = await sotto(['devices', '--as', 'mallory', '--data', data], { ...call, env: { ...env, SOTTO_TOKEN } })
  expect(other).toMatchObject({ code: 1, stdout: '' })
  await server.stop()
  const gone = await sotto(['devices', '--as', 'dave'], call)
  expect(gone).toMatchObject({ code: 1, stdout: '' })
  expect(gone.stderr).toMatch(/^sotto: no server answers at \S+: start one .*\n$/)
})

test('a passphrase seals the device', async () => {
  const { as, call } = await town()
  const file = path.join(call.cwd, 'passphrase')
  writeFileSync(file, 'correct horse\n')
  const data = path.join(call.cwd, 'sealed')
  expect((await as('alice', 'devices', '--data', data, '--passphrase-file', file)).code).toBe(0)
  writeFileSync(file, 'wrong horse\n')
  const wrong = await as('alice', 'devices', '--data', data, '--passphrase-file', file)
  expect(wrong).toMatchObject({ code: 1, stderr: expect.stringMatching(/^sotto: .*--passphrase-file.*\n$/) })
  writeFileSync(file, '\n')
  expect(await as('alice', 'devices', '--data', data, '--passphrase-file', file)).toEqual({
    code: 1,
    stdout: '',
    stderr: `sotto: --passphrase-file: the first line of ${file} is empty\n`,
  })
})

test.each([
  [['chat'], 'who are you? Say so with --as USER', 'chat'],
  [['chat', 'bob', 'carol', '--as', 'a'], 'with several users it is a group: give it a name with --group NAME', 'chat'],
  [['chat', '--group', 'Team', '--as', 'a'], '--group: name its members: --group NAME USER…', 'chat'],
  [['chat', 'bob', '--as', 'a', '--link', '--reset'], '--link and --reset exclude each other', 'chat'],
  [['chta', 'bob'], "unknown command 'chta'; did you mean chat?", ''],
  [['send', '--as', 'a'], "missing required argument 'USER'", 'send'],
  [['send', 'bob', '--as', 'a'], "missing required argument 'TEXT': - reads it from the standard input", 'send'],
  [['send', 'bob', 'x', '--as', 'a', '--timeout', 'soon'], '--timeout: a number and s, m or h, such as 30s, 5m or 1h', 'send'],
  [['send', 'bob', 'x', '--as', 'a', '--grop', 'b'], "unknown option '--grop'; did you mean --group?", 'send'],
  [['listen', '--all', '--as', 'a'], '--all goes with --json', 'listen'],
  [
    ['devices', '--as', 'a', '--url', 'chat.example.org'],
    '--url: must be an address such as https://chat.example.org',
    'devices',
  ],
  [['devices', '--as', 'a', '--link', 'x', '--revoke', 'y'], '--revoke and --link exclude each other', 'devices'],
  [['verify', '--as', 'a'], "missing required argument 'USER'", 'verify'],
  [['verify', 'bob', '--as='], "option '--as <USER>' argument '' is invalid. It is empty.", 'verify'],
])('%j is a mistake, said in one line', async (args, line, command) => {
  const cwd = scratchDirectory()
  mkdirSync(path.join(cwd, 'home'))
  const call = { cwd, env: { XDG_DATA_HOME: path.join(cwd, 'home') } }
  const see = `(see sotto ${command === '' ? '' : `${command} `}--help)`
  expect(await sotto(args, call)).toEqual({ code: 2, stdout: '', stderr: `sotto: ${line} ${see}\n` })
})
