import { once } from 'node:events'
import { expect, test } from 'vitest'
import { town } from '../client-process.suite.ts'

interface Line {
  readonly type: string
  readonly id: string
  readonly text: string
  readonly [member: string]: unknown
}

const linesOf = (output: string) =>
  output
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Line)

test('one JSON line a message: what a bot needs; SIGTERM and SIGINT end it well', async () => {
  const { as, talk } = await town()
  await as('bot', 'devices')
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    const bot = talk('bot', 'listen', '--json')
    const { stdout } = await as('alice', 'send', 'bot', `hello ${signal}`)
    await bot.says(/\n/)
    expect(await bot.kill(signal)).toBe(0)
    expect(bot.errors()).toBe('')
    const [line, ...more] = linesOf(bot.output())
    expect(more).toEqual([])
    expect(Object.keys(line!)).toEqual([
      'type',
      'id',
      'conversationId',
      'kind',
      'from',
      'text',
      'custom',
      'replyTo',
      'sentAt',
      'receivedAt',
    ])
    expect(line).toMatchObject({
      type: 'message',
      id: stdout.trim(),
      kind: 'direct',
      from: 'alice',
      text: `hello ${signal}`,
      custom: null,
    })
  }
})

test('killed between a message and its handling, it gets the message again; what was handled does not come again', async () => {
  const { as, talk } = await town()
  await as('bot', 'devices')
  const alice = talk('alice', 'listen', '--json', '--stdin')
  // More than a pipe takes: the bot is stuck in a line that nobody reads.
  const texts = Array.from({ length: 10 }, (_, n) => `${n} ${'x'.repeat(60_000)}`)
  for (const text of texts) alice.type(JSON.stringify({ to: 'bot', text }))
  for (const _ of texts) await alice.says(/"type":"queued"\}\n/)
  expect((await as('alice', 'devices')).code).toBe(1)
  expect(await alice.kill('SIGTERM')).toBe(0)
  // What was only queued goes out with the next start.
  expect(await as('alice', 'send', 'bot', 'the end')).toMatchObject({ code: 0, stderr: '' })

  const first = talk('bot', 'listen', '--json')
  await first.says(/\n/)
  first.child.stdout!.pause()
  // Its next line does not get through any more: wait until nothing comes, by reading nothing.
  await new Promise((resolve) => setTimeout(resolve, 500))
  await Promise.all([once(first.child, 'exit'), first.child.kill('SIGKILL')])
  first.child.stdout!.resume()
  await first.ended
  // The line that it was cut off in is none.
  const before = linesOf(first.output().slice(0, first.output().lastIndexOf('\n')))
  expect(before.length).toBeLessThan(texts.length)

  const second = talk('bot', 'listen', '--json')
  await second.says(/"the end"/)
  expect(await second.kill('SIGTERM')).toBe(0)
  const after = linesOf(second.output())
  // Every message was shown; again at most those whose handling was not written down yet.
  expect(new Set([...before, ...after].map(({ text }) => text))).toEqual(new Set([...texts, 'the end']))
  expect(new Set(after.map(({ id }) => id)).size).toBe(after.length)
  // The one that it was writing comes again for sure.
  expect(after.length).toBeGreaterThanOrEqual(texts.length + 1 - before.length)
})

test('--stdin sends, answers each line, and survives nonsense; --all tells the rest', async () => {
  const { as, talk } = await town()
  await as('bob', 'devices')
  const bot = talk('bot', 'listen', '--json', '--stdin', '--all')
  bot.type('nonsense', '{"text":"to whom?"}', '{"to":"nobody","text":"x","ref":1}', '{"to":"bob"}')
  await bot.says(/"type":"refused".*\n|.*"code":"invalid_content".*\n/)
  await bot.says(/"code":"invalid_content".*\n/)
  await bot.says(/"code":"no_such_user".*"ref":1.*\n/)
  await bot.says(/"code":"invalid_content".*\n/)
  bot.type('{"to":"bob","text":"hello","custom":{"type":"application/json","data":{"a":[1]}},"ref":"r"}')
  const [, id = ''] = await bot.says(/\{"id":"([\w-]{43})".*"ref":"r","type":"queued"\}\n/)
  await bot.says(new RegExp(`"type":"update","id":"${id}".*"status":"sent"`))
  const bob = talk('bob', 'listen', '--json')
  await bob.says(new RegExp(`"id":"${id}".*"custom":\\{"type":"application/json","data":\\{"a":\\[1\\]\\}\\}`))
  await bot.says(/"type":"receipt".*"status":"delivered"/)
  expect(await bob.kill('SIGTERM')).toBe(0)
  expect(await bot.kill('SIGTERM')).toBe(0)
  for (const line of linesOf(bot.output())) expect(typeof line.type).toBe('string')
})

test('nobody reads any more: it ends well, and what was not written is not handled', async () => {
  const { as, talk } = await town()
  await as('bot', 'devices')
  const bot = talk('bot', 'listen', '--json', '--all')
  await bot.says(/"online"/)
  bot.child.stdout!.destroy()
  await as('alice', 'send', 'bot', 'once more')
  expect(await bot.ended).toBe(0)
  const next = talk('bot', 'listen', '--json')
  await next.says(/"text":"once more"/)
  expect(await next.kill('SIGTERM')).toBe(0)
})

test('a revoked device is told so, and ends with 1', async () => {
  const { as, talk, call } = await town()
  await as('alice', 'devices')
  const laptop = talk('alice', 'listen', '--json', '--all', '--link', '--data', `${call.cwd}/laptop`)
  const [, code = ''] = await laptop.complains(/sotto devices --as alice --link (\S+)/)
  expect((await as('alice', 'devices', '--link', code)).code).toBe(0)
  await laptop.says(/"online"/)
  const { stdout } = await as('alice', 'devices', '--json')
  const { devices } = JSON.parse(stdout) as { devices: { deviceId: string; current: boolean }[] }
  expect(await as('alice', 'devices', '--revoke', devices.find(({ current }) => !current)!.deviceId)).toMatchObject({ code: 0 })
  expect(await laptop.ended).toBe(1)
  expect(laptop.errors()).toMatch(/sotto: this device was taken out for good: delete \S+laptop, and link it anew with --link\n$/)
})
