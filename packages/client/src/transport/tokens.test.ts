import { expect, test } from 'vitest'
import { manualTimers } from './manual-timers.suite.ts'
import { expiryOf, Tokens } from './tokens.ts'

const start = 1_767_225_600_000
const base64url = (value: unknown) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')
const jwt = (exp: unknown, more = {}) => `${base64url({ alg: 'HS256' })}.${base64url({ ...more, exp })}.c2ln`

/** Tokens whose application answers what `answers` says, in turn; the last one again and again. */
function tokensOf(...answers: (string | Error | Promise<string>)[]) {
  const timers = manualTimers()
  let asked = 0
  return {
    timers,
    get asked() {
      return asked
    },
    tokens: new Tokens({
      clock: { now: () => start + timers.now() },
      timers,
      token: async () => {
        const answer = answers[Math.min(asked, answers.length - 1)]!
        asked += 1
        if (answer instanceof Error) throw answer
        return answer
      },
    }),
  }
}

test('the expiry of a JWT is read without verifying it; anything else has none', () => {
  expect(expiryOf(jwt(1_767_225_660, { name: 'Zoë 👍' }))).toBe(1_767_225_660_000)
  for (const opaque of [
    'opaque',
    'a.b',
    'a.%%%.c',
    `a.${base64url('[1')}.c`,
    `a.${base64url('null')}.c`,
    jwt('soon'),
    jwt(undefined),
  ]) {
    expect(expiryOf(opaque), opaque).toBeUndefined()
  }
})

test('a token is asked for once for all who wait, and kept', async () => {
  const world = tokensOf('opaque')
  const { tokens } = world
  expect(await Promise.all([tokens.current(), tokens.current(), tokens.current()])).toEqual(['opaque', 'opaque', 'opaque'])
  expect(await tokens.current()).toBe('opaque')
  expect(tokens.renewInMs()).toBe(Number.POSITIVE_INFINITY)
  expect(world.asked).toBe(1)
})

test('it is renewed half a minute before its end, or in the last third of a short life', async () => {
  const hour = tokensOf(jwt(start / 1_000 + 3_600))
  await hour.tokens.current()
  expect(hour.tokens.renewInMs()).toBe(3_570_000)
  const short = tokensOf(jwt(start / 1_000 + 3), jwt(start / 1_000 + 9))
  const first = await short.tokens.current()
  expect(short.tokens.renewInMs()).toBe(2_000)
  short.timers.advance(1_999)
  expect(await short.tokens.current()).toBe(first)
  short.timers.advance(1)
  expect(await short.tokens.current()).not.toBe(first)
  expect(short.asked).toBe(2)
})

test('its end is reckoned by the clock of the server, once that is known', async () => {
  const { tokens } = tokensOf(jwt(start / 1_000 + 60))
  await tokens.current()
  tokens.serverTime(start - 20_000)
  // 80 s by the server's clock.
  expect(Math.round(tokens.renewInMs())).toBe(53_333)
})

test('one that seems to be over already is used until the server says so', async () => {
  const world = tokensOf(jwt(start / 1_000 - 7_200))
  await world.tokens.current()
  await world.tokens.current()
  expect(world.asked).toBe(1)
  expect(world.tokens.renewInMs()).toBe(Number.POSITIVE_INFINITY)
})

test('when there is no other, the one at hand goes on', async () => {
  const world = tokensOf(jwt(start / 1_000 + 3), new Error('the login is down'))
  const first = await world.tokens.current()
  world.timers.advance(2_500)
  expect(await world.tokens.current()).toBe(first)
  await expect(world.tokens.renewed()).rejects.toThrow('the login is down')
})

test('an application that does not answer is not waited for; the next who needs a token asks again', async () => {
  const world = tokensOf(new Promise<string>(() => {}), 'late')
  const waiting = world.tokens.current()
  await Promise.resolve()
  world.timers.advance(30_000)
  await expect(waiting).rejects.toMatchObject({ code: 'offline' })
  expect(await world.tokens.current()).toBe('late')
  expect(world.timers.waiting).toBe(0)
})

test.each([['', 'two words', 'line\nend', 'ü', undefined, 7]].flat())('%j is no token', async (value) => {
  const { tokens } = tokensOf(value as string)
  await expect(tokens.current()).rejects.toMatchObject({ code: 'invalid_option' })
})

test('tokens are useless when two fresh ones in a row are refused', async () => {
  const { tokens } = tokensOf('one', 'two', 'three')
  tokens.refused(await tokens.current())
  expect(tokens.areUseless).toBe(false)
  tokens.refused('one')
  expect(tokens.areUseless).toBe(false)
  tokens.refused(await tokens.current())
  expect(tokens.areUseless).toBe(true)
  tokens.accepted(await tokens.current())
  expect(tokens.areUseless).toBe(false)
})

test('that one has expired which was good before does not count', async () => {
  const { tokens } = tokensOf('same')
  tokens.accepted(await tokens.current())
  tokens.refused('same')
  tokens.refused(await tokens.current())
  expect(tokens.areUseless).toBe(false)
  tokens.refused(await tokens.current())
  expect(tokens.areUseless).toBe(true)
})
