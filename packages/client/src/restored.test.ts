import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { memoryStorage } from './index.ts'
import { sqliteStorage } from './node.ts'
import { historyOf, person, textsIn } from './people.suite.ts'
import { startRelay } from './transport/relay.suite.ts'

const eventually = { timeout: 15_000, interval: 20 }

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'sotto-restored-'))
  onTestFinished(() => rm(path, { recursive: true, force: true }))
  return path
}

describe('a storage that was restored from an older copy', () => {
  it('joins its groups anew before it encrypts anything', async () => {
    const relay = await startRelay()
    const home = await folder()
    const path = join(home, 'alice', 'sotto.db')
    const alice = await person(relay, 'alice', { storage: sqliteStorage({ path }) })
    const bob = await person(relay, 'bob')
    const chat = await alice.sotto.conversation('bob')
    const team = await alice.sotto.createGroup({ name: 'Team', members: ['bob'] })
    await chat.send('before the copy')
    await expect.poll(() => bob.texts(), eventually).toEqual(['before the copy'])
    await alice.sotto.close()
    await cp(join(home, 'alice'), join(home, 'copy'), { recursive: true })

    const onward = await alice.again({ storage: sqliteStorage({ path }) })
    for (let n = 0; n < 5; n++) await onward.sotto.find(chat.id)!.send(`after the copy ${n}`)
    await bob.sotto.find(chat.id)!.send('from bob')
    await expect.poll(() => bob.texts().length, eventually).toBe(6)
    await expect.poll(() => onward.texts(), eventually).toEqual(['from bob'])
    const { length } = await historyOf(onward, chat.id)
    await expect
      .poll(async () => (await historyOf(onward, chat.id)).every(({ own, status }) => !own || status !== 'queued'), eventually)
      .toBe(true)
    expect(length).toBe(7)
    await onward.sotto.close()

    const copy = join(home, 'copy', 'sotto.db')
    const restored = await person(relay, 'alice', { storage: sqliteStorage({ path: copy }) })
    const message = await restored.sotto.find(chat.id)!.send('from the copy')
    await restored.sotto.find(team.id)!.send('in the team')
    await expect.poll(() => bob.texts().slice(6).sort(), eventually).toEqual(['from the copy', 'in the team'])
    await expect.poll(() => message.status, eventually).toBe('delivered')
    expect(restored.incidents.map(({ kind }) => kind)).toContain('storage_restored')
    expect(bob.incidents).toEqual([])
    expect(bob.unreadable).toEqual([])
    await bob.sotto.find(chat.id)!.send('welcome back')
    await expect.poll(() => restored.texts().at(-1), eventually).toBe('welcome back')
    expect(await textsIn(bob, chat.id)).toContain('after the copy 4')
  })

  it('of another key is told apart from a damaged one by a clear error', async () => {
    const relay = await startRelay()
    const path = join(await folder(), 'sotto.db')
    const alice = await person(relay, 'alice', { storage: sqliteStorage({ path, passphrase: 'correct horse' }) })
    await alice.sotto.close()
    await expect(person(relay, 'alice', { storage: sqliteStorage({ path, passphrase: 'wrong horse' }) })).rejects.toMatchObject({
      code: 'storage_unreadable',
    })
  })
})

describe('a storage of somebody else', () => {
  it('is refused', async () => {
    const relay = await startRelay()
    const alice = await person(relay, 'alice')
    await alice.sotto.close()
    await expect(person(relay, 'bob', { storage: alice.storage })).rejects.toMatchObject({ code: 'invalid_option' })
    await expect(alice.again()).resolves.toBeDefined()
  })
})

describe('a storage that was lost', () => {
  it('needs a link or a reset, and never takes an old key up again', async () => {
    const relay = await startRelay()
    const alice = await person(relay, 'alice')
    await alice.sotto.close()
    await expect(person(relay, 'alice', { storage: memoryStorage() })).rejects.toMatchObject({ code: 'link_required' })
    const anew = await person(relay, 'alice', { reset: true })
    expect(anew.sotto.deviceId).not.toBe(alice.sotto.deviceId)
    expect((await anew.sotto.devices()).map(({ deviceId }) => deviceId)).toEqual([anew.sotto.deviceId])
  })
})
