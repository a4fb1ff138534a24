import type { Collection } from './storage.ts'
import { refused, same, utf8, words } from './storage-check.suite.ts'
import type { RawValues, StorageCase, StorageUnderTest } from './storage-under-test.suite.ts'
import { withOpen } from './storage-under-test.suite.ts'

const secret = 'the quick brown fox keeps a secret'

function rawOf({ raw }: StorageUnderTest): RawValues {
  if (raw === undefined) throw new Error('this storage seals nothing')
  return raw
}

const put = (collection: Collection, key: string, text: string) => ({ collection, key, value: utf8(text) })

/** Both ways to a value refuse it. */
async function unreadable(under: StorageUnderTest, collection: Collection, key: string, what: string): Promise<void> {
  await withOpen(under, async (open) => {
    await refused('storage_unreadable', open.get(collection, key), `get, ${what}`)
    await refused('storage_unreadable', open.range(collection, { prefix: key }), `range, ${what}`)
  })
}

export const sealCases: readonly StorageCase[] = [
  {
    name: 'seals values, the same one differently each time',
    sealed: true,
    async run(under) {
      await withOpen(under, (open) => open.write([put('mls', 'a', secret), put('mls', 'b', secret)]))
      const [a, b] = [await rawOf(under).read('mls', 'a'), await rawOf(under).read('mls', 'b')]
      same([a.length, b.length], [secret.length + 28, secret.length + 28], 'nonce, text and tag')
      for (const sealed of [a, b]) if (words(sealed)?.includes('fox')) throw new Error('the text is there to read')
      if (words(a.subarray(12, -16)) === words(b.subarray(12, -16))) throw new Error('two seals of one text are the same')
    },
  },
  {
    name: 'refuses a value of which any byte was changed',
    sealed: true,
    async run(under) {
      await withOpen(under, (open) => open.write([put('mls', 'a', secret)]))
      const sealed = await rawOf(under).read('mls', 'a')
      for (let at = 0; at < sealed.length; at++) {
        await rawOf(under).replace('mls', 'a', sealed.with(at, (sealed[at] as number) ^ (1 << (at % 8))))
        await unreadable(under, 'mls', 'a', `byte ${at} changed`)
      }
      await rawOf(under).replace('mls', 'a', sealed)
      await withOpen(under, async (open) => same(words(await open.get('mls', 'a')), secret))
    },
  },
  {
    name: 'refuses a value that was cut or made longer',
    sealed: true,
    async run(under) {
      await withOpen(under, (open) => open.write([put('mls', 'a', secret)]))
      const sealed = await rawOf(under).read('mls', 'a')
      for (const length of [0, 1, 12, 27, 28, sealed.length - 1, sealed.length + 1]) {
        const other = new Uint8Array(length)
        other.set(sealed.subarray(0, length))
        await rawOf(under).replace('mls', 'a', other)
        await unreadable(under, 'mls', 'a', `${length} bytes`)
      }
    },
  },
  {
    name: 'refuses a value in the place of another',
    sealed: true,
    async run(under) {
      const places: readonly (readonly [Collection, string])[] = [
        ['messages', 'a'],
        ['messages', 'b'],
        ['messages', '\ud800'],
        ['messages', '\ufffd'],
        ['inbox', 'a'],
        ['messageIds', 'a'],
      ]
      await withOpen(under, (open) => open.write(places.map(([collection, key]) => put(collection, key, secret))))
      const sealed = await Promise.all(places.map(([collection, key]) => rawOf(under).read(collection, key)))
      for (const [at, [collection, key]] of places.entries())
        await rawOf(under).replace(collection, key, sealed[(at + 1) % places.length] as Uint8Array)
      for (const [collection, key] of places) await unreadable(under, collection, key, 'swapped')
    },
  },
]
