import { describe, expect, test } from 'vitest'
import { frameOf, Outbox } from './frame-writer.ts'
import { framesIn, opcodes } from './websocket-bytes.suite.ts'

/** The texts of chunks, which must hold whole, unmasked, unfragmented text frames and nothing else. */
function textsOf(chunks: readonly Buffer[]): string[] {
  const { frames, rest } = framesIn(Buffer.concat(chunks))
  expect(rest).toHaveLength(0)
  return frames.map(({ payload, ...header }) => {
    expect(header).toEqual({ isFinal: true, reserved: 0, opcode: opcodes.text, isMasked: false })
    return payload.toString()
  })
}

/** Lengths on either side of where the header grows. */
const boundaries = [0, 1, 124, 125, 126, 127, 65_534, 65_535, 65_536, 65_537]
const alphabets = [
  ['ASCII', 'a'],
  ['two bytes', 'é'],
  ['three bytes', '€'],
  ['four bytes', '😀'],
] as const

/** A text of so many bytes of UTF-8, the last characters ASCII where the alphabet does not divide it. */
function textOf(bytes: number, letter: string): string {
  const size = Buffer.byteLength(letter)
  return letter.repeat(Math.floor(bytes / size)) + 'z'.repeat(bytes % size)
}

/** The shortest form of the length, as the protocol demands. */
function headerBytes(length: number): number {
  return length < 126 ? 2 : length < 65_536 ? 4 : 10
}

describe.each(alphabets)('texts of %s', (_, letter) => {
  test.each(boundaries)('and %i bytes', (bytes) => {
    const text = textOf(bytes, letter)
    expect(Buffer.byteLength(text)).toBe(bytes)
    const outbox = new Outbox()
    outbox.text(text)
    const [chunk, ...others] = outbox.take()
    expect(others).toEqual([])
    expect(textsOf([chunk!])).toEqual([text])
    expect(chunk).toHaveLength(headerBytes(bytes) + bytes)
    expect(chunk!.equals(frameOf(Buffer.from(text)))).toBe(true)
  })

  test('of so many characters, each between two others', () => {
    for (const length of boundaries) {
      const text = letter.repeat(length)
      const outbox = new Outbox()
      for (const part of ['before', text, 'after']) outbox.text(part)
      expect(textsOf(outbox.take())).toEqual(['before', text, 'after'])
    }
  })
})

describe('an outbox', () => {
  test('writes texts, payloads and shared frames in the order they came', () => {
    const shared = frameOf(Buffer.from('shared €'))
    const outbox = new Outbox()
    const other = new Outbox()
    for (const box of [outbox, other]) box.frame(shared)
    outbox.text('text')
    outbox.payload(Buffer.from('payload'))
    outbox.frame(shared)
    outbox.text('é'.repeat(70))
    outbox.payload(Buffer.from('x'.repeat(70_000)))
    other.text('own')
    expect(textsOf(outbox.take())).toEqual(['shared €', 'text', 'payload', 'shared €', 'é'.repeat(70), 'x'.repeat(70_000)])
    expect(textsOf(other.take())).toEqual(['shared €', 'own'])
    expect(textsOf([shared])).toEqual(['shared €'])
  })

  test('does not copy a single shared frame', () => {
    const shared = frameOf(Buffer.from('shared'))
    const outbox = new Outbox()
    outbox.frame(shared)
    const [chunk, ...others] = outbox.take()
    expect(chunk).toBe(shared)
    expect(others).toEqual([])
  })

  test('does not copy what is large of a payload in pieces, wherever it stands', () => {
    const large = Buffer.alloc(70_000, 'x')
    const pieces = [Buffer.from('head '), large, Buffer.from(' tail')]
    const whole = Buffer.concat(pieces).toString()
    const outbox = new Outbox()
    outbox.pieces(pieces)
    const alone = outbox.take()
    expect(alone).toHaveLength(3)
    expect(alone[1]).toBe(large)
    expect(textsOf(alone)).toEqual([whole])
    outbox.text('before')
    outbox.pieces(pieces)
    outbox.pieces(pieces)
    outbox.pieces([Buffer.from('small '), Buffer.from('ones')])
    outbox.payload(Buffer.from('behind'))
    const chunks = outbox.take()
    expect(chunks.filter((chunk) => chunk === large)).toHaveLength(2)
    expect(textsOf(chunks)).toEqual(['before', whole, whole, 'small ones', 'behind'])
    outbox.pieces([large])
    expect(textsOf(outbox.take())).toEqual([large.toString()])
  })

  test('frames a single payload', () => {
    const outbox = new Outbox()
    outbox.payload(Buffer.from('x'.repeat(200)))
    expect(textsOf(outbox.take())).toEqual(['x'.repeat(200)])
  })

  test('is empty again once it was taken, and remembers nothing', () => {
    const outbox = new Outbox()
    expect(outbox.isEmpty).toBe(true)
    outbox.frame(frameOf(Buffer.from('1')))
    outbox.text('2')
    expect(outbox.isEmpty).toBe(false)
    outbox.take()
    expect(outbox.isEmpty).toBe(true)
    expect(outbox.bytes).toBe(0)
    outbox.payload(Buffer.from('3'))
    outbox.payload(Buffer.from('4'))
    expect(textsOf(outbox.take())).toEqual(['3', '4'])
  })

  test('never counts fewer bytes than it writes', () => {
    for (const [, letter] of alphabets) {
      const outbox = new Outbox()
      for (const length of boundaries) {
        outbox.text(letter.repeat(length))
        outbox.payload(Buffer.from(letter.repeat(length)))
        outbox.frame(frameOf(Buffer.from(letter.repeat(length))))
      }
      outbox.pieces([Buffer.from(letter), Buffer.alloc(70_000, 'x'), Buffer.from(letter)])
      const { bytes } = outbox
      const taken = Buffer.concat(outbox.take())
      expect(taken.length).toBeGreaterThan(70_000)
      expect(taken.length).toBeLessThanOrEqual(bytes)
    }
  })

  test('writes what cannot be UTF-8 as the replacement character', () => {
    const outbox = new Outbox()
    outbox.text(`a${'\ud800'}b`)
    outbox.text('next')
    expect(textsOf(outbox.take())).toEqual(['a\ufffdb', 'next'])
  })
})
