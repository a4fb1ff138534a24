import { expect, test } from 'vitest'
import { type Ack, Acks } from './acks.ts'
import { manualTimers } from './manual-timers.suite.ts'
import type { EntryFrame } from './transport.ts'

function world() {
  const timers = manualTimers()
  const acks = new Acks(timers)
  const sent: Ack[][] = []
  const send = (some: readonly Ack[]) => sent.push([...some])
  return { timers, acks, sent, send }
}

const own = (mailbox: string, seq: number): EntryFrame => ({ type: 'own', mailbox, seq, id: 'm', receivedAt: 0 })

test('only the highest of each mailbox goes out, gathered', () => {
  const { timers, acks, sent, send } = world()
  acks.attach(send)
  for (const seq of [1, 3, 2]) acks.ack('u1', seq)
  acks.ack('g1', 9)
  expect(sent).toEqual([])
  timers.advance(5)
  expect(sent).toEqual([
    [
      { mailbox: 'u1', seq: 3 },
      { mailbox: 'g1', seq: 9 },
    ],
  ])
  acks.ack('u1', 3)
  timers.advance(100)
  expect(sent).toHaveLength(1)
})

test('many do not wait', () => {
  const { acks, sent, send } = world()
  acks.attach(send)
  for (let seq = 1; seq <= 130; seq++) acks.ack('u1', seq)
  expect(sent).toEqual([[{ mailbox: 'u1', seq: 64 }], [{ mailbox: 'u1', seq: 128 }]])
})

test('everything is told again on a new connection, what came meanwhile too', () => {
  const { timers, acks, sent, send } = world()
  acks.attach(send)
  acks.ack('u1', 1)
  timers.advance(5)
  acks.detach()
  acks.ack('g1', 2)
  timers.advance(5)
  acks.attach(send)
  expect(sent).toHaveLength(2)
  expect(sent[1]?.sort((a, b) => a.seq - b.seq)).toEqual([
    { mailbox: 'u1', seq: 1 },
    { mailbox: 'g1', seq: 2 },
  ])
})

test('an entry that comes again although it was acknowledged is known, and the server told once more', () => {
  const { timers, acks, sent, send } = world()
  acks.ack('u1', 5)
  acks.attach(send)
  expect(acks.covers(own('u1', 6))).toBe(false)
  expect(acks.covers({ type: 'gone', mailbox: 'u1', from: 4, to: 6, reason: 'expired' })).toBe(false)
  expect(acks.covers(own('g1', 1))).toBe(false)
  expect(acks.covers(own('u1', 5))).toBe(true)
  timers.advance(5)
  expect(sent).toEqual([[{ mailbox: 'u1', seq: 5 }], [{ mailbox: 'u1', seq: 5 }]])
})

test('what is refused is not told for ever', () => {
  const { acks, sent, send } = world()
  acks.ack('g1', 2)
  acks.forget({ mailbox: 'g1', seq: 1 })
  acks.forget({ mailbox: 'g1', seq: 2 })
  acks.attach(send)
  expect(sent).toEqual([])
})

test('memory is bounded: of very many mailboxes the oldest is forgotten', () => {
  const { acks } = world()
  for (let number = 0; number <= 4_096; number++) acks.ack(`g${number}`, 1)
  expect(acks.has('g0', 1)).toBe(false)
  expect(acks.has('g1', 1)).toBe(true)
  expect(acks.take()).toHaveLength(4_096)
})
