import { describe, expect, it } from 'vitest'
import { encodeCbor } from './cbor.ts'
import { ContentFailure } from './failure.ts'
import { decodeSignal, encodeSignal, signalBytes } from './signal-content.ts'

const padded = (body: Uint8Array, length = signalBytes) => {
  const bytes = new Uint8Array(length)
  bytes[0] = body.length
  bytes.set(body, 1)
  return bytes
}

describe('signals', () => {
  it('round trip, all of one length', () => {
    for (const typing of [true, false]) {
      const bytes = encodeSignal({ kind: 'typing', typing })
      expect(bytes).toHaveLength(64)
      expect(decodeSignal(bytes)).toEqual({ kind: 'typing', typing })
    }
  })

  it('have these bytes', () => {
    expect(Buffer.from(encodeSignal({ kind: 'typing', typing: true })).toString('hex')).toBe(`03820101${'00'.repeat(60)}`)
    expect(Buffer.from(encodeSignal({ kind: 'typing', typing: false })).toString('hex')).toBe(`03820100${'00'.repeat(60)}`)
  })

  it('of newer kinds, and longer ones, are passed over', () => {
    expect(decodeSignal(padded(encodeCbor([2, { where: 'here' }]), 128))).toEqual({ kind: 'unknown' })
    expect(decodeSignal(padded(encodeCbor([1, 1, 'more'])))).toEqual({ kind: 'typing', typing: true })
  })

  it.each<[string, Uint8Array]>([
    ['nothing', new Uint8Array(0)],
    ['an empty body', new Uint8Array(64)],
    ['a length beyond the end', new Uint8Array([9, 1])],
    ['no zeros after the body', padded(encodeCbor([1, 1])).fill(1, 63)],
    ['too many bytes', padded(encodeCbor([1, 1]), 1_025)],
    ['no array', padded(encodeCbor({}))],
    ['an empty array', padded(encodeCbor([]))],
    ['a state that is none', padded(encodeCbor([1, 2]))],
    ['arrays nested too deep', padded(new Uint8Array(60).fill(0x81, 0, 59))],
  ])('refuses %s', (_, bytes) => {
    expect(() => decodeSignal(bytes)).toThrow(ContentFailure)
  })
})
