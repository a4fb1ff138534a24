import type { Change, Item, OpenStorage, Range } from './storage.ts'
import { same, utf8, words } from './storage-check.suite.ts'
import type { StorageCase } from './storage-under-test.suite.ts'
import { withOpen } from './storage-under-test.suite.ts'

/** Texts whose order differs by UTF-8, by code point and by UTF-16 code unit, and others that are easily lost. */
const awkwardKeys = [
  '',
  '\0',
  'A',
  'B',
  'a',
  'a\0',
  'a\0b',
  'a/1',
  'a/10',
  'a/2',
  'ab',
  'b',
  'z',
  'é',
  'ß',
  'Ω',
  '日本',
  '\ud800',
  '😀',
  '😀/1',
  '😁',
  '\udfff',
  '\ue000',
  '\ufb01',
  '\ufffd',
  '\uffff',
  '\uffff\uffff',
  '\uffffz',
]

const put = (key: string, text: string): Change => ({ collection: 'messages', key, value: utf8(text) })
const drop = (key: string): Change => ({ collection: 'messages', key, value: undefined })
const keysOf = (items: readonly Item[]) => items.map(({ key }) => key)

/** What a range must give, said as plainly as can be. */
function modelRange(keys: readonly string[], { prefix = '', after, before, limit, reverse = false }: Range): string[] {
  const within = keys
    .filter((key) => key.startsWith(prefix) && (after === undefined || key > after) && (before === undefined || key < before))
    .sort((one, other) => (one < other ? -1 : 1))
  return (reverse ? within.reverse() : within).slice(0, limit ?? within.length)
}

function* everyRange(keys: readonly string[]): Generator<Range> {
  const edges = [undefined, ...keys, 'a/', '\u{1f600}x']
  for (const reverse of [false, true])
    for (const limit of [undefined, 0, 1, 3]) {
      for (const after of edges) for (const before of edges) yield made({ after, before, limit, reverse })
      for (const prefix of edges)
        for (const edge of [undefined, 'a/1', '😀']) {
          yield made({ prefix, after: edge, limit, reverse })
          yield made({ prefix, before: edge, limit, reverse })
        }
    }
}

const made = (parts: { [Name in keyof Range]: Range[Name] | undefined }): Range =>
  Object.fromEntries(Object.entries(parts).filter(([, value]) => value !== undefined))

async function text(open: OpenStorage, key: string): Promise<string | undefined> {
  return words(await open.get('messages', key))
}

