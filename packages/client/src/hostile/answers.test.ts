import { describe, expect, it } from 'vitest'
import { Sotto } from '../index.ts'
import {
  type Actor,
  actor,
  allTalk,
  arrives,
  eventually,
  groupOf,
  incidentOf,
  nothingTwice,
  pairOf,
  settled,
  watchedStorage,
} from './actors.suite.ts'
import { type Answer, startHostileServer } from './hostile-server.suite.ts'
import { messagesOf } from './intruder.suite.ts'

/** Answers that are none, and T4, T36: answers that make a device doubt its storage. */

const garbage: readonly (readonly [string, Answer])[] = [
  ['500', { status: 500, body: { type: 'x', title: 'x', status: 500, code: 'internal', detail: 'x' } }],
  ['500 without a word', { status: 500, text: '' }],
  ['no JSON', { status: 200, text: '<html>' }],
  ['half an answer', { status: 200, text: '{"keyPackages":[' }],
  ['null', { status: 200, text: 'null' }],
  ['a list', { status: 200, text: '[]' }],
  [
    'another shape',
    { status: 200, body: { keyPackages: 7, cursors: {}, groups: null, version: 'one', devices: 3, groupInfo: [] } },
  ],
  ['members of wrong kinds', { status: 200, body: { keyPackages: [null, 1, { userId: {} }], cursors: [null], groups: [null] } }],
  ['10 MB', { status: 200, text: `"${'x'.repeat(10_000_000)}"` }],
  ['a redirect', { status: 302, text: '' }],
]

describe('answers that are none', () => {
  it.each(garbage)(
    '%s: what needs an answer is rejected with a code, what can wait waits, and all goes on',
    async (_, answer) => {
      const server = await startHostileServer()
      const { id, alice, bob } = await pairOf(server)
      server.answers(() => answer)
      const attempts = [
        alice.sotto.createGroup({ members: ['carol'] }),
        alice.sotto.conversation('carol'),
        alice.sotto.safetyNumber('carol'),
        alice.sotto.linkDevice('AQ'),
        alice.sotto.revokeDevice('none'),
      ].map((attempt) =>
        attempt.then(
          () => undefined,
          (error: unknown) => error,
        ),
      )
      await alice.chat(id).send('meanwhile')
      await arrives('meanwhile', id, [bob])
      server.becomeHonest()
      for (const error of await Promise.all(attempts)) {
        expect(error).toMatchObject({ name: 'SottoClientError', code: expect.any(String) })
      }
      await allTalk(id, [alice, bob])
    },
  )

  it('at the very beginning: opening is rejected with a code, and can be tried again', async () => {
    const server = await startHostileServer()
    const open = async ([name, answer]: readonly [string, Answer], honestPaths: readonly string[]) => {
      const user = `${name} ${honestPaths.length}`
      const storage = watchedStorage()
      const end = server.answers(({ path, userId }) => (userId !== user || honestPaths.includes(path) ? undefined : answer))
      const opening = Sotto.open({ url: server.url, token: () => server.userToken(user), storage }).then(
        (sotto) => sotto.close(),
        (error: unknown) => error,
      )
      // What is no answer at all is asked for again, until there is one.
      await Promise.race([opening, new Promise((resolve) => setTimeout(resolve, 100))])
      end()
      const error = await opening
      if (error === undefined) return
      expect(error).toMatchObject({ name: 'SottoClientError', code: expect.any(String) })
      const opened = await actor(server, user, { storage })
      expect(opened.sotto.userId).toBe(user)
    }
    await Promise.all(garbage.map((one) => open(one, ['/me'])))
    await Promise.all(garbage.filter(([, { body }]) => body !== undefined).map((one) => open(one, [])))
  })

  it('none at all: what hangs holds up nothing else', async () => {
    const server = await startHostileServer()
    const { id, alice, bob } = await pairOf(server)
    server.answers(({ userId }) => (userId === 'alice' ? 'hang' : undefined))
    const hanging = alice.sotto.createGroup({ members: ['bob'] }).catch((error: unknown) => error)
    await alice.chat(id).send('meanwhile')
    await arrives('meanwhile', id, [bob])
    await bob.chat(id).send('and back')
    await arrives('and back', id, [alice])
    server.becomeHonest()
    await alice.sotto.close()
    expect(await hanging).toMatchObject({ name: 'SottoClientError' })
  })

  it('frames that are none are nothing, and what has a number is passed over by name', async () => {
    const server = await startHostileServer()
    const { id, alice, bob } = await pairOf(server)
    for (const frame of [
      {},
      { type: 'msg' },
      { type: '__proto__' },
      { type: 'welcome' },
      { type: 'error', code: 'x', message: 'x' },
    ])
      server.tell(bob, frame)
    server.tell(bob, { type: 'accepted', id: 'never sent', mailbox: 'g1', seq: 1, receivedAt: 1 })
    server.tell(bob, { type: 'signal', from: 'alice', fromDevice: 'x', to: id, scope: 'group', ciphertext: 'AAAA' })
    await allTalk(id, [alice, bob])
  })
})

