import { closeSync, openSync, readdirSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'

const magic = 'SQLite format 3\0'

/** What SQLite itself finds wrong with the databases of a stopped server. Throws when there is none. */
export function unsoundFiles(dataDir: string): string[] {
  const files = readdirSync(dataDir, { withFileTypes: true })
    .filter((each) => each.isFile())
    .map((each) => join(dataDir, each.name))
    .filter(isDatabase)
  if (files.length === 0) throw new Error(`no database in ${dataDir}`)
  return files.flatMap((file) => complaints(file).map((complaint) => `${file}: ${complaint}`))
}

function complaints(file: string): string[] {
  const database = new DatabaseSync(file, { readOnly: true })
  try {
    const found = database.prepare('PRAGMA integrity_check').all()
    return found.map((row) => String(row.integrity_check)).filter((line) => line !== 'ok')
  } catch (error) {
    return [String(error)]
  } finally {
    database.close()
  }
}

function isDatabase(file: string): boolean {
  const head = Buffer.alloc(magic.length)
  const opened = openSync(file, 'r')
  readSync(opened, head, 0, head.length, 0)
  closeSync(opened)
  return head.toString('latin1') === magic
}
