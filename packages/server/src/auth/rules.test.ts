import { describe, expect, it } from 'vitest'
import { bearerToken, type DevTokenRequest, isLoopback, mayMintDevToken } from './rules.ts'

describe('the loopback rule', () => {
  it.each(['127.0.0.1', '127.255.255.254', '::1', '0:0:0:0:0:0:0:1', '::ffff:127.0.0.1', '::ffff:127.8.9.10', '::ffff:7f00:1'])(
    'takes %s for this machine',
    (address) => expect(isLoopback(address)).toBe(true),
  )

  it.each([
    undefined,
    '',
    '10.0.0.1',
    '128.0.0.1',
    '0.0.0.0',
    '::',
    '::2',
    '::ffff:10.0.0.1',
    '::127.0.0.1',
    'localhost',
    '127.1',
    '127.0.0.1:80',
  ])('does not take %s for this machine', (address) => expect(isLoopback(address)).toBe(false))
})

describe('development tokens', () => {
  const request: DevTokenRequest = { devTokens: 'loopback', peer: '::1', proxied: false, host: 'localhost:8080' }
  const disabled = expect.objectContaining({ code: 'dev_tokens_disabled' })

  it.each<Partial<DevTokenRequest>>([
    {},
    { peer: '::ffff:127.0.0.1', host: '127.0.0.1:8080' },
    { host: '[::1]:8080' },
    { host: '[::1]' },
    { host: 'app.localhost' },
    { host: undefined },
    { devTokens: 'anyone', peer: '203.0.113.9', proxied: true, host: 'chat.example.org' },
    { devTokens: 'anyone', peer: undefined },
  ])('are for %o', (change) => {
    expect(mayMintDevToken({ ...request, ...change })).toBeUndefined()
  })

  it.each<Partial<DevTokenRequest>>([
    { devTokens: 'off' },
    { peer: '203.0.113.9' },
    { peer: '10.0.0.1' },
    { peer: undefined },
    { proxied: true },
    { host: 'rebound.example.org:8080' },
    { host: 'localhost.example.org' },
    { host: '127.0.0.1.example.org' },
    { host: '203.0.113.9' },
    { host: '' },
  ])('are not for %o', (change) => {
    expect(() => mayMintDevToken({ ...request, ...change })).toThrow(disabled)
  })
})

describe('the Authorization header', () => {
  it.each([
    ['Bearer a.b-c_d', 'a.b-c_d'],
    ['bearer abc', 'abc'],
    ['BEARER   abc==', 'abc=='],
  ])('%s holds a token', (header, token) => expect(bearerToken(header)).toBe(token))

  it('may be missing', () => expect(bearerToken(undefined)).toBeUndefined())

  it.each(['', 'Bearer', 'Bearer ', 'Basic YTpi', 'abc', 'Bearer a b', 'Bearer a,b', 'Bearer "a"', ' Bearer a', 'Bearer a\n'])(
    '%j holds none',
    (header) => expect(() => bearerToken(header)).toThrow(expect.objectContaining({ code: 'unauthenticated' })),
  )
})
