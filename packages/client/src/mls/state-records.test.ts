import { deriveTreeSecret } from 'ts-mls/crypto/kdf.js'
import { deriveKey } from 'ts-mls/secretTree.js'
import { describe, expect, test } from 'vitest'
import { utf8 } from './bytes.ts'
import type { MlsEngine } from './engine.ts'
import { recordsOf } from './epoch-records.ts'
import { suite } from './forge.suite.ts'
import { usable } from './group-state.ts'
import { applyChanges, Chance, commitTo, groupOf, Member, nobodyMinds, testEngine } from './members.suite.ts'

interface Written {
  readonly bytes: Uint8Array
  readonly text: string
  readonly epoch: number
  readonly by: Member
}

/** A group in which everything happens: the records say at every step what the state in memory says. */
class Story {
  readonly #chance: Chance
  readonly #engine: MlsEngine
  readonly #members: Member[]
  readonly #unread = new Map<Member, Written[]>()
  #groupInfo: Uint8Array | undefined
  #names = 0
  readonly seen = new Set<string>()

  constructor(seed: string, engine: MlsEngine, members: Member[]) {
    this.#chance = new Chance(seed)
    this.#engine = engine
    this.#members = members
    for (const member of members) this.#unread.set(member, [])
  }

  async step(): Promise<void> {
    const what = this.#chance.pick([
      'send',
      'send',
      'send',
      'read',
      'read',
      'read',
      'read',
      'commit',
      'restart',
      'rejoin',
    ] as const)
    await this[what]()
    for (const member of this.#members) {
      const records = [...member.records].sort()
      expect([...recordsOf(usable(member.group))].sort()).toEqual(records)
      expect([...recordsOf(usable(this.#engine.loadGroup(member.records)))].sort()).toEqual(records)
      if (this.#chance.number(4) === 0) member.reload()
    }
  }

  async send(): Promise<void> {
    const by = this.#chance.pick(this.#members)
    const text = `message ${this.#chance.number(1e6)}`
    const written = { bytes: await by.send(text), text, epoch: by.group.epoch, by }
    for (const member of this.#members) if (member !== by) this.#unread.get(member)?.push(written)
    this.seen.add('send')
  }

  async read(): Promise<void> {
    const member = this.#chance.pick(this.#members)
    const unread = this.#unread.get(member) ?? []
    const [written] = unread.splice(this.#chance.number(Math.max(unread.length, 1)), 1)
    if (written === undefined) return
    const { epoch } = member.group
    if (written.epoch < epoch - 2) {
      await expect(member.receive(written.bytes)).rejects.toMatchObject({ reason: 'pruned_epoch' })
      this.seen.add('pruned')
      return
    }
    const loaded = await this.#engine.process(this.#engine.loadGroup(member.records), written.bytes, nobodyMinds)
    const step = await this.#engine.process(member.group, written.bytes, nobodyMinds)
    expect(step).toMatchObject({ plaintext: utf8(written.text), by: { credential: written.by.device.credential } })
    expect(loaded.changes).toEqual(step.changes)
    member.take(step)
    await expect(member.receive(written.bytes)).rejects.toMatchObject({ reason: 'duplicate' })
    this.seen.add(written.epoch === epoch ? 'read' : 'read of an epoch before')
  }

  async commit(): Promise<void> {
    const by = this.#chance.pick(this.#members)
    const others = this.#members.filter((member) => member !== by)
    const remove = this.#members.length > 3 && this.#chance.number(2) === 0 ? [this.#chance.pick(others)] : []
    const add = []
    for (let i = this.#chance.number(9 - this.#members.length); i > 0 && add.length < 2; i -= 1) {
      this.#names += 1
      add.push(await Member.create(`newcomer ${this.#names}`, this.#engine))
    }
    const step = await commitTo([...this.#members], by, { add, remove })
    this.#groupInfo = step.groupInfo
    for (const member of remove) {
      expect(member.records.size).toBe(0)
      this.#members.splice(this.#members.indexOf(member), 1)
    }
    for (const member of add) {
      this.#members.push(member)
      this.#unread.set(member, [])
    }
    this.seen.add(`commit ${add.length > 0 ? 'adds' : ''} ${remove.length > 0 ? 'removes' : ''}`)
  }

  async restart(): Promise<void> {
    const member = this.#chance.pick(this.#members)
    const step = await member.prepare()
    member.reload()
    member.take(await this.#engine.adopt(step.pending, member.group))
    for (const other of this.#members) if (other !== member) await other.receive(step.commit)
    this.#groupInfo = step.groupInfo
    this.seen.add('restart')
  }

  async rejoin(): Promise<void> {
    if (this.#groupInfo === undefined) return
    const member = this.#chance.pick(this.#members)
    const { device } = member
    const step = await this.#engine.joinExternal({
      device,
      groupInfo: this.#groupInfo,
      aad: new Uint8Array(),
      admitLeaf: nobodyMinds,
    })
    member.take(await this.#engine.adopt(step.pending, member.group))
    for (const other of this.#members) if (other !== member) await other.receive(step.commit)
    this.#groupInfo = step.groupInfo
    this.#unread.set(member, [])
    this.seen.add('rejoin')
  }
}

test('at every step of random histories the records are the state', async () => {
  const seen = new Set<string>()
  for (const seed of ['one', 'two', 'three', 'four']) {
    const engine = await testEngine(seed)
    const story = new Story(seed, engine, await groupOf(3, engine))
    for (let i = 0; i < 50; i += 1) await story.step()
    for (const what of story.seen) seen.add(what)
  }
  expect([...seen]).toEqual(
    expect.arrayContaining([
      'send',
      'read',
      'read of an epoch before',
      'pruned',
      'commit adds ',
      'commit  removes',
      'commit adds removes',
      'restart',
      'rejoin',
    ]),
  )
}, 120_000)

describe('what is stored does not lead to a key that was used', () => {
  const held = (member: Member, secret: Uint8Array) => {
    const needle = Buffer.from(secret)
    return [...member.records].filter(([, value]) => Buffer.from(value).includes(needle)).map(([name]) => name)
  }

  test('neither for who reads, in any order', async () => {
    const [alice, bob] = (await groupOf(20, await testEngine('forward'))) as [Member, Member]
    const first = usable(bob.group).parts.ratchets.get(0)?.secret.slice() ?? new Uint8Array()
    const secrets: Uint8Array[] = [first]
    for (let i = 0; i < 4; i += 1) secrets.push(await deriveTreeSecret(secrets[i] ?? first, 'secret', i, 32, suite.kdf))
    const keys = await Promise.all(secrets.map((secret, i) => deriveKey(secret, i, suite)))
    const messages = []
    for (let i = 0; i < 4; i += 1) messages.push(await alice.send(`${i}`))

    expect(held(bob, first)).toEqual(['1.a.0'])
    await bob.read(messages[3] ?? first)
    expect(secrets.map((secret) => held(bob, secret))).toEqual([[], [], [], [], ['1.r.0']])
    expect(keys.map((key) => held(bob, key))).toEqual([['1.r.0'], ['1.r.0'], ['1.r.0'], [], []])
    await bob.read(messages[1] ?? first)
    expect(keys.map((key) => held(bob, key))).toEqual([['1.r.0'], [], ['1.r.0'], [], []])
    expect(secrets.slice(0, 4).flatMap((secret) => held(bob, secret))).toEqual([])
  })

  test('nor for who sends', async () => {
    const [alice] = (await groupOf(3, await testEngine('sender'))) as [Member]
    const secret = usable(alice.group).parts.ratchets.get(0)?.secret.slice() ?? new Uint8Array()
    expect(held(alice, secret)).toEqual(['1.own'])
    await alice.send('hello')
    expect(held(alice, secret)).toEqual([])
  })

  test('nor after the epoch: key schedule, handshake secrets and one’s own ratchet are gone', async () => {
    const members = await groupOf(3, await testEngine('epoch'))
    const [alice, bob] = members as [Member, Member]
    const { keySchedule, handshake, ratchets, privatePath } = usable(bob.group).parts
    const { senderDataSecret, epochAuthenticator: _, ...schedule } = keySchedule
    const secrets = [
      ...Object.values(schedule),
      ...handshake.values(),
      ratchets.get(bob.group.ownLeaf)?.secret ?? new Uint8Array(),
      ...Object.entries(privatePath.privateKeys).flatMap(([node, key]) => (Number(node) === 2 ? [] : [key])),
    ].map((secret) => secret.slice())
    const stays = senderDataSecret.slice()
    expect(secrets.map((secret) => held(bob, secret).length)).toEqual(secrets.map(() => 1))
    await commitTo(members, alice)
    await commitTo(members, bob)
    expect(secrets.flatMap((secret) => held(bob, secret))).toEqual([])
    expect(held(bob, stays)).toEqual(['1.past'])
  })

  test('what was used is zeroed in memory', async () => {
    const [alice, bob] = (await groupOf(3, await testEngine('wipe'))) as [Member, Member]
    const message = await alice.send('hello')
    const read = usable(bob.group).parts.ratchets.get(0)?.secret ?? new Uint8Array()
    const step = await bob.engine.process(bob.group, message, nobodyMinds)
    expect(read.some((byte) => byte !== 0)).toBe(true)
    bob.take(step)
    expect(read.every((byte) => byte === 0)).toBe(true)
    const { initSecret } = usable(bob.group).parts.keySchedule
    const commit = await alice.prepare()
    const next = await bob.engine.process(bob.group, commit.commit, nobodyMinds)
    expect(initSecret.some((byte) => byte !== 0)).toBe(true)
    bob.take(next)
    expect(initSecret.every((byte) => byte === 0)).toBe(true)
  })
})

test('records that are incomplete or damaged are a lost state', async () => {
  const members = await groupOf(4, await testEngine('lost'))
  const [alice, bob] = members as [Member, Member]
  await bob.read(await alice.send('hello'))
  const { records } = bob
  expect([...records.keys()].sort()).toEqual(['1.a.0', '1.h.0', '1.own', '1.r.0', 'group', 'tree'])
  for (const name of records.keys()) {
    const value = records.get(name) ?? new Uint8Array()
    const lose = (change: Uint8Array | undefined) => () => {
      const others = new Map(records)
      applyChanges(others, [{ name, value: change }])
      return bob.engine.loadGroup(others)
    }
    for (const change of [undefined, value.subarray(1), value.subarray(0, -1)]) {
      expect(lose(change), name).toThrow(expect.objectContaining({ name: 'MlsFailure', reason: 'lost_state' }))
    }
  }
  const before = records.get('tree')
  await commitTo(members, alice)
  if (before !== undefined) records.set('tree', before)
  expect(() => bob.reload()).toThrow(expect.objectContaining({ reason: 'lost_state' }))
})

describe.each([2, 50, 200])('in a group of %i', (count) => {
  test('a message costs a small write', async ({ annotate }) => {
    const engine = await testEngine(`size ${count}`)
    const first = await Member.create('first', engine)
    const others = await Promise.all(Array.from({ length: count - 1 }, (_, i) => Member.create(`${i}`, engine)))
    await first.found('a group')
    const last = others.at(-1) ?? first
    const add = await Promise.all(others.map(async (other) => (await other.keyPackage()).keyPackage))
    const step = await first.prepare({ add })
    const epoch = first.take(step)
    await last.join(step.welcome ?? new Uint8Array())
    const sent: number[] = []
    const read: number[] = []
    for (let i = 0; i < 3; i += 1) {
      const message = await engine.encrypt(first.group, utf8('hello'))
      sent.push(first.take(message))
      read.push(last.take(await engine.process(last.group, message.message, nobodyMinds)))
    }
    for (let i = 0; i < 200; i += 1) await first.send('skipped')
    const skipping = last.take(await engine.process(last.group, await first.send('after many'), nobodyMinds))
    await annotate(`bytes written: sent ${sent}, read ${read}, read after 200 others ${skipping}, a new epoch ${epoch}`)
    for (const bytes of [...sent, ...read, skipping]) expect(bytes).toBeLessThan(8_192)
    expect(epoch).toBeGreaterThan(Math.max(...sent))
  }, 120_000)
})
