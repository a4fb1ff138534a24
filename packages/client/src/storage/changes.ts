import type { Change } from './storage.ts'

/** The last change of each key, in the order of the list. Collections have no NUL in their names, so that names are unambiguous. */
export function lastOfEach(changes: readonly Change[]): readonly Change[] {
  if (changes.length < 2) return changes
  const last = new Map<string, Change>()
  for (const change of changes) last.set(nameOf(change.collection, change.key), change)
  return last.size === changes.length ? changes : [...last.values()]
}

/** What a value is bound to by its seal: its collection and key in one text. */
export function nameOf(collection: string, key: string): string {
  return `${collection}\0${key}`
}
