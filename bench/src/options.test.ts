import { describe, expect, it } from 'vitest'
import { parseOptions } from './options.ts'

describe('parseOptions', () => {
  it('measures everything by default', () => {
    expect(parseOptions([])).toMatchObject({ only: ['a', 'b', 'c', 'd', 'e'], quick: false, profile: false, subject: 'source' })
  })

  it('measures the server unless told otherwise', () => {
    expect(parseOptions(['--quick']).suite).toBe('server')
    expect(parseOptions(['sdk', '--quick'])).toMatchObject({ suite: 'sdk', quick: true })
  })

  it('takes letters together, apart or with commas, and orders them', () => {
    expect(parseOptions(['--only', 'ca']).only).toEqual(['a', 'c'])
    expect(parseOptions(['--only', 'e', '--only', 'b,a']).only).toEqual(['a', 'b', 'e'])
  })

  it('refuses what it does not know', () => {
    expect(() => parseOptions(['--only', 'ax'])).toThrow("'x'")
    expect(() => parseOptions(['--fast'])).toThrow('--fast')
    expect(() => parseOptions(['client'])).toThrow("'client'")
    expect(() => parseOptions(['sdk', 'server'])).toThrow("'sdk server'")
  })
})
