import type { DatabaseFacts } from '@sotto/server'
import { describe, expect, test } from 'vitest'
import { bytesInWords } from './bytes.ts'
import { clockFinding } from './check-clock.ts'
import { directoryFinding, spaceFinding } from './check-data-directory.ts'
import {
  durabilityFinding,
  holderFinding,
  inspectionFindings,
  integrityFinding,
  schemaFinding,
  sizeFinding,
} from './check-database.ts'
import { nodeFinding, sqliteFinding } from './check-runtime.ts'
import { addressOf, type Seen, serverFindings } from './check-server.ts'
import { changedFinding, devTokensFinding } from './check-settings.ts'
import { filesystemFinding } from './filesystem.ts'
import type { Finding } from './finding.ts'
import { summaryOf } from './finding.ts'
import { findingText, summaryText } from './report.ts'

const mib = 1024 ** 2
const levels = (findings: readonly Finding[]) => findings.map(({ check, level }) => `${check} ${level}`)

const healthy: DatabaseFacts = {
  state: 'readable',
  schemaVersion: 1,
  schemaVersionNewest: 1,
  isWal: true,
  synchronous: 2,
  damage: [],
  databaseBytes: 10 * mib,
  logBytes: mib,
  journal: { rows: 3, bytes: 2048 },
  newestReceivedAt: 1,
}

describe('runtime', () => {
  test('an old Node.js, and a SQLite that can corrupt a database, are problems', () => {
    expect(nodeFinding('20.1.0').level).toBe('problem')
    expect(sqliteFinding('3.50.0', false, '3.51.3')).toMatchObject({
      level: 'problem',
      action: expect.stringContaining('3.51.3'),
    })
  })
})

describe('settings', () => {
  test('one, several and none that differ', () => {
    const changed = [{ name: 'PORT', value: '1' }]
    expect(changedFinding([], () => '.env')).toEqual({ check: 'settings', level: 'ok', message: 'all as they are by default' })
    expect(changedFinding(changed, () => '.env')).toMatchObject({
      message: 'one differs from its default',
      details: ['PORT=1 (.env)'],
    })
    expect(changedFinding([...changed, ...changed], () => '.env').message).toBe('2 differ from their defaults')
  })

  test.each([
    ['off', '0.0.0.0', 'ok'],
    ['loopback', '0.0.0.0', 'note'],
    ['anyone', '0.0.0.0', 'warning'],
    ['anyone', '192.168.1.1', 'warning'],
    ['anyone', 'chat.example.org', 'warning'],
    ['anyone', '127.0.0.1', 'note'],
    ['anyone', '::1', 'note'],
    ['anyone', 'localhost', 'note'],
  ] as const)('development tokens for %s on %s: %s', (devTokens, host, level) => {
    expect(devTokensFinding({ devTokens, host }).level).toBe(level)
  })
})

describe('data directory', () => {
  test.each([
    [true, 0o40700, 'ok'],
    [true, undefined, 'ok'],
    [true, 0o40750, 'warning'],
    [true, 0o40701, 'warning'],
    [false, 0o40700, 'problem'],
  ])('usable %s, mode %o: %s', (isUsable, mode, level) => {
    expect(directoryFinding('/data', isUsable, mode).level).toBe(level)
  })

  test.each([
    [100 * 1024 * mib, 'ok'],
    [1024 * mib, 'ok'],
    [1023 * mib, 'warning'],
    [63 * mib, 'problem'],
    [0, 'problem'],
  ])('%i bytes free: %s', (freeBytes, level) => expect(spaceFinding(freeBytes).level).toBe(level))

  test.each([
    [0xef53, 'linux', 'ok', 'ext4'],
    [0x12345678, 'linux', 'ok', '0x12345678'],
    [0x6969, 'linux', 'warning', 'NFS'],
    [0xff534d42, 'linux', 'warning', 'CIFS'],
    [0xff534d42 | 0, 'linux', 'warning', 'CIFS'],
    [0x01021994, 'linux', 'warning', 'tmpfs'],
    [0x794c7630, 'linux', 'warning', 'overlayfs'],
    [0x6969, 'darwin', 'note', 'not known here'],
  ] as const)('file system 0x%s on %s: %s', (type, platform, level, word) => {
    expect(filesystemFinding(type, platform)).toMatchObject({ level, message: expect.stringContaining(word) })
  })
})

describe('database', () => {
  const path = '/data/sotto.db'

  test('a healthy one is all right', () => {
    expect(levels(inspectionFindings(path, healthy))).toEqual(['database ok', 'schema ok', 'durability ok', 'integrity ok'])
    expect(sizeFinding(path, healthy).message).toBe('/data/sotto.db: 10 MiB, log 1 MiB, 2 KiB appended and not filed yet')
    expect(sizeFinding(path, { ...healthy, journal: { rows: 0, bytes: 0 } }).message).toBe('/data/sotto.db: 10 MiB, log 1 MiB')
  })

  test.each([
    [{ state: 'absent' }, 'note'],
    [{ state: 'empty' }, 'note'],
    [{ state: 'foreign', why: 'it is not a database' }, 'problem'],
    [{ state: 'unreadable', why: 'EACCES' }, 'problem'],
  ] as const)('%j: %s', (inspection, level) => {
    expect(levels(inspectionFindings(path, inspection))).toEqual([`database ${level}`])
  })

  test('a corrupt one asks for a backup, one that may not be read for another user', () => {
    const action = (why: string) => inspectionFindings(path, { state: 'unreadable', why })[0]?.action
    expect(action('corrupt: database disk image is malformed')).toContain('restore a backup')
    expect(action('unable to open database file')).toContain('as the user that runs the server')
  })

  test('what grows is told', () => {
    expect(sizeFinding(path, { ...healthy, logBytes: 600 * mib }).level).toBe('warning')
    expect(sizeFinding(path, { ...healthy, journal: { rows: 9, bytes: 300 * mib } }).level).toBe('warning')
  })

  test('schema', () => {
    expect(schemaFinding({ ...healthy, schemaVersionNewest: 2 }).level).toBe('note')
    expect(schemaFinding({ ...healthy, schemaVersion: 2 }).level).toBe('problem')
  })

  test('durability', () => {
    expect(durabilityFinding({ ...healthy, isWal: false }).level).toBe('warning')
    for (const synchronous of [0, 1]) expect(durabilityFinding({ ...healthy, synchronous }).level).toBe('problem')
  })

  test('integrity', () => {
    expect(integrityFinding({ ...healthy, damage: undefined }).level).toBe('note')
    expect(integrityFinding({ ...healthy, damage: ['page 3'] })).toMatchObject({ level: 'problem', details: ['page 3'] })
  })

  test('who holds it is no problem', () => {
    for (const holder of [undefined, 'unknown', { pid: 7, since: 0 }] as const) expect(holderFinding(holder).level).toBe('ok')
    expect(holderFinding({ pid: 7, since: 0 }).message).toContain(
      'process 7 has the database open since 1970-01-01T00:00:00.000Z',
    )
  })
})

