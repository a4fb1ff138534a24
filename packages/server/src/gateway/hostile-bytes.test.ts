import { once } from 'node:events'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { type RawSocket, rawSocket } from './raw-socket.suite.ts'
import type { Peer } from './test-peer.suite.ts'
import { type Relay, relayOf, startRelay } from './test-relay.suite.ts'
import { clientFrame, opcodes } from './websocket-bytes.suite.ts'

let relay: Relay
let good: { readonly sender: Peer; readonly receiver: Peer }
let checks = 0

beforeAll(async () => {
  relay = await startRelay({ limits: { SENDS_BURST: 100_000, REQUESTS_BURST: 100_000, USER_SOCKETS: 1_000 } })
  good = { sender: await relay.peer('gil'), receiver: await relay.peer('hal') }
})
afterAll(() => relay.close())
afterEach(async () => {
  expect(await relay.call('GET /health')).toEqual({ status: 'ok' })
  const id = `check-${++checks}`
  await good.sender.message('hal', id)
  expect(await good.receiver.take('msg')).toMatchObject({ id })
  expect(relay.logged.filter((line) => !line.includes('"level":"info"'))).toEqual([])
})

/** A socket of mallory, welcomed. */
async function opened(on = relay): Promise<RawSocket> {
  const socket = await rawSocket(on.port)
  expect(await socket.handshake({ headers: { authorization: `Bearer ${await on.token('mallory')}` } })).toBe(101)
  expect(await socket.json()).toMatchObject({ type: 'welcome' })
  return socket
}

const ping = '{"type":"ping"}'
const part = (payload: string | Buffer, isFinal: boolean, opcode: number = opcodes.continuation) =>
  clientFrame(payload, { isFinal, opcode })
const closing = (code: number, reason: string | Buffer = '') => {
  const head = Buffer.alloc(2)
  head.writeUInt16BE(code)
  return clientFrame(Buffer.concat([head, Buffer.from(reason as string)]), { opcode: opcodes.close })
}
const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex')

const broken: readonly (readonly [what: string, bytes: Buffer, code: number])[] = [
  ['a frame that is not masked', clientFrame(ping, { isMasked: false }), 1002],
  ['a ping that is not masked', clientFrame('x', { isMasked: false, opcode: opcodes.ping }), 1002],
  ['a close that is not masked', clientFrame('', { isMasked: false, opcode: opcodes.close }), 1002],
  ...[1, 2, 3, 4, 7].map((reserved) => [`the reserved bits ${reserved}`, clientFrame(ping, { reserved }), 1002] as const),
  ...[3, 4, 5, 6, 7, 11, 12, 13, 14, 15].map((opcode) => [`the opcode ${opcode}`, clientFrame('', { opcode }), 1002] as const),
  ['a long ping', clientFrame('x'.repeat(126), { opcode: opcodes.ping }), 1002],
  ['a long pong', clientFrame('x'.repeat(126), { opcode: opcodes.pong }), 1002],
  ['a long close', closing(1000, 'x'.repeat(124)), 1002],
  ['a ping in parts', clientFrame('x', { opcode: opcodes.ping, isFinal: false }), 1002],
  ['a close in parts', clientFrame('', { opcode: opcodes.close, isFinal: false }), 1002],
  ['a close of one byte', clientFrame('x', { opcode: opcodes.close }), 1002],
  ...[0, 1, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535].map(
    (code) => [`the close code ${code}`, closing(code), 1002] as const,
  ),
  ['a close reason that is no UTF-8', closing(1000, hex('ff')), 1007],
  ['a continuation of nothing', part(ping, true), 1002],
  ['a part of nothing', part(ping, false), 1002],
  ['a message within another', Buffer.concat([part('{', false, opcodes.text), clientFrame(ping)]), 1002],
  [
    'a binary message within a text',
    Buffer.concat([part('{', false, opcodes.text), clientFrame('', { opcode: opcodes.binary })]),
    1002,
  ],
  ...[
    'ff',
    'c0 80',
    'c1 bf',
    'e0 80 80',
    'ed a0 80',
    'ed bf bf',
    'f0 80 80 80',
    'f4 90 80 80',
    'f8 88 80 80 80',
    'e2 82',
    '80',
    '22 c3 28 22',
  ].map((bytes) => [`the bytes ${bytes}`, clientFrame(hex(bytes)), 1007] as const),
  ['half a character in each part', Buffer.concat([part(hex('22 e2'), false, opcodes.text), part(hex('22'), true)]), 1007],
  ['a length beyond all numbers', clientFrame('', { length: 2n ** 63n }), 4413],
  ['a length beyond safe numbers', clientFrame('', { length: 2n ** 53n }), 4413],
  ['a length of 4 GiB', clientFrame('', { length: 2n ** 32n }), 4413],
  ['one byte more than a frame may have', clientFrame('', { length: 196_609 }), 4413],
  [
    'parts that are too large together',
    Buffer.concat([part('x'.repeat(100_000), false, opcodes.text), part('x'.repeat(96_609), true)]),
    4413,
  ],
  ['65 parts', Buffer.concat([part('', false, opcodes.text), ...Array.from({ length: 64 }, () => part('', false))]), 1008],
  ['HTTP', Buffer.from('GET /health HTTP/1.1\r\nhost: x\r\n\r\n'), 1002],
  ['noise', hex('a5 5a 93 11 07 fe fe fe fe fe fe fe'), 1002],
]

