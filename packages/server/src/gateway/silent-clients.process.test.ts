import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { systemClock } from '../clock.ts'
import { handshakeText, type RawSocket, rawSocket } from './raw-socket.suite.ts'
import { type Relay, relayOf } from './test-relay.suite.ts'
import { clientFrame, opcodes } from './websocket-bytes.suite.ts'

/** Two users who can talk to each other. */
async function talk(relay: Relay): Promise<void> {
  const [sender, receiver] = [await relay.peer('gil'), await relay.peer('hal')]
  const id = systemClock.random(9)
  await sender.message('hal', id)
  expect(await receiver.pick('msg', (frame) => frame.id === id)).toMatchObject({ from: 'gil' })
  await Promise.all([sender.close(), receiver.close()])
  expect(await relay.call('GET /health')).toEqual({ status: 'ok' })
}

const several = (count: number, open: () => Promise<RawSocket>) => Promise.all(Array.from({ length: count }, open))

test('300 connections that say nothing are cut, and disturb nobody', async () => {
  const relay = await relayOf({ clock: systemClock })
  const sockets = await several(300, () => rawSocket(relay.port))
  await talk(relay)
  for (const socket of sockets) expect(await socket.status()).toBe(400)
  for (const socket of sockets) await socket.ended
  await talk(relay)
})

test('300 sockets without a hello are closed, and disturb nobody', async () => {
  const relay = await relayOf({ clock: systemClock, limits: { HELLO_MS: 2_000 } })
  const sockets = await several(300, async () => {
    const socket = await rawSocket(relay.port)
    expect(await socket.handshake()).toBe(101)
    return socket
  })
  await talk(relay)
  for (const socket of sockets) expect(await socket.closeCode()).toBe(4408)
  await talk(relay)
})

test('a handshake that takes its time is cut', async () => {
  const relay = await relayOf({ clock: systemClock })
  const socket = await rawSocket(relay.port)
  const letters = [...handshakeText({ headers: { 'x-more': 'x'.repeat(1_000) } })]
  while (!socket.tcp.destroyed && !socket.tcp.readableEnded && letters.length > 0) {
    socket.write(letters.splice(0, 5).join(''))
    await delay(200)
  }
  expect(letters.length).toBeGreaterThan(0)
  expect(await socket.status()).toBe(400)
  await talk(relay)
})

test('a client that does not answer the close is cut, and its place is free', async () => {
  const relay = await relayOf({ limits: { SOCKETS: 1 } })
  const socket = await rawSocket(relay.port)
  expect(await socket.handshake()).toBe(101)
  socket.write(clientFrame('{}', { opcode: opcodes.binary }))
  expect(await socket.closeCode()).toBe(4400)
  expect(await (await rawSocket(relay.port)).handshake()).toBe(503)
  await once(socket.tcp, 'end')
  await expect.poll(async () => (await rawSocket(relay.port)).handshake()).toBe(101)
})
