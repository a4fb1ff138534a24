import { expect, test } from 'vitest'
import { type RawSocket, rawSocket } from './raw-socket.suite.ts'
import type { Peer } from './test-peer.suite.ts'
import { type Relay, relayOf } from './test-relay.suite.ts'
import { clientFrame, opcodes } from './websocket-bytes.suite.ts'

/** Change it to look elsewhere; a failure names it. */
const seed = 20_261_123
const frames = 20_000
const streams = 2_000

/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
function chance(from: number): () => number {
  let state = from
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

interface Draw {
  below(limit: number): number
  oneOf<item>(items: readonly item[]): item
}

function drawing(random: () => number): Draw {
  const below = (limit: number) => Math.floor(random() * limit)
  return { below, oneOf: (items) => items[below(items.length)]! }
}

const templates = [
  { type: 'ping' },
  { type: 'hello', token: 'eyJhbGciOiJIUzI1NiJ9.e30.x', device: 'phone' },
  {
    type: 'msg',
    id: 'm-1',
    to: 'hal',
    scope: 'direct',
    ciphertext: 'c2VjcmV0',
    contentType: 'text/plain',
    timestamp: 1_710_000_000_000,
  },
  { type: 'msg', id: 'm-2', to: 'g', scope: 'group', ciphertext: 'c2VjcmV0', expiresInMs: 1_000 },
  { type: 'msg', to: 'hal', scope: 'direct', ciphertext: '€😀', device: 'default' },
  { type: 'ack', mailbox: 'u1', seq: 1 },
  { type: 'signal', to: 'hal', scope: 'direct', ciphertext: 'typing' },
].map((frame) => JSON.stringify(frame))

const odd = [
  'null',
  'true',
  '-1',
  '0',
  '1e400',
  '-0',
  '1.5',
  '9007199254740993',
  '""',
  '"\\u0000"',
  '"\\ud800"',
  '[]',
  '{}',
  '[[[[]]]]',
  '{"__proto__":{}}',
  '"__proto__"',
  '"constructor"',
  '"direct"',
  '"group"',
  '"hal"',
  '"x"',
  '"😀"',
  '\ufeff',
  ' ',
  '"',
  '\\',
  ',',
  ':',
  '{',
  '}',
  '[',
  ']',
  '\u0000',
  '\u2028',
]

/** A frame with something wrong in it, or something odd, or nothing at all. */
function mutated({ below, oneOf }: Draw): string {
  let text = oneOf(templates)
  for (let i = below(4); i > 0; i--) {
    const at = below(text.length + 1)
    const to = at + below(12)
    switch (below(7)) {
      case 0:
        text = text.slice(0, at) + text.slice(to)
        break
      case 1:
        text = text.slice(0, at) + oneOf(odd) + text.slice(at)
        break
      case 2:
        text = text.slice(0, at) + String.fromCodePoint(below(0xd800)) + text.slice(at + 1)
        break
      case 3:
        text = text.replace(/:("[^"]*"|\d+)/g, (whole) => (below(3) === 0 ? `:${oneOf(odd)}` : whole))
        break
      case 4:
        text = text.replace(/"(\w+)":/g, (whole) =>
          below(5) === 0 ? `${oneOf(['"__proto__"', '"type"', '"to"', '"x"', '"seq"'])}:` : whole,
        )
        break
      case 5:
        text = text.slice(0, at) + text.slice(at, to).repeat(below(50)) + text.slice(to)
        break
      default:
        text = text.slice(0, at) + oneOf(templates).slice(below(20))
    }
  }
  return text.toWellFormed()
}

const closes = [1000, 1002, 1007, 1008, 4400, 4401, 4413]

/** Sends frames until they are used up, on a new socket whenever the last was closed. */
async function sendAll(relay: Relay, open: () => Promise<Peer>, texts: readonly string[]): Promise<Set<string>> {
  const answers = new Set<string>()
  let peer = await open()
  const check = () => {
    for (const frame of peer.received) {
      answers.add(frame.type === 'error' ? frame.code : frame.type)
      if (frame.type === 'error' && frame.code === 'internal') throw new Error(`seed ${seed}: ${JSON.stringify(frame)}`)
    }
  }
  for (const [index, text] of texts.entries()) {
    if (peer.ws.readyState !== peer.ws.OPEN) {
      check()
      expect(closes).toContain((await peer.closed).code)
      peer = await open()
    }
    peer.ws.send(text)
    if (index % 50 === 0) await peer.flushed().catch(() => peer.closed)
  }
  await peer.flushed().catch(() => peer.closed)
  check()
  await peer.close()
  expect(relay.logged.filter((line) => /"level":"(warn|error|fatal)"/.test(line))).toEqual([])
  return answers
}

async function checked(relay: Relay, good: { sender: Peer; receiver: Peer }, id: string): Promise<void> {
  await good.sender.message('hal', id)
  await good.receiver.pick('msg', (frame) => frame.id === id)
  expect(await relay.call('GET /health')).toEqual({ status: 'ok' })
}

const limits = { SENDS_BURST: 1_000_000, PAIR_ENTRIES: 1_000_000, SIGNALS_PER_SECOND: 1_000_000, REQUESTS_BURST: 1_000_000 }

test(`${frames} mutated frames are answered or refused, and nothing breaks`, async () => {
  const relay = await relayOf({ limits })
  const good = { sender: await relay.peer('gil'), receiver: await relay.peer('hal') }
  const draw = drawing(chance(seed))
  const answers = new Set<string>()
  for (const reliable of [false, true]) {
    const texts = Array.from({ length: frames / 2 }, () => mutated(draw))
    for (const answer of await sendAll(relay, () => relay.peer('mallory', { reliable }), texts)) answers.add(answer)
    await checked(relay, good, `after-${reliable}`)
  }
  // Had everything been refused for one reason, little would have been tried.
  for (const answer of [
    'accepted',
    'pong',
    'bad_frame',
    'bad_request',
    'unauthenticated',
    'not_member',
    'id_conflict',
    'forbidden',
  ]) {
    expect(answers).toContain(answer)
  }
})

test(`${streams} mutated streams of bytes end in a close, and nothing breaks`, async () => {
  const relay = await relayOf({ limits: { ...limits, USER_SOCKETS: 1_000 } })
  const good = { sender: await relay.peer('gil'), receiver: await relay.peer('hal') }
  const authorization = `Bearer ${await relay.token('mallory')}`
  const draw = drawing(chance(seed + 1))
  const kinds = [opcodes.text, opcodes.text, opcodes.binary, opcodes.ping, opcodes.continuation]
  const stream = () => {
    const parts = Array.from({ length: 1 + draw.below(4) }, () =>
      clientFrame(mutated(draw), { opcode: draw.oneOf(kinds), isFinal: draw.below(4) > 0 }),
    )
    const bytes = Buffer.concat(parts)
    for (let i = draw.below(4); i > 0; i--) bytes[draw.below(Math.min(bytes.length, 40))] = draw.below(256)
    return bytes.subarray(0, bytes.length - draw.below(3))
  }
  const one = async (bytes: Buffer) => {
    const socket: RawSocket = await rawSocket(relay.port)
    expect(await socket.handshake({ headers: { authorization } })).toBe(101)
    socket.tcp.end(bytes)
    const code = await socket.closeCode()
    expect([undefined, 1005, ...closes]).toContain(code)
  }
  for (let sent = 0; sent < streams; sent += 50) await Promise.all(Array.from({ length: 50 }, () => one(stream())))
  await checked(relay, good, 'after')
  expect(relay.logged.filter((line) => /"level":"(warn|error|fatal)"/.test(line))).toEqual([])
  await expect.poll(() => relay.count('sotto_sessions')).toBe(2)
})
