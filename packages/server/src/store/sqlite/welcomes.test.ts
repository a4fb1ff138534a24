import type { DatabaseSync } from 'node:sqlite'
import { expect, test } from 'vitest'
import { entryKinds } from '../store.ts'
import { readEntries } from './reads.ts'
import { entry, mailbox, registered, rows, scratchDatabase } from './scratch.suite.ts'
import {
  emptyWelcome,
  filled,
  putWelcome,
  sweepWelcomeEntries,
  sweepWelcomes,
  type WelcomePlace,
  waitingWelcomes,
  welcomeOf,
} from './welcomes.ts'

const json = (seq: number) => `{"type":"welcome_mls","seq":${seq},${emptyWelcome}`

/** A Welcome of 8 bytes for the devices of two, at seq 1 of their mailboxes. */
function world() {
  const db = scratchDatabase()
  const [bob, carol] = [registered(db, 'bob'), registered(db, 'carol')]
  const group = mailbox(db, 'group', 'team')
  const boxes = [bob.deviceMailbox, carol.deviceMailbox]
  for (const box of boxes) entry(db, box, 1, { kind: entryKinds.welcome, json: json(1) })
  putWelcome(db, {
    groupMailbox: group,
    groupSeq: 7,
    userId: 'alice',
    data: 'd2VsY29t',
    entries: boxes.flatMap((box) => [box, 1]),
  })
  return { db, boxes, group }
}

/** A sweep from its beginning to its end, of so many rows a step. Returns how many steps it took. */
function sweep(db: DatabaseSync, rows = 100): number {
  let steps = 0
  for (let after: WelcomePlace | null = { mailbox: 0, seq: 0 }; after !== null; steps++)
    after = sweepWelcomeEntries(db, { after, rows })
  for (let after: number | null = 0; after !== null; steps++) after = sweepWelcomes(db, { after, rows })
  return steps
}

test('a Welcome is kept once, and every entry that is read has it', () => {
  const { db, boxes } = world()
  expect(rows(db, 'SELECT data FROM welcomes')).toEqual([{ data: 'd2VsY29t' }])
  for (const box of boxes) {
    const { bytes } = readEntries(db, { mailbox: box, after: 0, upTo: 9, limit: { entries: 9, bytes: 9_999 } })
    expect(JSON.parse(Buffer.from(bytes).toString())).toEqual({ type: 'welcome_mls', seq: 1, welcome: 'd2VsY29t' })
  }
})

test('what fills an entry counts against the size of a page', () => {
  const { db, boxes } = world()
  entry(db, boxes[0]!, 2)
  const limit = { entries: 9, bytes: json(1).length + 9 }
  expect(readEntries(db, { mailbox: boxes[0]!, after: 0, upTo: 2, limit }).upTo).toBe(1)
})

test('a Welcome goes once no entry refers to it', () => {
  const { db, boxes, group } = world()
  putWelcome(db, { groupMailbox: group, groupSeq: 8, userId: 'alice', data: 'bmV4dA==', entries: [boxes[0]!, 2] })
  expect(waitingWelcomes(db, boxes[0]!, 'alice')).toEqual({ entries: 2, bytes: 16 })
  expect(waitingWelcomes(db, boxes[0]!, 'mallory')).toEqual({ entries: 0, bytes: 0 })
  db.prepare('UPDATE mailboxes SET floor = 1 WHERE no = ?').run(boxes[0]!)
  expect(waitingWelcomes(db, boxes[0]!, 'alice')).toEqual({ entries: 1, bytes: 8 })
  sweep(db)
  expect(welcomeOf(db, boxes[0]!, 1)).toBeUndefined()
  expect(rows(db, 'SELECT group_seq FROM welcomes ORDER BY 1')).toEqual([{ group_seq: 7 }, { group_seq: 8 }])
  db.prepare('DELETE FROM mailboxes WHERE no = ?').run(boxes[1]!)
  sweep(db)
  expect(rows(db, 'SELECT group_seq FROM welcomes')).toEqual([{ group_seq: 8 }])
  expect(rows(db, 'SELECT mailbox, seq FROM welcome_entries')).toEqual([{ mailbox: boxes[0], seq: 2 }])
})

test('what is filled in changes nothing else', () => {
  const frame = filled(Buffer.from(json(3)), Buffer.from('AAAA'))
  expect(frame.toString()).toBe('{"type":"welcome_mls","seq":3,"welcome":"AAAA"}')
})

test('a sweep looks at a few rows a step, and at all of them', () => {
  const { db, boxes, group } = world()
  for (let groupSeq = 8; groupSeq < 30; groupSeq++) {
    const entries = boxes.flatMap((box) => [box, groupSeq])
    putWelcome(db, { groupMailbox: group, groupSeq, userId: 'alice', data: 'bmV4dA==', entries })
  }
  db.prepare('UPDATE mailboxes SET floor = 19 WHERE no = ?').run(boxes[0]!)
  db.prepare('UPDATE mailboxes SET floor = 24 WHERE no = ?').run(boxes[1]!)
  expect(sweep(db, 5)).toBeGreaterThan(10)
  const left = rows(db, 'SELECT mailbox, seq FROM welcome_entries ORDER BY 1, 2') as { mailbox: number; seq: number }[]
  expect(left.map(({ mailbox: no }) => no)).toEqual([...new Array(10).fill(boxes[0]), ...new Array(5).fill(boxes[1])])
  expect(Math.min(...left.map(({ seq }) => seq))).toBe(20)
  expect(rows(db, 'SELECT group_seq AS seq FROM welcomes ORDER BY 1')).toEqual(
    Array.from({ length: 10 }, (_, at) => ({ seq: 20 + at })),
  )
})

test('how large a waiting Welcome is, is asked without reading it', () => {
  const { db, boxes, group } = world()
  // Three bytes a character: a length in characters would be another.
  putWelcome(db, { groupMailbox: group, groupSeq: 8, userId: 'bob', data: '€'.repeat(10), entries: [boxes[0]!, 2] })
  expect(waitingWelcomes(db, boxes[0]!, 'bob')).toEqual({ entries: 1, bytes: 30 })
})

test('of entries that are large no more are read than go out', () => {
  const { db, boxes } = world()
  for (let seq = 2; seq <= 6; seq++) entry(db, boxes[0]!, seq, { json: 'x'.repeat(100) })
  const page = (bytes: number, entries = 9) =>
    readEntries(db, { mailbox: boxes[0]!, after: 1, upTo: 9, limit: { entries, bytes } })
  expect([page(1).upTo, page(100).upTo, page(299).upTo, page(500).upTo, page(500, 2).upTo]).toEqual([2, 2, 3, 9, 3])
  expect(page(299).bytes).toHaveLength(200)
})
