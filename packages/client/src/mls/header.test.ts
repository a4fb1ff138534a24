import { describe, expect, test } from 'vitest'
import { readHeader } from './header.ts'
import { groupOf, Member, testEngine } from './members.suite.ts'

const engine = await testEngine('headers')
const [alice, bob] = (await groupOf(2, engine, 'Zm9vYmFyYmF6cXV4')) as [Member, Member]
const carol = await Member.create('carol', engine)
const added = await alice.prepare({ add: [(await carol.keyPackage()).keyPackage], aad: new Uint8Array(300) })

const header = (...bytes: number[]) => Uint8Array.from(bytes)

describe('reads', () => {
  test('an application message', async () => {
    expect(readHeader(await bob.send('hello'))).toEqual({
      wireFormat: 'private',
      groupId: 'Zm9vYmFyYmF6cXV4',
      epoch: 1,
      contentType: 'application',
    })
  })

  test('a commit with long authenticated data', () => {
    expect(readHeader(added.commit)).toEqual({
      wireFormat: 'public',
      groupId: 'Zm9vYmFyYmF6cXV4',
      epoch: 1,
      contentType: 'commit',
    })
  })

  test('a GroupInfo: the epoch is the one after the commit', () => {
    expect(readHeader(added.groupInfo)).toEqual({
      wireFormat: 'groupInfo',
      groupId: 'Zm9vYmFyYmF6cXV4',
      epoch: 2,
      contentType: undefined,
    })
  })

  test('a Welcome and a key package', async () => {
    const nothing = { groupId: undefined, epoch: undefined, contentType: undefined }
    expect(readHeader(added.welcome ?? header())).toEqual({ wireFormat: 'welcome', ...nothing })
    expect(readHeader((await carol.keyPackage()).keyPackage)).toEqual({ wireFormat: 'keyPackage', ...nothing })
  })

  test('an external sender of a public message', () => {
    const bytes = header(0, 1, 0, 1, 1, 0x67, 0, 0, 0, 0, 0, 0, 0, 5, 2, 0, 0, 0, 9, 0, 2)
    expect(readHeader(bytes)).toEqual({ wireFormat: 'public', groupId: 'g', epoch: 5, contentType: 'proposal' })
  })
})

describe('refuses', () => {
  const privateMessage = [0, 1, 0, 2, 1, 0x67, 0, 0, 0, 0, 0, 0, 0, 5]
  test.each([
    ['nothing', [], 'malformed'],
    ['another version', [0, 2, 0, 2], 'unsupported'],
    ['an unknown wire format', [0, 1, 0, 6], 'malformed'],
    ['an unknown content type', [...privateMessage, 4], 'malformed'],
    ['a header that ends early', privateMessage, 'malformed'],
    ['a group id that is no text', [0, 1, 0, 2, 1, 0xff, 0, 0, 0, 0, 0, 0, 0, 5, 1], 'malformed'],
    ['no group id', [0, 1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 5, 1], 'malformed'],
    ['a length that is longer than needed', [0, 1, 0, 2, 0x40, 1, 0x67, 0, 0, 0, 0, 0, 0, 0, 5, 1], 'malformed'],
    ['a length of eight bytes', [0, 1, 0, 2, 0xc0, 0, 0, 0, 0, 0, 0, 1, 0x67], 'malformed'],
    ['an epoch that no number holds', [0, 1, 0, 2, 1, 0x67, 0, 0x20, 0, 0, 0, 0, 0, 0, 1], 'malformed'],
    ['an unknown sender', [0, 1, 0, 1, 1, 0x67, 0, 0, 0, 0, 0, 0, 0, 5, 7, 0, 3], 'malformed'],
  ])('%s', (_, bytes, reason) => {
    expect(() => readHeader(Uint8Array.from(bytes))).toThrow(expect.objectContaining({ name: 'MlsFailure', reason }))
  })
})
