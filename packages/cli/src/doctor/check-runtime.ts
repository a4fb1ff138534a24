import { inspectSqlite } from '@sotto/server'
import { nodeRefusal } from '../node-version.ts'
import type { Finding } from './finding.ts'

/** Node.js, and the SQLite that it brings. */
export function checkRuntime(): Finding[] {
  const { version, isAccepted, versionMin } = inspectSqlite()
  return [nodeFinding(process.versions.node), sqliteFinding(version, isAccepted, versionMin)]
}

export function nodeFinding(version: string): Finding {
  const refusal = nodeRefusal(version)
  if (refusal === undefined) return { check: 'node', level: 'ok', message: `Node.js ${version}` }
  return { check: 'node', level: 'problem', message: refusal }
}

export function sqliteFinding(version: string, isAccepted: boolean, versionMin: string): Finding {
  if (isAccepted) return { check: 'sqlite', level: 'ok', message: `SQLite ${version}` }
  return {
    check: 'sqlite',
    level: 'problem',
    message: `SQLite ${version} can corrupt a database while it is checkpointed, and the server refuses it`,
    action: `use a newer Node.js of the same line: it must bring SQLite ${versionMin} or newer`,
  }
}
