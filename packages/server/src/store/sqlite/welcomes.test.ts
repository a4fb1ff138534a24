import { expect, test } from 'vitest'
import { entryKinds } from '../store.ts'
import { readEntries } from './reads.ts'
import { entry, mailbox, registered, rows, scratchDatabase } from './scratch.suite.ts'
import { emptyWelcome, filled, putWelcome, sweepWelcomes, welcomeBytes, welcomeOf } from './welcomes.ts'

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
  expect(welcomeBytes(db, boxes[0]!, 'alice')).toBe(16)
  expect(welcomeBytes(db, boxes[0]!, 'mallory')).toBe(0)
  db.prepare('UPDATE mailboxes SET floor = 1 WHERE no = ?').run(boxes[0]!)
  expect(welcomeBytes(db, boxes[0]!, 'alice')).toBe(8)
  sweepWelcomes(db)
  expect(welcomeOf(db, boxes[0]!, 1)).toBeUndefined()
  expect(rows(db, 'SELECT group_seq FROM welcomes ORDER BY 1')).toEqual([{ group_seq: 7 }, { group_seq: 8 }])
  db.prepare('DELETE FROM mailboxes WHERE no = ?').run(boxes[1]!)
  sweepWelcomes(db)
  expect(rows(db, 'SELECT group_seq FROM welcomes')).toEqual([{ group_seq: 8 }])
  expect(rows(db, 'SELECT mailbox, seq FROM welcome_entries')).toEqual([{ mailbox: boxes[0], seq: 2 }])
})

test('what is filled in changes nothing else', () => {
  const frame = filled(Buffer.from(json(3)), Buffer.from('AAAA'))
  expect(frame.toString()).toBe('{"type":"welcome_mls","seq":3,"welcome":"AAAA"}')
})
