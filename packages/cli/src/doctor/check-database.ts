import path from 'node:path'
import {
  type DatabaseFacts,
  type DatabaseInspection,
  databaseFile,
  type Holder,
  inspectDatabase,
  StoreRefusal,
  whoHolds,
} from '@sotto/server'
import { bytesInWords } from './bytes.ts'
import type { Finding } from './finding.ts'

export interface DatabaseCheck {
  readonly findings: Finding[]
  /** Whether a server has the database open; undefined when that cannot be told. */
  readonly isHeld: boolean | undefined
  readonly newestReceivedAt: number | undefined
}

/** A log that nobody keeps from starting anew stays below a quarter of this. */
const logBytesHigh = 512 * 1024 ** 2
const journalBytesHigh = 256 * 1024 ** 2
/** SQLite's `synchronous=FULL`. */
const full = 2

/** Looks at the database and changes nothing. `integrity`: whether to read all of it. */
export function checkDatabase(dataDir: string, integrity: boolean): DatabaseCheck {
  const file = path.join(dataDir, databaseFile)
  try {
    const holder = whoHolds(file)
    const inspection = inspectDatabase(file, { integrity })
    const found = inspectionFindings(file, inspection)
    // What may not be looked into says nothing of who has it open.
    if (inspection.state === 'unreadable' && holder === undefined) return { ...undetermined, findings: found }
    const findings = inspection.state === 'absent' ? found : [holderFinding(holder), ...found]
    const newestReceivedAt = inspection.state === 'readable' ? inspection.newestReceivedAt : undefined
    return { findings, isHeld: holder !== undefined, newestReceivedAt }
  } catch (error) {
    if (!(error instanceof StoreRefusal)) throw error
    return { ...undetermined, findings: [{ check: 'lock', level: 'problem', message: error.message }] }
  }
}

const undetermined = { isHeld: undefined, newestReceivedAt: undefined }

export function holderFinding(holder: Holder | 'unknown' | undefined): Finding {
  const check = 'lock'
  if (holder === undefined) return { check, level: 'ok', message: 'no server has the database open' }
  if (holder === 'unknown') return { check, level: 'ok', message: 'a server is just opening the database' }
  const since = new Date(holder.since).toISOString()
  return { check, level: 'ok', message: `process ${holder.pid} has the database open since ${since}: it is only read here` }
}

export function inspectionFindings(file: string, inspection: DatabaseInspection): Finding[] {
  const check = 'database'
  switch (inspection.state) {
    case 'absent':
      return [{ check, level: 'note', message: `${file} does not exist yet: the server makes it on its first start` }]
    case 'empty':
      return [{ check, level: 'note', message: `${file} is empty: the server makes its tables on its next start` }]
    case 'foreign': {
      const action = 'move it away, or name another data directory: DATA_DIR or --data'
      return [{ check, level: 'problem', message: `${file} is not Sotto's: ${inspection.why}`, action }]
    }
    case 'unreadable': {
      const isCorrupt = inspection.why.startsWith('corrupt')
      const action = isCorrupt ? restore : 'run the doctor as the user that runs the server; check who owns the files'
      return [{ check, level: 'problem', message: `${file} cannot be read: ${inspection.why}`, action }]
    }
    case 'readable':
      return [
        sizeFinding(file, inspection),
        schemaFinding(inspection),
        durabilityFinding(inspection),
        integrityFinding(inspection),
      ]
  }
}

const restore = 'stop the server, keep a copy of all files of the data directory, and restore a backup'

export function sizeFinding(file: string, { databaseBytes, logBytes, journal }: DatabaseFacts): Finding {
  const check = 'database'
  const backlog = journal === undefined || journal.rows === 0 ? '' : `, ${bytesInWords(journal.bytes)} appended and not filed yet`
  const message = `${file}: ${bytesInWords(databaseBytes)}, log ${bytesInWords(logBytes)}${backlog}`
  if (logBytes > logBytesHigh) {
    const action = 'end what keeps an old state of it open, such as a backup or a shell: until then the log only grows'
    return { check, level: 'warning', message, action }
  }
  if ((journal?.bytes ?? 0) > journalBytesHigh) {
    return { check, level: 'warning', message, action: 'look for `store trouble` in the log of the server: filing is behind' }
  }
  return { check, level: 'ok', message }
}

export function schemaFinding({ schemaVersion, schemaVersionNewest }: DatabaseFacts): Finding {
  const check = 'schema'
  if (schemaVersion === schemaVersionNewest) return { check, level: 'ok', message: `version ${schemaVersion}` }
  if (schemaVersion < schemaVersionNewest) {
    const message = `version ${schemaVersion}: the next start brings it to ${schemaVersionNewest}`
    return { check, level: 'note', message, action: 'make a backup first: there is no way back' }
  }
  const message = `version ${schemaVersion}, made by a newer Sotto: this one knows ${schemaVersionNewest}`
  return { check, level: 'problem', message, action: 'start the newer version, or restore a backup from before' }
}

/** The two settings that an accepted message rests on. */
export function durabilityFinding({ isWal, synchronous }: DatabaseFacts): Finding {
  const check = 'durability'
  if (synchronous !== full) {
    const message = `SQLite does not take synchronous=FULL here (it has ${synchronous})`
    return { check, level: 'problem', message, action: 'put DATA_DIR on a local disk: the server refuses to start' }
  }
  if (!isWal) {
    const message = 'another program has switched the write-ahead log off'
    return { check, level: 'warning', message, action: 'keep other programs away; the server switches it on at its next start' }
  }
  return { check, level: 'ok', message: 'write-ahead log, synchronous=FULL' }
}

export function integrityFinding({ damage }: DatabaseFacts): Finding {
  const check = 'integrity'
  if (damage === undefined) return { check, level: 'note', message: 'not checked (--quick)' }
  if (damage.length === 0) return { check, level: 'ok', message: 'every page is as it should be' }
  return { check, level: 'problem', message: 'the database is damaged', details: damage, action: restore }
}
