import { describe, expect, it } from 'vitest'
import { Completions } from './completions.ts'

describe('Completions', () => {
  it('settles in order, whatever order the reports come in', () => {
    const completions = new Completions(4, 1)
    const settled = [2, 1, 0, 4, 3, 5].map((counter) => [completions.report(counter), completions.settled])
    expect(settled).toEqual([
      [true, 0],
      [true, 0],
      [true, 3],
      [true, 3],
      [true, 5],
      [true, 6],
    ])
  })

  it('waits for every part', () => {
    const completions = new Completions(2, 3)
    expect([0, 1, 0, 0, 1, 1, 2].map((counter) => completions.report(counter))).toEqual([
      false,
      false,
      false,
      true,
      false,
      true,
      false,
    ])
    expect(completions.settled).toBe(2)
  })

  it('refuses what nobody waits for', () => {
    const completions = new Completions(2, 1)
    completions.report(1)
    for (const counter of [1, 2, 99]) expect(() => completions.report(counter)).toThrow(`message ${counter}`)
    completions.report(0)
    expect(() => completions.report(0)).toThrow('message 0')
    expect(completions.settled).toBe(2)
  })
})
