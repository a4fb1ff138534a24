import { rm } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { handshakeText, rawSocket } from './raw-socket.suite.ts'
import { startRelay } from './test-relay.suite.ts'

/** Longer than a stop may take, shorter than any timer that would end it otherwise. */
const stopMs = 9_000

test('a session that is open when the server stops is told to come again', async () => {
  const relay = await startRelay()
  const peers = [await relay.synced('amy'), await relay.peer('amy')]
  const stopped = relay.close()
  for (const peer of peers) expect(await peer.closed).toEqual({ code: 1012, reason: 'restarting' })
  await stopped
})

test('what was accepted is there after the next start, and nothing else', async () => {
  const relay = await startRelay()
  const amy = await relay.peer('amy')
  const answered: string[] = []
  const sending = Array.from({ length: 50 }, (_, i) => amy.message('ben', `${i}`).then(({ id }) => answered.push(id)))
  const settled = Promise.allSettled(sending)
  await Promise.race(sending)
  await relay.close({ keep: true })
  await settled
  const next = await startRelay({ dataDir: relay.dataDir })
  const ben = await next.peer('ben', { reliable: true })
  const held = (await ben.until('synced')).map((frame) => frame.type === 'msg' && frame.id)
  await next.close()
  await rm(relay.dataDir, { recursive: true })
  expect(answered.length).toBeGreaterThan(0)
  for (const id of answered) expect(held).toContain(id)
})

test('clients that do not answer, or not to the end, do not hold up a stop', async () => {
  const relay = await startRelay()
  const peer = await relay.synced('tom')
  peer.ws.pause()
  const unfinished = [
    '',
    'GET /health HTTP/1.1\r\nhost: x\r\n',
    'POST /auth/dev-token HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{',
    handshakeText(),
  ]
  for (const bytes of unfinished) {
    const socket = await rawSocket(relay.port)
    if (bytes !== '') socket.write(bytes)
  }
  await delay(50)
  const isStopped = await Promise.race([relay.close().then(() => true), delay(stopMs).then(() => false)])
  expect(isStopped).toBe(true)
}, 20_000)
