import { expect, test } from 'vitest'
import { bundle } from '../../../scripts/browser/bundle.ts'
import { goals } from '../settings.ts'
import { chatPage, gzipBytesOf, total } from './measurements/bundle.ts'

const { first, later } = await bundle(chatPage)
const codeOf = (chunks: typeof first) => chunks.map(({ code }) => code).join('\n')

test('what a page loads to open a client and chat is as small as promised', () => {
  expect(total(first, gzipBytesOf)).toBeLessThanOrEqual(goals.sdkBundleBytes)
})

test.each([
  ['messages', 'the sender has no name', true],
  ['storage', 'indexedDB', true],
  ['commits of others', 'a leaf changes its credential or key', false],
  ['key packages', 'its user does not list this device', false],
  ['departures', 'nothing is sent before', false],
  ['commits of its own', 'the commit continues another state of the group', false],
  ['polls', 'poke:', false],
  ['Welcomes', 'the Welcome is no base64', false],
  ['linking', 'no other device has confirmed the code in time', false],
  ['safety numbers', 'this is no safety number', false],
  ['HPKE', 'Not initialized. Call init()', false],
])('of %s the page loads what it should', (_name, words, isFirst) => {
  expect(codeOf(first).includes(words)).toBe(isFirst)
  expect(codeOf(later).includes(words)).toBe(!isFirst)
})

test('a late file needs no other late file: browsers may remember for good that one did not come', () => {
  for (const { code } of later)
    for (const { fileName } of later) expect(code).not.toMatch(new RegExp(`from\\s*["'\`]\\./${fileName.split('/').at(-1)}`))
})

test('no schemas and no manual are in it', () => {
  expect(codeOf([...first, ...later])).not.toMatch(/ZodError|invalid_union|Get a new token from the login/)
})