describe('clock', () => {
  const now = Date.UTC(2026, 5, 1)

  test.each([
    [now, 0, 'ok'],
    [now, undefined, 'ok'],
    [now, now, 'ok'],
    [now, now + 1_000, 'ok'],
    [now, now + 1_001, 'warning'],
    [Date.UTC(1970, 0, 1), 0, 'problem'],
    [Date.UTC(2024, 11, 31), 0, 'problem'],
    [Date.UTC(2100, 0, 1), 0, 'problem'],
  ])('at %i, newest message of %s: %s', (at, newest, level) => expect(clockFinding(at, newest).level).toBe(level))

  test('says how far behind it is', () => {
    expect(clockFinding(now, now + 7_200_000).message).toContain('2 hours behind the newest stored message')
  })
})

describe('server', () => {
  const ours = { status: 200, body: { status: 'ok' } }
  const refused = { failure: 'ECONNREFUSED' }
  const ready = { status: 200, body: { status: 'ready', store: 'ok', bus: 'ok' } }
  const seen: Seen = { host: '0.0.0.0', port: 8080, isHeld: false, health: refused, ready: undefined, refusal: undefined }

  test.each<[string, Partial<Seen>, string[]]>([
    ['none runs', {}, ['server ok']],
    ['it runs', { isHeld: true, health: ours, ready }, ['server ok', 'ready ok']],
    ['it may run, for all that can be told', { isHeld: undefined, health: ours, ready }, ['server ok', 'ready ok']],
    [
      'it runs, but cannot serve',
      { isHeld: true, health: ours, ready: { status: 503, body: { store: 'failed' } } },
      ['server ok', 'ready problem'],
    ],
    ['it runs, but hangs', { isHeld: true, health: ours, ready: { failure: 'TIMEOUT' } }, ['server ok', 'ready problem']],
    ['it runs elsewhere', { isHeld: true }, ['server warning']],
    ['another Sotto is there', { health: ours, ready }, ['server problem']],
    ['another program answers', { health: { status: 404, body: undefined } }, ['server problem']],
    ['another program answers like nobody', { health: { status: 200, body: null } }, ['server problem']],
    ['another program does not answer', { health: { failure: 'TIMEOUT' }, refusal: 'EADDRINUSE' }, ['server problem']],
    ['the port needs privileges', { refusal: 'EACCES' }, ['server problem']],
    ['the address is not of this machine', { refusal: 'EADDRNOTAVAIL' }, ['server problem']],
  ])('%s', (_, change, expected) => expect(levels(serverFindings({ ...seen, ...change }))).toEqual(expected))

  test('says what is not ready', () => {
    const answer = { status: 503, body: { store: 'failed', bus: 'ok' } }
    expect(serverFindings({ ...seen, isHeld: true, health: ours, ready: answer })[1]?.message).toBe(
      '/ready answers 503: store failed, bus ok',
    )
  })

  test.each([
    ['0.0.0.0', 'http://127.0.0.1:1'],
    ['::', 'http://[::1]:1'],
    ['::1', 'http://[::1]:1'],
    ['chat.example.org', 'http://chat.example.org:1'],
  ])('%s is reached at %s', (host, address) => expect(addressOf(host, 1)).toBe(address))
})

describe('report', () => {
  const finding: Finding = { check: 'lock', level: 'warning', message: 'so it is', action: 'do this', details: ['one', 'two'] }

  test('a finding is a line, its details and what to do are indented below it', () => {
    const indent = ' '.repeat(23)
    expect(findingText(finding, (_, text) => text)).toBe(
      `  warning  lock        so it is\n${indent}  one\n${indent}  two\n${indent}→ do this\n`,
    )
  })

  test.each([
    [[], 'no problems, no warnings'],
    [[finding], 'no problems, 1 warning'],
    [[finding, finding, { ...finding, level: 'problem' as const }], '1 problem, 2 warnings'],
  ])('%#: the sum', (findings, sum) => expect(summaryText(summaryOf(findings), (_, text) => text)).toBe(`\n${sum}\n`))

  test.each([
    [0, '0 bytes'],
    [1023, '1023 bytes'],
    [1024, '1 KiB'],
    [1536, '1.5 KiB'],
    [100 * mib, '100 MiB'],
    [5e15, '4547 TiB'],
  ])('%i bytes are %s', (bytes, words) => expect(bytesInWords(bytes)).toBe(words))
})
