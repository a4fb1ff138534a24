import { compareKeys, keyHead, recordBytes } from './record.ts'

/**
 * The byte offsets of packed records, ascending by key; of records with the same key only the first.
 *
 * Numbers are sorted instead of keys: each holds as many leading bits of a key as fit beside the record's position. The
 * few that share those bits are put right afterwards.
 */
export function keyOrder(packed: Uint8Array): Uint32Array {
  const count = packed.length / recordBytes
  const positions = 2 ** Math.ceil(Math.log2(Math.max(count, 32)))
  const shared = (positions * 2 ** 48) / 2 ** 53
  const sortable = new Float64Array(count)
  for (let i = 0; i < count; i++) {
    sortable[i] = Math.floor(keyHead(packed, i * recordBytes) / shared) * positions + i
  }
  sortable.sort()

  const offsets = new Uint32Array(count)
  let kept = 0
  for (let i = 0; i < count; i++) {
    const head = Math.floor(sortable[i]! / positions)
    const offset = (sortable[i]! - head * positions) * recordBytes
    const tied = i > 0 && head === Math.floor(sortable[i - 1]! / positions)
    if (!tied) offsets[kept++] = offset
    else if (insert(packed, offsets, kept, offset)) kept++
  }
  return offsets.subarray(0, kept)
}

/** Inserts among the sorted offsets, from the back; `false` when its key is there already. */
function insert(packed: Uint8Array, offsets: Uint32Array, count: number, offset: number): boolean {
  let at = count
  while (at > 0) {
    const order = compareKeys(packed, offsets[at - 1]!, packed, offset)
    if (order === 0) return false
    if (order < 0) break
    at--
  }
  offsets.copyWithin(at + 1, at, count)
  offsets[at] = offset
  return true
}
