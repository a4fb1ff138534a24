import { expect, test } from 'vitest'
import { corsHeaders } from './cors.ts'

const listed = ['https://app.example.org', 'http://localhost:5173']

test('a listed origin may read, and no other; credentials are never allowed', () => {
  expect(corsHeaders(listed, 'https://app.example.org')).toEqual({
    vary: 'Origin',
    'access-control-allow-origin': 'https://app.example.org',
    'access-control-expose-headers': 'Retry-After, Allow',
  })
})

test.each([
  ['another', 'https://evil.example'],
  ['a longer one', 'https://app.example.org.evil.example'],
  ['another scheme', 'http://app.example.org'],
  ['another port', 'https://app.example.org:8443'],
  ['null', 'null'],
  ['upper case', 'HTTPS://APP.EXAMPLE.ORG'],
  ['none', undefined],
])('%s gets nothing but the word that answers differ', (_, origin) => {
  expect(corsHeaders(listed, origin)).toEqual({ vary: 'Origin' })
})

test('without a list nothing is said', () => {
  expect(corsHeaders([], 'https://app.example.org')).toEqual({})
})
