import { describe, expect, it } from 'vitest'
import { utf8 } from '../mls/bytes.ts'
import { MlsFailure, type MlsFailureReason } from '../mls/engine.ts'
import { groupOf as engineGroupOf, nobodyMinds, testEngine } from '../mls/members.suite.ts'
import { base64, fromBase64 } from '../sync/base64.ts'
import type { EntryFrame } from '../transport/transport.ts'
import { allTalk, arrives, eventually, groupOf, incidentOf, nothingTwice, settled } from './actors.suite.ts'
import { startHostileServer } from './hostile-server.suite.ts'
import { messagesOf } from './intruder.suite.ts'

/** T11, T13: a message with anything about it changed, or cut off, or added. */

const changed = (bytes: Uint8Array, at: number, by: number) => bytes.map((byte, index) => (index === at ? byte ^ by : byte))

describe('in the engine', () => {
  it('every byte of a message, changed, leaves nothing to read and the state as it was', async () => {
    const engine = await testEngine('every byte')
    const [alice, bob] = await engineGroupOf(2, engine)
    const message = await alice!.send('one message', { padTo: 64, aad: utf8('aad') })
    const reasons = new Set<MlsFailureReason>()
    for (let at = 0; at < message.length; at++) {
      for (const by of [0x01, 0x80]) {
        const failure = await engine.process(bob!.group, changed(message, at, by), nobodyMinds).catch((error: unknown) => error)
        if (!(failure instanceof MlsFailure)) throw new Error(`byte ${at} was taken`)
        reasons.add(failure.reason)
      }
    }
    expect(reasons.has('tampered')).toBe(true)
    expect(await bob!.read(message)).toBe('one message')
    await expect(engine.process(bob!.group, message, nobodyMinds)).rejects.toMatchObject({ reason: 'duplicate' })
  })

  it('every truncation of it, and every addition, is refused', async () => {
    const engine = await testEngine('truncated')
    const [alice, bob] = await engineGroupOf(2, engine)
    const message = await alice!.send('one message')
    for (let length = 0; length < message.length; length++) {
      await expect(engine.process(bob!.group, message.slice(0, length), nobodyMinds)).rejects.toBeInstanceOf(MlsFailure)
    }
    for (const more of [1, 16, 1_000]) {
      const longer = new Uint8Array([...message, ...new Uint8Array(more)])
      await expect(engine.process(bob!.group, longer, nobodyMinds)).rejects.toBeInstanceOf(MlsFailure)
    }
    expect(await bob!.read(message)).toBe('one message')
  })

  it('every byte of a signal, changed, is refused', async () => {
    const engine = await testEngine('signal')
    const [alice] = await engineGroupOf(2, engine)
    const key = await engine.exportSecret(alice!.group, 'a label', utf8('a context'), 16)
    const sealed = await engine.sealSignal(key, utf8('typing'), utf8('bound to'))
    for (let at = 0; at < sealed.length; at++) {
      await expect(engine.openSignal(key, changed(sealed, at, 1), utf8('bound to'))).rejects.toMatchObject({ reason: 'tampered' })
    }
    for (let length = 0; length < sealed.length; length++) {
      await expect(engine.openSignal(key, sealed.slice(0, length), utf8('bound to'))).rejects.toMatchObject({
        reason: 'tampered',
      })
    }
  })
})

describe('through everything', () => {
  it('forty changed copies of a message, before and after it, are each told once, and it is shown once', async () => {
    const server = await startHostileServer()
    const { id, actors } = await groupOf(server)
    const [alice, bob, carol] = actors
    const copies = 40
    const end = server.entries((frame, to) => {
      if (frame.type !== 'msg' || to.userId !== 'bob') return undefined
      end()
      const bytes = fromBase64(frame.ciphertext)
      const forged = Array.from({ length: copies }, (_, index): EntryFrame => {
        // The epoch stays: what another one does is told elsewhere.
        const headerBytes = 50
        const at = headerBytes + Math.floor(((bytes.length - headerBytes) * index) / copies)
        return { ...frame, id: `forged ${index}`, ciphertext: base64(changed(bytes, at, 1 << (index % 8))) }
      })
      return [...forged.slice(0, copies / 2), frame, ...forged.slice(copies / 2)]
    })
    await alice.chat(id).send('the true one')
    await arrives('the true one', id, [bob, carol])
    await expect
      .poll(() => bob.unreadable.length + bob.kinds().filter((kind) => kind === 'replayed').length, eventually)
      .toBe(copies)
    nothingTwice(bob)
    await settled(id, actors)
    await allTalk(id, actors)
  })

  // The length of the group's id, the id, then eight bytes of epoch.
  const epochAt = (groupId: string) => 4 + 1 + groupId.length

  it('a message of an epoch that has not come is told, and the device joins anew', async () => {
    const server = await startHostileServer()
    const { id, actors } = await groupOf(server)
    const [, bob] = actors
    const message = messagesOf(server, id)[0]!
    const { epoch } = bob.chat(id).toJSON()
    server.add(bob, { ...message, ciphertext: base64(changed(fromBase64(message.ciphertext), epochAt(id) + 6, 1)) })
    await expect.poll(() => bob.unreadable.map(({ reason }) => reason), eventually).toEqual(['future_epoch'])
    await settled(id, actors, epoch)
    await allTalk(id, actors)
  })

  it('a message made to be from before one’s time is no message, and the next one tells that it was another', async () => {
    const server = await startHostileServer()
    const { id, actors } = await groupOf(server)
    const [alice, bob, carol] = actors
    const end = server.entries((frame, to) => {
      if (frame.type !== 'msg' || to.userId !== 'bob') return undefined
      end()
      return [{ ...frame, ciphertext: base64(changed(fromBase64(frame.ciphertext), epochAt(id) + 7, 1)) }]
    })
    await alice.chat(id).send('lost to bob')
    await arrives('lost to bob', id, [carol])
    await alice.chat(id).send('next')
    await incidentOf(bob, 'history_differs')
    await allTalk(id, actors)
    expect(bob.texts()).not.toContain('lost to bob')
  })

  it('truncated, empty and absurd ciphertexts are each told', async () => {
    const server = await startHostileServer()
    const { id, actors } = await groupOf(server)
    const [, bob] = actors
    const message = messagesOf(server, id)[0]!
    const { ciphertext } = message
    const absurd = ['', '%', ciphertext.slice(0, 40), ciphertext.slice(0, -8), `${ciphertext}AAAA`, 'A'.repeat(100_000)]
    for (const text of absurd) server.add(bob, { ...message, ciphertext: text })
    await expect.poll(() => bob.unreadable.length, eventually).toBe(absurd.length)
    await allTalk(id, actors)
  })
})
