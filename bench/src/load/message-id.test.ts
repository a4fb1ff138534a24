import { describe, expect, it } from 'vitest'
import { counterOfId, idLength, idTemplate, stampId, streamOfId } from './message-id.ts'

function id(salt: string, stream: number, counter: number): string {
  const bytes = Buffer.from(`..${idTemplate(salt, stream)}..`)
  stampId(bytes, 2, counter, stream)
  expect(counterOfId(bytes, 2)).toBe(counter)
  expect(streamOfId(bytes, 2)).toBe(stream)
  expect(bytes.toString('latin1', 0, 2) + bytes.toString('latin1', 2 + idLength)).toBe('....')
  return bytes.toString('latin1', 2, 2 + idLength)
}

describe('message ids', () => {
  it('look like UUIDs and carry stream and counter', () => {
    for (const [stream, counter] of [
      [0, 0],
      [199, 1],
      [65_535, 0xffff_ffff],
    ] as const) {
      expect(id('0123456789', stream, counter)).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/)
    }
  })

  it('never repeat within a run or between runs', () => {
    const ids = ['0000000000', '0000000001'].flatMap((salt) =>
      [0, 1, 2].flatMap((stream) => Array.from({ length: 500 }, (_, counter) => id(salt, stream, counter))),
    )
    expect(new Set(ids).size).toBe(3_000)
  })

  it('do not begin in the order in which they are sent', () => {
    const heads = Array.from({ length: 500 }, (_, counter) => id('0123456789', 7, counter).slice(0, 8))
    expect(new Set(heads).size).toBe(500)
    const rises = heads.filter((head, index) => index > 0 && head > heads[index - 1]!).length
    expect(rises).toBeGreaterThan(150)
    expect(rises).toBeLessThan(350)
  })
})
