import { describe, expect, it } from 'vitest'
import { frameBytes } from '../reference/server-frames.ts'
import { FrameReader } from './frame-reader.ts'

function read(chunks: readonly Buffer[]): [opcode: number, text: string][] {
  const reader = new FrameReader()
  const frames: [number, string][] = []
  for (const chunk of chunks) {
    const reused = Buffer.from(chunk)
    reader.push(reused, chunk.length, (opcode, bytes, start, end) => frames.push([opcode, bytes.toString('utf8', start, end)]))
    reused.fill(0x2a)
  }
  return frames
}

const texts = ['', 'a', 'x'.repeat(125), 'y'.repeat(126), 'ä€😀'.repeat(300), 'z'.repeat(65_535), 'w'.repeat(65_536)]

describe('FrameReader', () => {
  it('reads frames of every length form, many in one chunk', () => {
    expect(read([Buffer.concat(texts.map(frameBytes))])).toEqual(texts.map((text) => [1, text]))
  })

  it('reads frames however they are cut', () => {
    const short = ['{"type":"synced"}', 'x'.repeat(130), '', '€']
    const stream = Buffer.concat(short.map(frameBytes))
    for (let cut = 0; cut <= stream.length; cut++) {
      expect(read([stream.subarray(0, cut), stream.subarray(cut)])).toEqual(short.map((text) => [1, text]))
    }
    expect(read(Array.from(stream, (byte) => Buffer.from([byte])))).toEqual(short.map((text) => [1, text]))
  })

  it('reads a long frame byte by byte around its header', () => {
    const stream = frameBytes('w'.repeat(65_536))
    const head = Array.from(stream.subarray(0, 12), (byte) => Buffer.from([byte]))
    expect(read([...head, stream.subarray(12)])).toEqual([[1, 'w'.repeat(65_536)]])
  })

  it('tells control frames', () => {
    expect(read([Buffer.from([0x89, 2, 0x68, 0x69, 0x88, 2, 0x03, 0xe8])]).map(([opcode]) => opcode)).toEqual([9, 8])
  })

  it.each([
    ['fragmented', [0x01, 1, 0x61]],
    ['compressed', [0xc1, 1, 0x61]],
    ['masked', [0x81, 0x81, 0, 0, 0, 0, 0x61]],
    ['endless', [0x81, 127, 0, 0, 0, 1, 0, 0, 0, 0]],
  ])('refuses %s frames', (_, bytes) => {
    expect(() => read([Buffer.from(bytes)])).toThrow('from the server')
  })
})
