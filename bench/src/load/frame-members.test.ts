import { describe, expect, it } from 'vitest'
import { frameTypes, noMembers, scanMembers } from './frame-members.ts'

function scan(text: string) {
  const prefix = 'garbage'
  const bytes = Buffer.from(`${prefix + text}garbage`)
  const end = bytes.length - 'garbage'.length
  const members = noMembers()
  scanMembers(bytes, prefix.length, end, members)
  const { type, seq, idStart, mailboxStart, mailboxEnd } = members
  return {
    type,
    seq,
    id: idStart < 0 ? undefined : bytes.toString('utf8', idStart, bytes.indexOf('"', idStart)),
    mailbox: mailboxStart < 0 ? undefined : bytes.toString('utf8', mailboxStart, mailboxEnd),
  }
}

const entry = {
  type: 'msg',
  mailbox: 'u1z',
  seq: 4_711,
  receivedAt: 1_767_225_600_000,
  id: 'c0ffee00-0001-4000-8000-000000000007',
  from: 'the "id":"x" of \\ somebody\\',
  fromDevice: 'default',
  to: 'ä€😀',
  scope: 'direct',
  ciphertext: '"seq":5,"type":"own"',
  contentType: 'application/octet-stream',
  timestamp: 0,
}

describe('scanMembers', () => {
  it('finds the members in any order', () => {
    const members = Object.entries(entry)
    for (let turn = 0; turn < members.length; turn++) {
      const turned = [...members.slice(turn), ...members.slice(0, turn)]
      for (const order of [turned, turned.toReversed()]) {
        expect(scan(JSON.stringify(Object.fromEntries(order)))).toEqual({
          type: frameTypes.msg,
          seq: entry.seq,
          id: entry.id,
          mailbox: entry.mailbox,
        })
      }
    }
  })

  it('tells the types apart', () => {
    const type = (name: string) => scan(JSON.stringify({ type: name, mailbox: 'u1', seq: 1, id: 'x' })).type
    expect(type('msg')).toBe(frameTypes.msg)
    expect(type('accepted')).toBe(frameTypes.accepted)
    expect(type('own')).toBe(frameTypes.own)
    expect(['error', 'gone', 'synced', 'welcome', 'membership', 'ms', 'msgs', ''].map(type)).toEqual(
      Array(8).fill(frameTypes.other),
    )
  })

  it('says what is not there', () => {
    expect(scan('{"type":"accepted","ids":"x","seqs":1}')).toEqual({
      type: frameTypes.accepted,
      seq: -1,
      id: undefined,
      mailbox: undefined,
    })
    expect(scan('{}').type).toBe(frameTypes.other)
  })

  it('passes over literals and stops at what is nested', () => {
    expect(scan('{"type":"accepted","duplicate":true,"seq":3}')).toMatchObject({ type: frameTypes.accepted, seq: 3 })
    expect(scan('{"type":"own","x":{"seq":9},"seq":3}')).toMatchObject({ type: frameTypes.own, seq: -1 })
  })

  it('does not read past the frame', () => {
    const whole = JSON.stringify(entry)
    for (let length = 0; length < whole.length; length++) expect(() => scan(whole.slice(0, length))).not.toThrow()
  })
})
