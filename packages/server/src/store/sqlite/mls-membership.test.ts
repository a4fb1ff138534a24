import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { defaultLimits } from '@sotto/protocol'
import { expect, onTestFinished, test } from 'vitest'
import { manualClock } from '../manual-clock.suite.ts'
import type { Device, Store } from '../store.ts'
import { type Change, commitOf } from '../suite/mls-world.suite.ts'
import { refusal } from '../suite/world.suite.ts'
import { scratchDirectory } from './scratch.suite.ts'
import { openSqliteStore } from './store.ts'

/** A store whose commits can be made to fail, by the table that they write to. */
async function world() {
  const path = join(scratchDirectory(), 'sotto.db')
  const troubles: string[] = []
  const options = { path, clock: manualClock(), limits: defaultLimits, retentionMs: 1e9, onAppended: () => {} }
  const store = await openSqliteStore({ ...options, onTrouble: (why) => troubles.push(why) })
  const beside = new DatabaseSync(path)
  onTestFinished(async () => {
    beside.close()
    await store.close()
  })
  async function whileFailing(table: string, run: () => Promise<unknown>): Promise<void> {
    for (const event of ['INSERT', 'UPDATE']) {
      beside.exec(
        `CREATE TRIGGER failing_${event} BEFORE ${event} ON ${table} BEGIN SELECT RAISE(ABORT, 'the disk is full'); END`,
      )
    }
    expect(await refusal(run)).toMatchObject({ code: 'overloaded' })
    for (const event of ['INSERT', 'UPDATE']) beside.exec(`DROP TRIGGER failing_${event}`)
    expect(troubles.splice(0)).toEqual(['the disk is full'])
  }
  const devices = ['alice/phone', 'alice/laptop', 'bob/phone'].map((name) => {
    const [userId = '', deviceId = ''] = name.split('/')
    return store.openDevice({ userId, deviceId, holds: true })
  })
  const [phone, laptop, bob] = (await Promise.all(devices)) as [Device, Device, Device]
  return { store, whileFailing, phone, laptop, bob }
}

async function entriesOf(store: Store, device: Device): Promise<number> {
  const subscriptions = await store.subscriptions(device)
  return subscriptions.reduce((sum, { head }) => sum + head, 0)
}

test('a commit that cannot be written leaves the group as it was, and may come again', async () => {
  const { store, whileFailing, phone, laptop, bob } = await world()
  const addUsers = { alice: 'owner', bob: 'member' } as const
  const creation: Change = { id: 'create', kind: 'create', add: [bob], addUsers, welcome: 'AAAA', welcomeTo: [bob] }
  const create = () => store.commitGroup(commitOf(phone, 'team', creation, undefined))
  await whileFailing('mls_groups', create)
  expect(await store.group('team')).toBeUndefined()
  expect(await entriesOf(store, bob)).toBe(0)
  expect(await create()).toMatchObject({ seq: 1, duplicate: false })

  const before = await store.group('team')
  const change: Change = {
    id: 'change',
    add: [laptop],
    remove: [bob],
    removeUsers: ['bob'],
    welcome: 'AAAA',
    welcomeTo: [laptop],
  }
  const commit = () => store.commitGroup(commitOf(phone, 'team', change, before))
  for (const table of ['mls_groups', 'welcomes', 'group_devices', 'journal']) {
    await whileFailing(table, commit)
    expect(await store.group('team')).toEqual(before)
    expect(await entriesOf(store, laptop)).toBe(0)
  }
  expect(await commit()).toMatchObject({ seq: 2, duplicate: false })
  expect(await commit()).toMatchObject({ seq: 2, duplicate: true })
  expect((await store.group('team'))?.mls?.epoch).toBe(2)
})

test('a departure that cannot be written has not happened', async () => {
  const { store, whileFailing, phone, bob } = await world()
  const addUsers = { alice: 'owner', bob: 'member' } as const
  for (const groupId of ['one', 'two']) {
    await store.commitGroup(commitOf(phone, groupId, { kind: 'create', add: [bob], addUsers }, undefined))
  }
  const before = { one: await store.group('one'), two: await store.group('two') }
  const now = async () => ({ one: await store.group('one'), two: await store.group('two') })
  const leave = () => {
    const asked = { groupId: 'one', by: bob, add: [], remove: ['bob'], roles: new Map(), delete: false }
    return store.changeGroup({ ...asked, version: before.one?.version ?? 0 })
  }
  await whileFailing('departed', leave)
  expect(await now()).toEqual(before)
  await whileFailing('departed', () => store.revokeDevice('bob', 'phone'))
  expect(await now()).toEqual(before)
  await whileFailing('devices', () => store.revokeDevice('bob', 'phone'))
  expect(await now()).toEqual(before)
  expect(await store.findDevice('bob', 'phone')).toEqual(bob)
  expect(await store.revokeDevice('bob', 'phone')).toBe(true)
  for (const group of Object.values(await now())) expect(group?.mls?.departed).toHaveLength(1)
})