export const valueCases: readonly StorageCase[] = [
  {
    name: 'is empty at first',
    run: (under) =>
      withOpen(under, async (open) => {
        same(await open.get('device', 'a'), undefined)
        same(await open.range('messages'), [])
      }),
  },
  {
    name: 'keeps what was written, also after it was opened again',
    async run(under) {
      await withOpen(under, (open) => open.write([put('a', 'one'), put('b', ''), { ...put('a', 'two'), collection: 'inbox' }]))
      await withOpen(under, async (open) => {
        same([await text(open, 'a'), await text(open, 'b'), await text(open, 'c')], ['one', '', undefined])
        same(words(await open.get('inbox', 'a')), 'two', 'the same key in another collection')
        same(await open.range('messages'), [
          { key: 'a', value: utf8('one') },
          { key: 'b', value: utf8('') },
        ])
      })
    },
  },
  {
    name: 'keeps the bytes as they were when they were written, and gives them away as copies',
    run: (under) =>
      withOpen(under, async (open) => {
        const value = utf8('before')
        const writing = open.write([{ collection: 'mls', key: 'a', value }])
        value.fill(0)
        await writing
        const first = await open.get('mls', 'a')
        same(words(first), 'before')
        first?.fill(0)
        const [item] = await open.range('mls')
        same(words(item?.value), 'before')
        item?.value.fill(0)
        same(words(await open.get('mls', 'a')), 'before')
      }),
  },
  {
    name: 'lets the later change of a key in one write win',
    run: (under) =>
      withOpen(under, async (open) => {
        await open.write([put('a', '1'), put('a', '2'), put('b', '1'), drop('b'), drop('c'), put('c', '1')])
        same([await text(open, 'a'), await text(open, 'b'), await text(open, 'c')], ['2', undefined, '1'])
        await open.write([put('a', '3'), drop('a'), drop('never there')])
        same(keysOf(await open.range('messages')), ['c'])
      }),
  },
  {
    name: 'takes a write of nothing',
    run: (under) => withOpen(under, (open) => open.write([])),
  },
  {
    name: 'orders keys by UTF-16 code units',
    run: (under) =>
      withOpen(under, async (open) => {
        await open.write([...awkwardKeys].reverse().map((key) => put(key, `of ${key.length}`)))
        same(keysOf(await open.range('messages')), [...awkwardKeys].sort())
        for (const key of awkwardKeys) same(await text(open, key), `of ${key.length}`, JSON.stringify(key))
      }),
  },
  {
    name: 'answers every range as a sorted list would',
    run: (under) =>
      withOpen(under, async (open) => {
        await open.write(awkwardKeys.map((key) => put(key, key)))
        await open.write(['a', 'messages', 'z'].map((key) => ({ ...put(key, key), collection: 'messageIds' as const })))
        await open.write(['a', 'messages', 'z'].map((key) => ({ ...put(key, key), collection: 'mls' as const })))
        const ranges = [...everyRange(awkwardKeys)].filter((_, at) => at % 7 === 0)
        const answers = await Promise.all(ranges.map((range) => open.range('messages', range)))
        for (const [at, range] of ranges.entries())
          same(keysOf(answers[at] ?? []), modelRange(awkwardKeys, range), JSON.stringify(range))
      }),
  },
  {
    name: 'keeps values of 8 MiB',
    async run(under) {
      const value = new Uint8Array(8 * 1024 * 1024).map((_, at) => (at * 31 + (at >> 8)) & 0xff)
      await withOpen(under, (open) => open.write([{ collection: 'mls', key: 'tree', value }, put('beside', 'it')]))
      await withOpen(under, async (open) => {
        same(await open.get('mls', 'tree'), value)
        await open.write([{ collection: 'mls', key: 'tree', value: utf8('small') }])
        same(words(await open.get('mls', 'tree')), 'small')
      })
    },
  },
  {
    name: 'keeps 10,000 items and pages through them',
    async run(under) {
      const keys = Array.from({ length: 10_000 }, (_, at) => `chat/${String((at * 7919) % 10_000).padStart(6, '0')}`)
      await withOpen(under, (open) => open.write(keys.map((key) => put(key, key))))
      await withOpen(under, async (open) => {
        const sorted = [...keys].sort()
        same(keysOf(await open.range('messages', { prefix: 'chat/' })), sorted)
        const last = await open.range('messages', { prefix: 'chat/', reverse: true, limit: 50 })
        same(keysOf(last), sorted.slice(-50).reverse())
        const before = await open.range('messages', { prefix: 'chat/', before: 'chat/000100', reverse: true, limit: 50 })
        same(keysOf(before), sorted.slice(50, 100).reverse())
        const some = await Promise.all(sorted.slice(0, 200).map((key) => text(open, key)))
        same(some, sorted.slice(0, 200))
      })
    },
  },
  {
    name: 'keeps writes in the order in which they were asked for',
    async run(under) {
      await withOpen(under, async (open) => {
        const writes = Array.from({ length: 60 }, (_, at) => open.write([put('last', String(at)), put(`n${at}`, '')]))
        await Promise.all(writes)
        same(await text(open, 'last'), '59')
      })
      await withOpen(under, async (open) => same((await open.range('messages', { prefix: 'n' })).length, 60))
    },
  },
  {
    name: 'shows readers the state before or after a write, never between',
    run: (under) =>
      withOpen(under, async (open) => {
        await open.write([put('one', '0'), put('two', '0')])
        let seen = 0
        for (let at = 1; at <= 30; at++) {
          const writing = open.write([put('one', String(at)), put('two', String(at))])
          const [during, later] = await Promise.all([open.range('messages'), writing.then(() => open.range('messages'))])
          for (const items of [during, later]) {
            const [one, two] = items.map(({ value }) => Number(words(value)))
            same(one, two, 'two values of one write')
            if (one === undefined || one < seen || one > at) throw new Error(`saw ${one} after ${seen} while writing ${at}`)
            seen = one
          }
          same(seen, at, 'what was written')
        }
      }),
  },
]
