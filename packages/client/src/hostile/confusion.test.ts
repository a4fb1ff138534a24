import { describe, expect, it } from 'vitest'
import { decodeEnvelope } from '../content/decode.ts'
import { encodeEnvelope } from '../content/encode.ts'
import { decodePlaintext, encodePlaintext } from '../content/plaintext.ts'
import { decodeSignal, encodeSignal } from '../content/signal-content.ts'
import { fromBase64Url, toBase64Url } from '../identity/base64url.ts'
import { readCredential, verifyCertificate } from '../identity/certificate.ts'
import { decodeContact, encodeContact, meet } from '../identity/contacts.ts'
import { verifyList } from '../identity/device-list.ts'
import { makeLinkCode, readLinkCode } from '../identity/link-code.ts'
import { generateSealKeys, openIdentityKey, sealIdentityKey } from '../identity/sealed-key.ts'
import { decodeClaim, encodeClaim } from '../membership/claim.ts'
import { decodeRoster, encodeRoster } from '../membership/roster.ts'
import { rosterOfNew } from '../membership/roster-changes.ts'
import { claimOf } from '../membership/rules.ts'
import { utf8 } from '../mls/bytes.ts'
import { nobodyMinds } from '../mls/members.suite.ts'
import { base64, fromBase64 } from '../sync/base64.ts'
import type { EntryFrame } from '../transport/transport.ts'
import { type Actor, allTalk, arrives, eventually, groupOf, incidentOf, settled } from './actors.suite.ts'
import { startHostileServer } from './hostile-server.suite.ts'
import { commitEntry, groupInfoOf, intruder, messagesOf } from './intruder.suite.ts'

/** T16: what is meant for one reader, given to every other. */

describe('bytes of each kind', () => {
  it('are read by the reader of their kind, and by no other', async () => {
    const one = await intruder('mallory', 'm')
    const { engine, leaf, signedList, list, identity } = one
    const other = await intruder('bob', 'b')
    const founded = await engine.createGroup(leaf, 'a group')
    const keyPackage = await other.engine.createKeyPackage(other.leaf)
    const roster = rosterOfNew('mallory', ['bob'], false)
    const by = { userId: 'mallory', deviceId: 'm' }
    const { claim } = claimOf(rosterOfNew('mallory', [], false), {
      by,
      add: [{ userId: 'bob', deviceId: 'b' }],
      remove: [],
      leave: [],
    })
    const change = { add: [keyPackage.keyPackage], remove: [], aad: encodeClaim(claim), roster: encodeRoster(roster) }
    const step = await engine.commit(founded.state, change)
    const message = (await engine.encrypt(founded.state, utf8('a message'))).message
    const sealKeys = await generateSealKeys()
    const secret = crypto.getRandomValues(new Uint8Array(32))
    const sealing = { userId: 'mallory', deviceId: 'm', secret }
    const identityPrivateKey = identity.privateKey
    const signalKey = crypto.getRandomValues(new Uint8Array(16))
    const bound = utf8('bound')
    const salt = crypto.getRandomValues(new Uint8Array(16))
    const envelope = encodeEnvelope({ salt, sentAt: 1, content: { kind: 'text', text: 'hello' } })
    const verified = await verifyList('mallory', signedList, engine)
    const outsider = await intruder('carol', 'c')

    const kinds: Readonly<Record<string, Uint8Array>> = {
      list: fromBase64Url(signedList.devices, 100_000),
      credential: leaf.credential,
      contact: encodeContact(meet(undefined, verified, 1).contact),
      linkCode: fromBase64Url(makeLinkCode({ ...list.devices[0]!, secret }), 1_000),
      sealedKey: await sealIdentityKey({ ...sealing, identityPrivateKey, sealKey: sealKeys.publicKey }),
      claim: encodeClaim(claim),
      roster: encodeRoster(roster),
      envelope,
      plaintext: encodePlaintext({ deviceList: { version: 1, hash: verified.hash }, seen: undefined, envelope }),
      signal: encodeSignal({ kind: 'typing', typing: true }),
      sealedSignal: await engine.sealSignal(signalKey, utf8('typing'), bound),
      keyPackage: keyPackage.keyPackage,
      welcome: step.welcome!,
      groupInfo: step.groupInfo,
      commit: step.commit,
      message,
    }
    const admitLeaf = nobodyMinds
    const readers: Readonly<Record<string, (bytes: Uint8Array) => unknown>> = {
      list: (bytes) => verifyList('mallory', { ...signedList, devices: toBase64Url(bytes) }, engine),
      credential: (bytes) => readCredential(bytes),
      contact: (bytes) => decodeContact(bytes),
      linkCode: (bytes) => readLinkCode(toBase64Url(bytes)),
      sealedKey: (sealedKey) => openIdentityKey({ ...sealing, sealedKey, sealKeys }),
      claim: (bytes) => decodeClaim(bytes),
      roster: (bytes) => decodeRoster(bytes),
      envelope: (bytes) => decodeEnvelope(bytes),
      plaintext: (bytes) => decodePlaintext(bytes),
      signal: (bytes) => decodeSignal(bytes),
      sealedSignal: (bytes) => engine.openSignal(signalKey, bytes, bound),
      keyPackage: (bytes) => engine.readKeyPackage(bytes),
      welcome: (welcome) => other.engine.join({ welcome, secretOf: async () => keyPackage.secret, admitLeaf }),
      groupInfo: (groupInfo) =>
        outsider.engine.joinExternal({ device: outsider.leaf, groupInfo, aad: new Uint8Array(), admitLeaf }),
    }
    const read: string[] = []
    for (const [kind, bytes] of Object.entries(kinds)) {
      for (const [reader, call] of Object.entries(readers)) {
        const isRead = await Promise.resolve()
          .then(() => call(bytes.slice()))
          .then(
            () => true,
            () => false,
          )
        if (isRead) read.push(`${kind} by ${reader}`)
      }
    }
    expect(read.sort()).toEqual(
      Object.keys(readers)
        .map((name) => `${name} by ${name}`)
        .sort(),
    )
  })

  it('signed for one use verify for no other', async () => {
    const { engine, identity, leaf, signedList } = await intruder('mallory', 'm')
    const certificate = readCredential(leaf.credential)
    expect(await verifyCertificate(certificate, leaf.keys.publicKey, engine)).toBe(true)
    const listSignature = fromBase64Url(signedList.signature, 200)
    const { signature } = certificate
    const asCertificate = { ...certificate, signature: listSignature }
    expect(await verifyCertificate(asCertificate, leaf.keys.publicKey, engine)).toBe(false)
    const asList = { ...signedList, signature: toBase64Url(signature) }
    await expect(verifyList('mallory', asList, engine)).rejects.toMatchObject({ reason: 'bad_signature' })
    // A leaf's key signs no list, and an identity's key is no leaf's.
    const byLeaf = await engine.sign(leaf.keys.privateKey, fromBase64Url(signedList.devices, 100_000))
    const signedByLeaf = { ...signedList, signature: toBase64Url(byLeaf) }
    await expect(verifyList('mallory', signedByLeaf, engine)).rejects.toMatchObject({ reason: 'bad_signature' })
    expect(await verifyCertificate(certificate, identity.publicKey, engine)).toBe(false)
  })
})

