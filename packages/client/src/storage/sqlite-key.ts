import { argon2, randomBytes } from 'node:crypto'
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { promisify } from 'node:util'
import { SottoClientError } from '../errors.ts'

/** Where the key of a database comes from, as the database itself says. Nothing in it is secret. */
type KeyRecord = { readonly from: 'file' } | ({ readonly from: 'passphrase' } & Argon2Parameters)

/** Argon2id, RFC 9106. */
interface Argon2Parameters {
  /** 16 bytes, base64. */
  readonly salt: string
  readonly memoryKiB: number
  readonly passes: number
  readonly parallelism: number
}

/** The second recommended choice of RFC 9106, section 4. */
const argon2Choice = { memoryKiB: 64 * 1024, passes: 3, parallelism: 4 }
const memoryKiBMax = 1024 * 1024
const passesMax = 32
const parallelismMax = 64

const keyBytes = 32
const derive = promisify(argon2)

/** A key for a new database, and the record that finds it again. A key file that is there already is used. */
export async function newKey(path: string, passphrase: string | undefined): Promise<{ key: Uint8Array; record: string }> {
  if (passphrase === undefined) {
    const key = existsSync(keyPath(path)) ? readKeyFile(path) : createKeyFile(path)
    return { key, record: JSON.stringify({ from: 'file' } satisfies KeyRecord) }
  }
  const parameters = { salt: randomBytes(16).toString('base64'), ...argon2Choice }
  const record: KeyRecord = { from: 'passphrase', ...parameters }
  return { key: await derived(passphrase, parameters), record: JSON.stringify(record) }
}

/** The key of a database with this record. @throws `storage_unreadable` */
export async function knownKey(path: string, recordText: string, passphrase: string | undefined): Promise<Uint8Array> {
  const record = parsed(recordText)
  if (record === undefined) throw unreadable(`${path} does not say how its key is made: it is damaged.`)
  if (record.from === 'passphrase') {
    if (passphrase === undefined) throw unreadable(`${path} is sealed with a passphrase, and none was given.`)
    return derived(passphrase, record)
  }
  if (passphrase !== undefined)
    throw unreadable(`${path} is sealed with the key in ${keyPath(path)}: open it without a passphrase.`)
  return readKeyFile(path)
}

/** Whoever can change the file must not make us spend all memory. */
function parsed(text: string): KeyRecord | undefined {
  let record: Partial<Record<keyof Argon2Parameters | 'from', unknown>>
  try {
    record = JSON.parse(text)
  } catch {
    return undefined
  }
  const upTo = (value: unknown, max: number) => Number.isInteger(value) && (value as number) >= 1 && (value as number) <= max
  const isPassphrase =
    record.from === 'passphrase' &&
    typeof record.salt === 'string' &&
    upTo(record.memoryKiB, memoryKiBMax) &&
    upTo(record.passes, passesMax) &&
    upTo(record.parallelism, parallelismMax)
  return record.from === 'file' || isPassphrase ? (record as KeyRecord) : undefined
}

async function derived(passphrase: string, { salt, memoryKiB, passes, parallelism }: Argon2Parameters): Promise<Uint8Array> {
  return derive('argon2id', {
    // The same passphrase gives the same key, whichever way the keyboard composes its accents.
    message: passphrase.normalize('NFC'),
    nonce: Buffer.from(salt, 'base64'),
    memory: memoryKiB,
    passes,
    parallelism,
    tagLength: keyBytes,
  })
}

function keyPath(path: string): string {
  return `${path}.key`
}

function readKeyFile(path: string): Uint8Array {
  let key: Uint8Array
  try {
    key = readFileSync(keyPath(path))
  } catch (error) {
    throw unreadable(`${keyPath(path)}, the key of ${path}, cannot be read (${(error as Error).message}).`, error)
  }
  if (key.length !== keyBytes)
    throw unreadable(`${keyPath(path)} is not a key file: it has ${key.length} bytes, not ${keyBytes}.`)
  return key
}

/** Whole or not at all, and on disk before anything is sealed with it. The caller holds the lock of the database. */
function createKeyFile(path: string): Uint8Array {
  const key = randomBytes(keyBytes)
  const fresh = `${keyPath(path)}.new`
  rmSync(fresh, { force: true })
  const file = openSync(fresh, 'wx', 0o600)
  try {
    writeSync(file, key)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  renameSync(fresh, keyPath(path))
  syncFolder(dirname(path))
  return key
}

/** Makes the name of a new file durable. Windows has no such thing. */
function syncFolder(folder: string): void {
  if (process.platform === 'win32') return
  const handle = openSync(folder, 'r')
  try {
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
}

function unreadable(detail: string, cause?: unknown): SottoClientError {
  return new SottoClientError('storage_unreadable', detail, cause === undefined ? {} : { cause })
}