describe('bytes that are no frame', () => {
  test.each(broken)('%s: closed, and let go when the client ends its side too', async (_, bytes, code) => {
    const socket = await opened()
    socket.write(bytes)
    expect(await socket.closeCode()).toBe(code)
    socket.tcp.end()
    await once(socket.tcp, 'close')
  })

  test('before any hello, just so', async () => {
    const codes: (number | undefined)[] = []
    for (const [, bytes] of broken) {
      const socket = await rawSocket(relay.port)
      await socket.handshake()
      socket.write(bytes)
      codes.push(await socket.closeCode())
    }
    expect(codes).toEqual(broken.map(([, , code]) => code))
  })
})

describe('frames in unusual shapes', () => {
  test.each([1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999])(
    'the close code %i is answered with itself',
    async (code) => {
      const socket = await opened()
      socket.write(closing(code, 'because'))
      expect(await socket.closeCode()).toBe(code)
      await socket.ended
    },
  )

  test('a close without a code is answered', async () => {
    const socket = await opened()
    socket.write(clientFrame('', { opcode: opcodes.close }))
    expect(await socket.closeCode()).toBe(1005)
  })

  test('one byte at a time', async () => {
    const socket = await opened()
    socket.tcp.setNoDelay()
    for (const byte of clientFrame(ping)) {
      socket.write(Buffer.from([byte]))
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(await socket.json()).toMatchObject({ type: 'pong' })
  })

  test('in parts, a ping in between', async () => {
    const socket = await opened()
    const parts = [...ping].map((letter, at) =>
      part(letter, at === ping.length - 1, at === 0 ? opcodes.text : opcodes.continuation),
    )
    socket.write(Buffer.concat([parts[0]!, clientFrame('between', { opcode: opcodes.ping }), ...parts.slice(1)]))
    const pong = await socket.next()
    expect([pong?.opcode, pong?.payload.toString()]).toEqual([opcodes.pong, 'between'])
    expect(await socket.json()).toMatchObject({ type: 'pong' })
  })

  test('64 parts, most of them empty', async () => {
    const socket = await opened()
    const empty = Array.from({ length: 62 }, () => part('', false))
    socket.write(Buffer.concat([part(ping.slice(0, 5), false, opcodes.text), ...empty, part(ping.slice(5), true)]))
    expect(await socket.json()).toMatchObject({ type: 'pong' })
  })

  test('a character in two parts', async () => {
    const socket = await opened()
    const frame = Buffer.from(JSON.stringify({ type: 'msg', id: '€', to: 'ivy', scope: 'direct', ciphertext: '€' }))
    const cut = frame.indexOf('€') + 1
    socket.write(Buffer.concat([part(frame.subarray(0, cut), false, opcodes.text), part(frame.subarray(cut), true)]))
    expect(await socket.json()).toMatchObject({ type: 'accepted', id: '€' })
  })

  test('pings of every size and pongs that nobody asked for', async () => {
    const socket = await opened()
    for (const size of [0, 1, 124, 125]) {
      socket.write(clientFrame('unasked', { opcode: opcodes.pong }))
      socket.write(clientFrame('x'.repeat(size), { opcode: opcodes.ping }))
      expect((await socket.next())?.payload).toHaveLength(size)
    }
  })

  test('thousands at once are answered one after another', async () => {
    const socket = await opened()
    socket.write(Buffer.concat(Array.from({ length: 5_000 }, () => clientFrame(ping))))
    for (let i = 0; i < 5_000; i++) expect((await socket.json())?.type).toBe('pong')
  })

  test('after a close are not understood any more', async () => {
    const socket = await opened()
    const frame = JSON.stringify({ type: 'msg', id: 'late', to: 'jon', scope: 'direct', ciphertext: 'x' })
    socket.write(Buffer.concat([closing(1000), clientFrame(frame)]))
    expect(await socket.closeCode()).toBe(1000)
    const { messages } = await relay.call('GET /messages/since/:timestamp', { as: 'jon', params: { timestamp: 0 } })
    expect(messages).toEqual([])
  })
})

describe('clients that go', () => {
  test.each([
    ['in the middle of a frame', (socket: RawSocket) => socket.tcp.end(clientFrame('x'.repeat(1_000)).subarray(0, 500))],
    ['half-way', (socket: RawSocket) => socket.tcp.end()],
    ['without a word', (socket: RawSocket) => socket.tcp.resetAndDestroy()],
    ['in the middle of a message in parts', (socket: RawSocket) => socket.tcp.end(part('x', false, opcodes.text))],
  ])('%s leave nothing behind', async (_, leave) => {
    const own = await relayOf({ limits: { USER_SOCKETS: 10 } })
    for (let round = 0; round < 2; round++) {
      const sockets = await Promise.all(Array.from({ length: 10 }, () => opened(own)))
      expect(await own.count('sotto_sessions')).toBe(10)
      for (const socket of sockets) leave(socket)
      await expect.poll(() => own.count('sotto_sessions')).toBe(0)
    }
  })
})
