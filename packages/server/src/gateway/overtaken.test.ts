import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { defaultLimits } from '@sotto/protocol'
import { expect, onTestFinished, test } from 'vitest'
import { localBus } from '../bus/local.ts'
import { mayWrite } from '../groups/may-write.ts'
import { send } from '../messages/send.ts'
import { manualClock } from '../store/manual-clock.suite.ts'
import { openSqliteStore } from '../store/sqlite/store.ts'
import type { Device, Group, Store, Subscription } from '../store/store.ts'
import { Feed, type FeedSink } from './feed.ts'
import { Hub } from './hub.ts'
import { poll } from './poll.ts'
import { Sessions } from './sessions.ts'

/** What happens while somebody waits for the answer of the store. */

const clock = manualClock()
const limits = defaultLimits

/** A real store with a group of which alice is the owner. */
async function world() {
  const directory = await mkdtemp(join(tmpdir(), 'sotto-overtaken-'))
  const hub = new Hub()
  const store = await openSqliteStore({
    path: join(directory, 'sotto.db'),
    clock,
    limits,
    retentionMs: 86_400_000,
    onAppended: (entries) => hub.wake(entries),
  })
  onTestFinished(async () => {
    await store.close()
    await rm(directory, { recursive: true })
  })
  const alice = await store.openDevice({ userId: 'alice', deviceId: 'default', holds: false })
  let group: Group = await store.createGroup({ groupId: 'team', name: null, owner: alice, members: [] })

  async function change(userId: string, kind: 'add' | 'remove'): Promise<void> {
    const asked = { groupId: 'team', version: group.version, by: alice, add: [], remove: [], roles: new Map(), delete: false }
    group = (await store.changeGroup({ ...asked, [kind]: [userId] })) as Group
  }

  async function say(id: string): Promise<void> {
    await send({ store, clock, limits }, alice, { id, to: 'team', scope: 'group', ciphertext: id }, mayWrite)
  }

  return { store, hub, change, say }
}

/**
 * A store that is overtaken: while the answer of the given call to `subscriptions` is on its way, `meanwhile` happens.
 * Heads are as they are when the answer arrives, windows as they were when it was made: so it is with two threads.
 */
function overtaken(store: Store, call: number, meanwhile: () => Promise<void>): Store {
  let calls = 0
  const subscriptions = async (device: Device): Promise<readonly Subscription[]> => {
    const before = await store.subscriptions(device)
    if (++calls !== call) return before
    await meanwhile()
    const after = await store.subscriptions(device)
    return before.map((row) => ({ ...row, head: after.find(({ mailbox }) => mailbox === row.mailbox)?.head ?? row.head }))
  }
  return new Proxy(store, {
    get(target, name) {
      const member = name === 'subscriptions' ? subscriptions : Reflect.get(target, name)
      return typeof member === 'function' ? member.bind(target) : member
    },
  })
}

/** Collects what a feed sends, in short. */
function collecting(): FeedSink & { readonly sent: string[] } {
  const sent: string[] = []
  return {
    sent,
    isCongested: false,
    entry: ({ json }) => sent.push(inShort(json.toString())),
    text: (json) => sent.push(inShort(json)),
    failed: (error) => sent.push(`${error}`),
  }
}

function inShort(json: string): string {
  const { type, id, added, removed } = JSON.parse(json) as { type: string; id?: string; added?: string[]; removed?: string[] }
  return type === 'membership' ? `+${added} -${removed}` : (id ?? type)
}

test('a poll is not told what was said after a removal that came meanwhile', async () => {
  const { store, hub, change, say } = await world()
  await change('bob', 'add')
  await say('in')
  const slow = overtaken(store, 1, async () => {
    await change('bob', 'remove')
    await say('out')
  })
  const parts = { store: slow, bus: localBus(), hub, sessions: new Sessions(), clock, limits }
  const caller = { userId: 'bob', deviceId: 'default', signal: new AbortController().signal }
  const { frames } = await poll(parts, caller, { limit: 100, waitMs: 0 })
  expect(frames.map((frame) => inShort(`${frame}`)).slice(-2)).toEqual(['in', '+ -bob'])
})

test.each([1, 2])('a basic session that begins during a removal is told that and no more (answer %i)', async (call) => {
  const { store, hub, change, say } = await world()
  const bob = await store.openDevice({ userId: 'bob', deviceId: 'default', holds: false })
  await change('bob', 'add')
  const slow = overtaken(store, call, async () => {
    await change('bob', 'remove')
    await say('out-1')
  })
  const sink = collecting()
  const feed = new Feed({ store: slow, hub, limits }, bob, false, sink)
  await feed.subscribe()
  feed.begin()
  await say('out-2')
  await change('bob', 'add')
  await say('in')
  await expect.poll(() => sink.sent.at(-1)).toBe('in')
  expect(sink.sent.filter((frame) => frame.startsWith('out'))).toEqual([])
})

test.each([1, 2])('a basic session that begins during a joining gets what is said from then on (answer %i)', async (call) => {
  const { store, hub, change, say } = await world()
  const bob = await store.openDevice({ userId: 'bob', deviceId: 'default', holds: false })
  const slow = overtaken(store, call, () => change('bob', 'add'))
  const sink = collecting()
  const feed = new Feed({ store: slow, hub, limits }, bob, false, sink)
  await feed.subscribe()
  feed.begin()
  await say('in')
  await expect.poll(() => sink.sent.at(-1)).toBe('in')
})

test.each([
  ['reliable', true, 3],
  ['basic', false, 4],
])('a %s session whose user is removed again before the joining has been looked up stays out', async (_, isReliable, call) => {
  const { store, hub, change, say } = await world()
  const bob = await store.openDevice({ userId: 'bob', deviceId: 'default', holds: isReliable })
  const over = Promise.withResolvers<void>()
  const slow = overtaken(store, call, async () => {
    await change('bob', 'remove')
    await say('out-1')
    over.resolve()
  })
  const sink = collecting()
  const feed = new Feed({ store: slow, hub, limits }, bob, isReliable, sink)
  await feed.subscribe()
  feed.begin()
  await change('bob', 'add')
  await say('in-1')
  await expect.poll(() => sink.sent).toContain('in-1')
  await change('bob', 'remove')
  // Looked up by the call that is overtaken.
  await change('bob', 'add')
  await over.promise
  await say('out-2')
  await change('bob', 'add')
  await say('in-2')
  await expect.poll(() => sink.sent.at(-1)).toBe('in-2')
  expect(sink.sent.filter((frame) => frame.startsWith('out'))).toEqual([])
})