describe('a storage that the server calls old', () => {
  it('cursors ahead of the device: it joins anew before it sends, and what comes later is not passed over', async () => {
    const server = await startHostileServer()
    const { id, actors } = await groupOf(server)
    const [alice, bob, carol] = actors
    const epoch = bob.chat(id).toJSON().epoch!
    server.answers(({ path, userId }) =>
      path === '/messages/cursors' && userId === 'bob'
        ? { status: 200, body: { cursors: [{ mailbox: server.mailboxOf(id), seq: 1_000_000 }], now: 1 } }
        : undefined,
    )
    const back = await bob.again()
    const waiting = await back.chat(id).send('after joining anew')
    await incidentOf(back, 'storage_restored')
    await settled(id, [alice, back, carol], epoch)
    await arrives('after joining anew', id, [alice, carol])
    expect(waiting.status).toBe('sent')
    server.becomeHonest()
    await allTalk(id, [alice, back, carol])
    const again = await back.again()
    await allTalk(id, [alice, again, carol])
    expect(again.incidents).toEqual([])
  })

  it('an older copy of the storage: no key is used twice, and nothing is shown twice', async () => {
    const server = await startHostileServer()
    const { id, actors } = await groupOf(server)
    const [alice, bob, carol] = actors
    const copy = await bob.storage.snapshot()
    const epoch = bob.chat(id).toJSON().epoch!
    for (const text of ['one', 'two', 'three']) await bob.chat(id).send(text)
    await arrives('three', id, [alice, carol])
    await alice.chat(id).send('acknowledged by the newer one')
    await arrives('acknowledged by the newer one', id, [bob, carol])
    // The acknowledgements are on the server's disk.
    await expect
      .poll(async () => {
        const { body } = await server.ask('bob', bob.deviceId, 'GET', '/messages/cursors')
        const { cursors } = body as { cursors: { mailbox: string; seq: number }[] }
        return Math.max(...cursors.filter(({ mailbox }) => mailbox === server.mailboxOf(id)).map(({ seq }) => seq))
      }, eventually)
      .toBeGreaterThan(4)
    await bob.sotto.close()
    const before = messagesOf(server, id).length
    const restored = await actor(server, 'bob', { storage: copy })
    await restored.chat(id).send('from the copy')
    await incidentOf(restored, 'storage_restored')
    await arrives('from the copy', id, [alice, carol])
    // Its first message is of a later epoch than all that were sent before.
    const later = messagesOf(server, id).slice(before)
    expect(later.length).toBeGreaterThan(0)
    for (const { ciphertext } of later) expect(epochOf(ciphertext)).toBeGreaterThan(epoch)
    await allTalk(id, [alice, restored, carol])
    for (const one of [alice, carol]) nothingTwice(one)
  })

  it('a server that says that nothing was ever acknowledged changes nothing', async () => {
    const server = await startHostileServer()
    const { id, alice, bob } = await pairOf(server)
    server.answers(({ path }) => (path === '/messages/cursors' ? { status: 200, body: { cursors: [], now: 1 } } : undefined))
    const back: Actor = await bob.again()
    await allTalk(id, [alice, back])
    expect(back.incidents).toEqual([])
  })
})

/** Of an MLSMessage with a PrivateMessage: version, wire format, group id, epoch (RFC 9420 section 6.3). */
function epochOf(ciphertext: string): number {
  const bytes = Buffer.from(ciphertext, 'base64')
  return Number(bytes.readBigUInt64BE(5 + bytes.readUInt8(4)))
}
