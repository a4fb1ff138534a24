import type { Accepted } from '@sotto/protocol'
import { SottoError } from '@sotto/protocol/errors'
import { expect, test } from 'vitest'
import { manualTimers } from './manual-timers.suite.ts'
import { OutboxPipe } from './outbox-pipe.ts'
import { message, named } from './relay.suite.ts'

const accepted = (id: string): Accepted => ({ type: 'accepted', id, mailbox: 'u2', seq: 1, receivedAt: 0 })

/** A pipe whose other end is what a test says; chance always says the longest wait. */
function world() {
  const timers = manualTimers()
  const sent: string[] = []
  const settled: string[] = []
  const posted: { id: string; answer: (outcome: Accepted | Error) => void }[] = []
  const pipe = new OutboxPipe({
    timers,
    fraction: () => 1,
    post: (text) =>
      new Promise((resolve, reject) => {
        const { id } = JSON.parse(text) as { id: string }
        posted.push({ id, answer: (outcome) => (outcome instanceof Error ? reject(outcome) : resolve(outcome)) })
      }),
  })
  const link = (text: string) => sent.push(JSON.parse(text).id)
  return {
    timers,
    pipe,
    settled,
    posted,
    link,
    /** What has left since this was last asked. */
    left: () => sent.splice(0),
    send(ids: readonly string[]) {
      for (const id of ids) {
        pipe.send(message(id)).then(
          () => settled.push(id),
          (error) => settled.push(`${id}:${error.code}`),
        )
      }
    },
    accept: (...ids: string[]) => {
      for (const id of ids) pipe.accepted(accepted(id))
    },
  }
}

const rateLimited = new SottoError('rate_limited', undefined, { retryAfterMs: 400 })
const overloaded = new SottoError('overloaded')

test('sixteen are in flight at most; each answer lets one more leave', () => {
  const { pipe, link, left, send, accept } = world()
  const ids = named(20)
  send(ids)
  expect(left()).toEqual([])
  pipe.attach(link, {})
  expect(left()).toEqual(ids.slice(0, 16))
  accept('m2')
  expect(left()).toEqual(['m17'])
  accept('unknown', 'm2')
  expect(left()).toEqual([])
})

test('after a reconnect the unanswered leave again, in order, before newer ones', () => {
  const { pipe, link, left, send, accept } = world()
  pipe.attach(link, {})
  send(named(3))
  accept('m2')
  pipe.detach()
  send(['m4'])
  left()
  pipe.attach(link, {})
  expect(left()).toEqual(['m1', 'm3', 'm4'])
})

test.each([
  ['rate_limited', rateLimited, 400],
  ['overloaded', overloaded, 250],
])('%s: those in flight are answered first, then it waits, then one at a time until one is accepted', (_, error, waitMs) => {
  const { timers, pipe, link, left, send, accept } = world()
  pipe.attach(link, {})
  send(named(4))
  left()
  pipe.refused('m2', error)
  send(['m5'])
  accept('m1', 'm3')
  timers.advance(10_000)
  expect(left()).toEqual([])
  pipe.refused('m4', error)
  timers.advance(waitMs - 1)
  expect(left()).toEqual([])
  timers.advance(1)
  expect(left()).toEqual(['m2'])
  accept('m2')
  expect(left()).toEqual(['m4', 'm5'])
})

test('a refusal for good is told, and makes room', async () => {
  const { pipe, link, left, send, settled } = world()
  pipe.attach(link, {})
  send(named(17))
  left()
  pipe.refused('m1', new SottoError('mailbox_full'))
  expect(left()).toEqual(['m17'])
  await Promise.resolve()
  expect(settled).toEqual(['m1:mailbox_full'])
})

test('the rate that the welcome names is kept', () => {
  const { timers, pipe, link, left, send } = world()
  pipe.attach(link, { SENDS_BURST: 3, SENDS_PER_SECOND: 10 })
  send(named(5))
  expect(left()).toEqual(['m1', 'm2', 'm3'])
  timers.advance(112)
  expect(left()).toEqual(['m4'])
  timers.advance(112)
  expect(left()).toEqual(['m5'])
})

/** Lets promises settle. */
const settle = () => new Promise((resolve) => setTimeout(resolve))

test('over HTTP one follows another; no answer, or one that says nothing, is asked for again', async () => {
  const { timers, pipe, posted, send, settled } = world()
  pipe.attachHttp()
  send(named(3))
  expect(posted.map(({ id }) => id)).toEqual(['m1'])
  posted[0]!.answer(accepted('m1'))
  await settle()
  posted[1]!.answer(overloaded)
  await settle()
  timers.advance(250)
  await settle()
  posted[2]!.answer(new Error('no network'))
  await settle()
  timers.advance(500)
  await settle()
  posted[3]!.answer(new SottoError('unauthenticated'))
  await settle()
  timers.advance(1_000)
  await settle()
  posted[4]!.answer(new SottoError('not_member'))
  await settle()
  expect(posted.map(({ id }) => id)).toEqual(['m1', 'm2', 'm2', 'm2', 'm2', 'm3'])
  expect(settled).toEqual(['m1', 'm2:not_member'])
})

test('with a socket again everything leaves by it, and the answer that was under way is not waited for', async () => {
  const { pipe, link, left, posted, send, accept, settled } = world()
  pipe.attachHttp()
  send(named(2))
  pipe.attach(link, {})
  expect(left()).toEqual(['m1', 'm2'])
  accept('m1', 'm2')
  posted[0]!.answer(accepted('m1'))
  await settle()
  expect(settled).toEqual(['m1', 'm2'])
  send(['m3'])
  expect(left()).toEqual(['m3'])
  expect(posted).toHaveLength(1)
})

test('in doubt those in flight are asked over HTTP, newer ones wait for them', async () => {
  const { pipe, link, left, posted, send, settled } = world()
  pipe.attach(link, {})
  send(named(2))
  pipe.doubt()
  send(['m3'])
  expect(left()).toEqual(['m1', 'm2'])
  posted[0]!.answer(accepted('m1'))
  await settle()
  posted[1]!.answer(new SottoError('bad_request'))
  await settle()
  expect(left()).toEqual(['m3'])
  expect(settled).toEqual(['m1', 'm2:bad_request'])
})

test('where HTTP has no answer to a doubt, the socket is tried again', async () => {
  const { timers, pipe, link, left, posted, send } = world()
  pipe.attach(link, {})
  send(['m1'])
  pipe.doubt()
  pipe.detach()
  pipe.attach(link, {})
  for (let tries = 0; posted.length < 3 || tries < 4; tries++) {
    posted.at(-1)?.answer(new Error('no network'))
    await settle()
    timers.advance(30_000)
    await settle()
  }
  expect(left()).toEqual(['m1', 'm1'])
})

test('closing rejects what waits and what comes', async () => {
  const { pipe, link, send, settled, left } = world()
  pipe.attach(link, {})
  send(['m1'])
  left()
  pipe.close(new SottoError('device_revoked'))
  send(['m2'])
  pipe.attach(link, {})
  await settle()
  expect(settled).toEqual(['m1:device_revoked', 'm2:device_revoked'])
  expect(left()).toEqual([])
})
