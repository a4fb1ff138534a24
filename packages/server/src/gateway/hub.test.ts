import { expect, test } from 'vitest'
import { type Entry, entryKinds } from '../store/store.ts'
import { frameOf } from './frame-writer.ts'
import { Hub, type Listener } from './hub.ts'

function entry(mailbox: string, seq: number): Entry {
  return { mailbox, seq, kind: entryKinds.msg, sender: 1, receivedAt: 0, json: Buffer.from(`${mailbox}-${seq}`) }
}

interface Heard extends Listener {
  readonly seqs: number[]
  readonly framed: (Buffer | null)[]
}

function listener(then: (seq: number) => void = () => {}): Heard {
  const heard: Heard = {
    seqs: [],
    framed: [],
    offer(offered, framed) {
      heard.seqs.push(offered.seq)
      heard.framed.push(framed)
      then(offered.seq)
    },
  }
  return heard
}

test('entries are offered to those who listen to their mailbox, in order', () => {
  const hub = new Hub()
  const [a, b] = [listener(), listener()]
  hub.listen('a', a)
  hub.listen('b', b)
  hub.wake([entry('a', 1), entry('b', 7), entry('a', 2), entry('c', 1)])
  expect(a.seqs).toEqual([1, 2])
  expect(b.seqs).toEqual([7])
})

test('nothing is offered to those who have left, or never came', () => {
  const hub = new Hub()
  const [stays, leaves, stranger] = [listener(), listener(), listener()]
  hub.listen('a', stays)
  hub.listen('a', leaves)
  hub.unlisten('a', leaves)
  hub.unlisten('a', leaves)
  hub.unlisten('a', stranger)
  hub.unlisten('b', stays)
  hub.wake([entry('a', 1)])
  expect([stays.seqs, leaves.seqs, stranger.seqs]).toEqual([[1], [], []])
  hub.unlisten('a', stays)
  hub.wake([entry('a', 2)])
  expect(stays.seqs).toEqual([1])
})

test('whoever leaves while entries are offered takes them from nobody', () => {
  for (const leaving of [0, 1, 2, 3]) {
    const hub = new Hub()
    const all: Heard[] = [0, 1, 2, 3].map((which) =>
      listener((seq) => {
        if (which === leaving && seq === 1) hub.unlisten('a', all[which]!)
      }),
    )
    for (const one of all) hub.listen('a', one)
    hub.wake([entry('a', 1), entry('a', 2)])
    expect(all.map(({ seqs }) => seqs)).toEqual(all.map((_, which) => (which === leaving ? [1] : [1, 2])))
  }
})

test('a frame is built once for many, and not at all for few', () => {
  const hub = new Hub()
  const all = [listener(), listener(), listener(), listener()]
  for (const one of all.slice(0, 3)) hub.listen('a', one)
  hub.wake([entry('a', 1)])
  hub.listen('a', all[3]!)
  hub.wake([entry('a', 2)])
  expect(all[0]!.framed[0]).toBeNull()
  const shared = all[0]!.framed[1]
  expect(shared).toEqual(frameOf(Buffer.from('a-2')))
  for (const one of all) expect(one.framed.at(-1)).toBe(shared)
})
