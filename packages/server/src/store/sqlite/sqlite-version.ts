/** Older ones can corrupt a database when connections write and checkpoint at the same time (the WAL-reset bug). */
export const sqliteVersionMin = '3.51.3'

/** Whether a version of SQLite, `3.x.y`, is safe to use with several connections. */
export function sqliteIsAccepted(version: string): boolean {
  const found = version.split('.').map(Number)
  const least = sqliteVersionMin.split('.').map(Number)
  for (const [index, part] of least.entries()) {
    const have = found[index] ?? 0
    if (Number.isNaN(have)) return false
    if (have !== part) return have > part
  }
  return true
}