describe('through everything', () => {
  /** What a server has of a group, in base64, by kind. */
  async function held() {
    const server = await startHostileServer()
    const { id, actors } = await groupOf(server)
    const [alice, bob] = actors
    const { groupInfo, epoch } = await groupInfoOf(server, alice, id)
    const founding = server.requests.find(({ method, path }) => method === 'POST' && path === '/groups')!.body as {
      commit: string
      welcome: string
    }
    const claimed = await server.ask('bob', bob.deviceId, 'POST', '/key-packages/claim', { userIds: ['alice'], ciphersuite: 1 })
    const [{ keyPackage }] = (claimed.body as { keyPackages: [{ keyPackage: string }] }).keyPackages
    const list = await server.ask('bob', bob.deviceId, 'GET', '/identity/alice')
    const { devices } = list.body as { devices: string }
    const { ciphertext } = messagesOf(server, id)[0]!
    const kinds = {
      commit: founding.commit,
      welcome: founding.welcome,
      groupInfo,
      keyPackage,
      message: ciphertext,
      list: base64(fromBase64Url(devices, 100_000)),
    }
    return { server, id, actors, bob, alice, epoch, kinds }
  }

  it('nothing but a message is a message', async () => {
    const { server, id, actors, bob, kinds } = await held()
    const message = messagesOf(server, id)[0]!
    const { message: _, ...others } = kinds
    for (const ciphertext of Object.values(others)) server.add(bob, { ...message, ciphertext })
    // The commit is of an epoch before Bob's first: what stood there then was not for him. That it stands here now, the next message tells.
    await expect.poll(() => bob.unreadable.length, eventually).toBe(Object.keys(others).length - 1)
    await allTalk(id, actors)
    await incidentOf(bob, 'history_differs')
    expect(bob.chat(id).members).toHaveLength(3)
  })

  it('nothing but a commit is a commit', async () => {
    const { server, id, actors, bob, alice, kinds } = await held()
    const { commit: _, ...others } = kinds
    for (const commit of Object.values(others)) {
      const epoch = bob.chat(id).toJSON().epoch!
      const before = bob.incidents.length
      server.add(bob, commitEntry(server, id, { commit, epoch, from: 'alice', fromDevice: alice.deviceId }))
      await expect.poll(() => bob.kinds().slice(before), eventually).toContain('commit_unreadable')
      await settled(id, actors, epoch)
    }
    await allTalk(id, actors)
  })

  it('nothing but a Welcome is a Welcome', async () => {
    const { server, id, actors, bob, alice, kinds } = await held()
    const { welcome: _, ...others } = kinds
    const mailbox = (server.log.find(({ frame, to }) => frame.type === 'welcome_mls' && to.userId === 'bob')!.frame as EntryFrame)
      .mailbox
    const groupMailbox = 'g9001'
    for (const welcome of Object.values(others)) {
      const position = { mailbox, seq: 1, receivedAt: 1, groupMailbox, groupSeq: 1, epoch: 1, generation: 0 }
      const from = { from: 'alice', fromDevice: alice.deviceId }
      server.add(bob, { type: 'welcome_mls', ...position, ...from, groupId: 'AAAAAAAAAAAAAAAAAAAAAA', welcome })
    }
    const refusals = () => bob.kinds().filter((kind) => kind === 'welcome_refused').length
    await expect.poll(refusals, eventually).toBe(Object.keys(others).length)
    expect(bob.sotto.conversations()).toHaveLength(1)
    await allTalk(id, actors)
  })

  it('nothing but a key package is a key package, and nothing but a list is a list', async () => {
    const { server, id, actors, bob, alice, kinds } = await held()
    const [, , carol] = actors as [Actor, Actor, Actor]
    const { keyPackage: _, ...others } = kinds
    for (const keyPackage of Object.values(others)) {
      const end = server.answers(async ({ path }, forward) => {
        if (path !== '/key-packages/claim') return undefined
        const { status, body } = await forward()
        const { keyPackages } = body as { keyPackages: object[] }
        return { status, body: { missing: [], keyPackages: keyPackages.map((one) => ({ ...one, keyPackage })) } }
      })
      await expect(bob.sotto.createGroup({ members: ['carol'] })).rejects.toMatchObject({ code: 'no_such_user' })
      end()
    }
    await incidentOf(bob, 'key_package_refused')
    const list = (await server.ask('bob', bob.deviceId, 'GET', '/identity/alice')).body as { devices: string; version: number }
    for (const [kind, bytes] of Object.entries(kinds)) {
      if (kind === 'list') continue
      const devices = toBase64Url(fromBase64(bytes))
      const end = server.answers(({ path }) =>
        path === '/identity/alice' ? { status: 200, body: { ...list, devices, version: 2 } } : undefined,
      )
      const before = bob.incidents.length
      bob.later(2_000)
      await bob.sotto.createGroup({ members: ['alice'] })
      await expect.poll(() => bob.kinds().slice(before), eventually).toContain('list_refused')
      end()
    }
    await allTalk(id, [alice, bob, carol])
  })

  it('a message, a commit or a Welcome as a signal is nothing', async () => {
    const { server, id, actors, bob, alice, kinds } = await held()
    const typing: unknown[] = []
    bob.sotto.on('typing', (event) => void typing.push(event))
    for (const ciphertext of Object.values(kinds))
      server.tell(bob, { type: 'signal', from: 'alice', fromDevice: alice.deviceId, to: id, scope: 'group', ciphertext })
    alice.chat(id).typing()
    await expect.poll(() => typing.length, eventually).toBe(1)
    expect(typing).toEqual([expect.objectContaining({ userId: 'alice', active: true })])
    await allTalk(id, actors)
    await arrives('first', id, [bob])
  })

  it('a signal of one member is none of another', async () => {
    const { server, id, bob, alice } = await held()
    const typing: unknown[] = []
    bob.sotto.on('typing', (event) => void typing.push(event))
    alice.chat(id).typing()
    await expect.poll(() => typing.length, eventually).toBe(1)
    const { ciphertext } = JSON.parse(server.texts.find((text) => text.includes('"signal"'))!) as { ciphertext: string }
    server.tell(bob, { type: 'signal', from: 'carol', fromDevice: 'x', to: id, scope: 'group', ciphertext })
    server.tell(bob, { type: 'signal', from: 'alice', fromDevice: 'another', to: id, scope: 'group', ciphertext })
    alice.chat(id).typing(false)
    await expect.poll(() => typing.length, eventually).toBe(2)
    expect(typing[1]).toMatchObject({ userId: 'alice', active: false })
  })
})
