import { clientErrorTable, SottoClientError } from '@sotto/client'
import { errorTable } from '@sotto/protocol'
import { expect, test } from 'vitest'
import { Refusal } from '../refusal.ts'
import { clientErrorInWords, failureInWords } from './client-error.ts'

const place = { userId: 'alice', url: 'http://127.0.0.1:8080', directory: '/home/me/sotto/alice' }
const codes = [...Object.keys(clientErrorTable), ...Object.keys(errorTable)] as SottoClientError['code'][]

test.each(codes)('%s: one line that says what to do, in words of the command line', (code) => {
  const words = clientErrorInWords(new SottoClientError(code, 'Something is wrong.\nTwo lines.'), place)
  expect(words).not.toMatch(/\n|`accept\(\)`|Sotto\.open|undefined/)
  expect(words).toMatch(/: \S/)
  expect(words).not.toMatch(/\.$/)
})

test('a refusal of our own that the SDK has passed on comes first', () => {
  const error = new SottoClientError('offline', 'there is no token to ask with', { cause: new Refusal('no login today') })
  expect(clientErrorInWords(error, place)).toMatch(/^no login today: /)
})

test('why a message was not sent', () => {
  expect(failureInWords('content_too_large')).toMatch(/^the encrypted message would exceed/)
  expect(failureInWords('something_new')).toBe('something_new')
  expect(failureInWords(undefined)).toBe('unknown')
})
