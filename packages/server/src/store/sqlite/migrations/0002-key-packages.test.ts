import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { manualClock } from '../../manual-clock.suite.ts'
import { migrate, openConnection } from '../schema.ts'
import { rows, scratchDirectory } from '../scratch.suite.ts'
import { initial } from './0001-initial.ts'
import { keyPackages } from './0002-key-packages.ts'

test('what a device has read before counts as acknowledged, and nobody has uploaded key packages', () => {
  const db = openConnection(join(scratchDirectory(), 'sotto.db'))
  onTestFinished(() => db.close())
  migrate(db, manualClock(), [initial])
  db.exec(`INSERT INTO cursors(mailbox, device, seq, until) VALUES (1, 1, 0, NULL), (2, 1, 7, NULL), (3, 1, 9, 12);
    INSERT INTO devices(user_id, device_id, created_at, last_seen_at, user_from) VALUES ('alice', 'phone', 1, 1, 0)`)
  migrate(db, manualClock(), [initial, keyPackages])
  expect(rows(db, 'SELECT mailbox, seq, until, acked FROM cursors ORDER BY mailbox')).toEqual([
    { mailbox: 1, seq: 0, until: null, acked: 0 },
    { mailbox: 2, seq: 7, until: null, acked: 7 },
    { mailbox: 3, seq: 9, until: 12, acked: 9 },
  ])
  expect(rows(db, 'SELECT key_packages_at FROM devices')).toEqual([{ key_packages_at: null }])
})
