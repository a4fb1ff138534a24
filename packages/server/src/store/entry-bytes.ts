import type { Entry } from './store.ts'

/** How long the frame of an entry is; it is not put together for that. */
export function entryBytes(entry: Entry): number {
  if (entry.pieces === undefined) return entry.json.length
  let bytes = 0
  for (const piece of entry.pieces) bytes += piece.length
  return bytes
}
