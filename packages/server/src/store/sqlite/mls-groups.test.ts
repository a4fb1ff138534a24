import { expect, test } from 'vitest'
import { purgeWindows } from './mls-groups.ts'
import { group, rows, scratchDatabase } from './scratch.suite.ts'

/** Twelve groups, whose windows are closed at 5 and at 9, and one open in each. */
function world() {
  const db = scratchDatabase()
  const insert = db.prepare('INSERT INTO group_devices(group_id, device, from_seq, to_seq, welcome_seq) VALUES (?, ?, 0, ?, 0)')
  for (let at = 0; at < 12; at++) {
    const groupId = `g${at.toString().padStart(2, '0')}`
    group(db, groupId, [], at % 2 === 0 ? 7 : 20)
    for (const [device, to] of [5, 9, null].entries()) insert.run(groupId, device, to)
  }
  return db
}

test('windows that nothing can be read through go, a few groups at a time', () => {
  const db = world()
  let steps = 0
  for (let after: string | null = ''; after !== null; steps++) after = purgeWindows(db, { after, groups: 5 })
  expect(steps).toBe(3)
  const left = rows(db, 'SELECT group_id, to_seq FROM group_devices ORDER BY group_id, device') as { to_seq: number | null }[]
  expect(left.map(({ to_seq }) => to_seq)).toEqual(Array.from({ length: 6 }, () => [9, null, null]).flat())
})

test('a step looks at closed windows alone', () => {
  const db = world()
  const plan = (sql: string) => rows(db, `EXPLAIN QUERY PLAN ${sql}`).map((row) => String((row as { detail: string }).detail))
  const [step] = plan("SELECT DISTINCT group_id FROM group_devices WHERE to_seq IS NOT NULL AND group_id > '' LIMIT 5")
  expect(step).toContain('group_devices_closed')
})
