import type { Change, Collection, Item, OpenStorage } from './storage.ts'

const valuesMax = 512
const newestMax = 64
/** Larger values are read again. */
const valueBytesMax = 4_096

/** What is asked for again soon after it was written: a message is taken by the server, arrives, is read, is answered. */
const followed: readonly Collection[] = ['messages', 'messageIds']

/** Asked about with every message, and nearly always empty: what was done to a message that has not come yet. */
const sparse = { collection: 'later', prefix: 'action/' } as const

/**
 * The same storage, with what was written last to these collections at hand, the last of all items with the same words
 * before their last `/`, and whether there is anything in `sparse`. Nobody else writes there, so what it remembers is what lies on disk: a value counts once its write
 * has succeeded.
 */
export function withRecentValues(storage: OpenStorage): OpenStorage {
  const values = new Map<string, Uint8Array>()
  const newest = new Map<string, Item>()
  /** Rises with every write that begins or ends. */
  let age = 0
  /** Undefined: to be found out. */
  let isEmpty: boolean | undefined

  async function findEmpty(): Promise<boolean> {
    const ageBefore = age
    const found = await storage.range(sparse.collection, { prefix: sparse.prefix, limit: 1 })
    if (age !== ageBefore) return false
    isEmpty = found.length === 0
    return isEmpty
  }

  function forget({ collection, key }: Change): void {
    if (isSparse(collection, key)) isEmpty = undefined
    values.delete(nameOf(collection, key))
    if (newest.get(groupOf(collection, key))?.key === key) newest.delete(groupOf(collection, key))
  }

  function remember({ collection, key, value }: Change): void {
    if (isSparse(collection, key)) return
    if (value === undefined) return forget({ collection, key, value })
    const isSmall = value.length <= valueBytesMax
    if (isSmall) keep(values, valuesMax, nameOf(collection, key), value)
    const group = groupOf(collection, key)
    const last = newest.get(group)
    if (last === undefined || key < last.key) return
    newest.delete(group)
    if (isSmall) newest.set(group, { key, value })
  }

  return {
    async get(collection, key) {
      const known = values.get(nameOf(collection, key))
      return known === undefined ? await storage.get(collection, key) : known.slice()
    },
    async range(collection, range) {
      const { prefix = '', after, before, limit, reverse } = range ?? {}
      if (isSparse(collection, prefix) && (isEmpty ?? (await findEmpty()))) return []
      const forNewest = reverse === true && limit === 1 && after === undefined && before === undefined && prefix.endsWith('/')
      if (!forNewest || !followed.includes(collection)) return await storage.range(collection, range)
      const group = `${collection} ${prefix}`
      const known = newest.get(group)
      if (known !== undefined) return [{ key: known.key, value: known.value.slice() }]
      const ageBefore = age
      const found = await storage.range(collection, range)
      const [last] = found
      const isNewest = last !== undefined && groupOf(collection, last.key) === group && age === ageBefore
      if (isNewest && last.value.length <= valueBytesMax)
        keep(newest, newestMax, group, { key: last.key, value: last.value.slice() })
      return found
    },
    async write(changes) {
      const written = changes
        .filter(({ collection, key }) => followed.includes(collection) || isSparse(collection, key))
        .map((change) => ({ ...change, value: change.value?.slice() }))
      age += 1
      written.forEach(forget)
      await storage.write(changes).finally(() => {
        age += 1
        written.forEach(forget)
      })
      written.forEach(remember)
    },
    async close() {
      age += 1
      values.clear()
      newest.clear()
      isEmpty = undefined
      await storage.close()
    },
  }
}

const isSparse = (collection: Collection, key: string) => collection === sparse.collection && key.startsWith(sparse.prefix)
const nameOf = (collection: Collection, key: string) => `${collection} ${key}`
const groupOf = (collection: Collection, key: string) => `${collection} ${key.slice(0, key.lastIndexOf('/') + 1)}`

/** The one that was put first goes first. */
function keep<value>(map: Map<string, value>, most: number, key: string, value: value): void {
  map.delete(key)
  map.set(key, value)
  if (map.size > most) map.delete(map.keys().next().value!)
}
