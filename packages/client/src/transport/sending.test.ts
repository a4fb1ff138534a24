import { expect, test } from 'vitest'
import { startProxy } from './proxy.suite.ts'
import { lineTo, message, named, start, startRelay } from './relay.suite.ts'

const timeout = 60_000

for (const mode of ['socket', 'poll'] as const) {
  test(`${mode}: a rate limit slows down, and keeps the order`, { timeout }, async () => {
    const relay = await startRelay({ SENDS_BURST: 5, SENDS_PER_SECOND: 50 })
    const alice = await start(lineTo(relay, { user: 'alice', mode }))
    const ids = named(60)
    const sent = await Promise.all(ids.map((id) => alice.transport.send(message(id))))
    expect(sent.map(({ seq }) => seq)).toEqual(ids.map((_, index) => index + 1))
  })

  test(`${mode}: a refusal is told to its sender, and later messages go on`, { timeout }, async () => {
    const relay = await startRelay({ CIPHERTEXT_BYTES: 1_000 })
    const alice = await start(lineTo(relay, { user: 'alice', mode }))
    const { transport } = alice
    const outcomes = await Promise.allSettled([
      transport.send(message('m1')),
      transport.send({ ...message('m2'), to: 'no-such-group', scope: 'group' }),
      transport.send({ ...message('m3'), ciphertext: 'A'.repeat(1_001) }),
      transport.send({ ...message('m1'), ciphertext: 'another' }),
      transport.send(message('m4')),
    ])
    expect(outcomes.map((outcome) => (outcome.status === 'fulfilled' ? outcome.value.seq : outcome.reason.code))).toEqual([
      1,
      'not_member',
      'too_large',
      'id_conflict',
      2,
    ])
    await expect(transport.send({ ...message('m1'), ciphertext: 'another' })).rejects.toMatchObject({ extra: { seq: 1 } })
  })

  test(`${mode}: what the server cannot read, or will not take over a socket, is refused by name`, { timeout }, async () => {
    const relay = await startRelay({ FRAME_BYTES: 20_000 })
    const alice = await start(lineTo(relay, { user: 'alice', mode }))
    const { transport } = alice
    const outcomes = await Promise.allSettled([
      transport.send(message('m1')),
      // The socket says that something was wrong, not with which message.
      transport.send({ ...message('m2'), contentType: 'not a media type' }),
      transport.send(message('m3')),
      // The socket closes.
      transport.send({ ...message('m4'), ciphertext: 'A'.repeat(30_000) }),
      transport.send(message('m5')),
    ])
    expect(outcomes.map((outcome) => (outcome.status === 'fulfilled' ? outcome.value.seq : outcome.reason.code))).toEqual([
      1,
      'bad_request',
      2,
      3,
      4,
    ])
  })
}

test('refused for now by the rate, several in flight: they wait, and each is accepted once', { timeout }, async () => {
  const relay = await startRelay({ SENDS_BURST: 10, SENDS_PER_SECOND: 4 })
  // Two transports of one device share its rate: the server is stricter than each can know.
  const alice = await start(lineTo(relay, { user: 'alice' }))
  const other = lineTo(relay, { user: 'alice' })
  await Promise.all(named(10, 'x').map((id) => other.transport.request('POST /messages', { body: message(id, 'carol') })))
  const ids = named(14)
  const sent = await Promise.all(ids.map((id) => alice.transport.send(message(id))))
  expect([...sent].map(({ seq }) => seq).sort((a, b) => a - b)).toEqual(ids.map((_, index) => index + 1))
  expect(alice.told.state).toEqual(['connecting', 'online'])
})

test('a sender who gives up is told so; the message may have left, those behind it go on', { timeout }, async () => {
  const relay = await startRelay()
  const alice = lineTo(relay, { user: 'alice' })
  const { transport } = alice
  const never = new AbortController()
  const given = transport.send(message('m1'), never.signal)
  const after = transport.send(message('m2'))
  never.abort(new Error('changed my mind'))
  await expect(given).rejects.toThrow('changed my mind')
  await expect(transport.send(message('m3'), never.signal)).rejects.toThrow('changed my mind')
  await start(alice)
  expect((await after).seq).toBe(1)
  const late = new AbortController()
  const flying = transport.send(message('m4'), late.signal)
  late.abort(new Error('too slow'))
  await expect(flying).rejects.toThrow('too slow')
  expect((await transport.send(message('m5'))).seq).toBe(3)
})

test('what waits is bounded', { timeout }, async () => {
  const relay = await startRelay()
  const { transport } = lineTo(relay)
  const many = named(4_096).map((id) => transport.send(message(id)).catch((error) => error.code))
  await expect(transport.send(message('one too many'))).rejects.toMatchObject({ code: 'limit_reached' })
  await transport.close()
  expect(new Set(await Promise.all(many))).toEqual(new Set(['closed']))
  const large = lineTo(relay).transport
  const first = large.send({ ...message('m1'), ciphertext: 'A'.repeat(65 * 1024 * 1024) })
  await expect(large.send(message('m2'))).rejects.toMatchObject({ code: 'limit_reached' })
  const closed = expect(first).rejects.toMatchObject({ code: 'closed' })
  await large.close()
  await closed
})

test('sending goes on over HTTP when the socket is lost to polls, and back', { timeout }, async () => {
  const relay = await startRelay()
  const proxy = await startProxy(relay.port)
  const alice = await start(lineTo(relay, { user: 'alice', url: proxy.url }))
  const ids = named(100)
  let answered = 0
  const sent = ids.map((id) =>
    alice.transport.send(message(id)).then(({ seq }) => {
      answered += 1
      if (answered === 30) {
        proxy.blocksUpgrades = 'refuse'
        proxy.cut()
      }
      return seq
    }),
  )
  expect(await Promise.all(sent)).toEqual(ids.map((_, index) => index + 1))
})
