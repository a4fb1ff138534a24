import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { storeSuite } from '../store.suite.ts'
import { openSqliteStore } from './store.ts'

storeSuite('sqlite', async (options) => {
  const directory = mkdtempSync(join(tmpdir(), 'sotto-store-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  const path = join(directory, 'sotto.db')
  let store = await openSqliteStore({ path, ...options })
  return {
    store,
    async reopen() {
      await store.close()
      store = await openSqliteStore({ path, ...options })
      return store
    },
  }
})
