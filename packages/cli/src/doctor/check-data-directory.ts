import { constants, type Stats } from 'node:fs'
import { access, stat, statfs } from 'node:fs/promises'
import path from 'node:path'
import { bytesInWords } from './bytes.ts'
import { filesystemFinding } from './filesystem.ts'
import type { Finding } from './finding.ts'

const check = 'data'

/** Less free space than this is worth a warning; less than the second, writing will fail soon. */
const freeBytesLow = 1024 ** 3
const freeBytesMin = 64 * 1024 ** 2

/** The data directory, or what it would be made in: whether it is there, ours, private, and on a disk with room. */
export async function checkDataDirectory(dataDir: string): Promise<Finding[]> {
  const found = await statOf(dataDir)
  if (typeof found === 'string')
    return [{ check, level: 'problem', message: `${dataDir} cannot be looked at (${found})`, action: sameUser }]
  if (found === undefined) {
    const parent = await existingParent(dataDir)
    return [missingFinding(dataDir, parent, await isUsable(parent)), ...(await diskOf(parent))]
  }
  if (!found.isDirectory()) {
    return [{ check, level: 'problem', message: `${dataDir} is not a directory`, action: 'name another one: DATA_DIR or --data' }]
  }
  const uid = process.getuid?.()
  return [
    directoryFinding(dataDir, await isUsable(dataDir), uid === undefined ? undefined : found.mode),
    ...(uid === undefined || uid === found.uid ? [] : [ownerFinding(dataDir, found.uid, uid)]),
    ...(await diskOf(dataDir)),
  ]
}

const sameUser = 'run the doctor as the user that runs the server, and give that user the directory (chown)'

function missingFinding(dataDir: string, parent: string, parentIsUsable: boolean): Finding {
  if (parentIsUsable)
    return { check, level: 'note', message: `${dataDir} does not exist yet: the server makes it on its first start` }
  return {
    check,
    level: 'problem',
    message: `${dataDir} does not exist, and this user may not make it in ${parent}`,
    action: 'make it and give it to the user that runs the server (mkdir, chown), or name another: DATA_DIR or --data',
  }
}

/** `mode`: undefined where there is no such thing. */
export function directoryFinding(dataDir: string, isUsable: boolean, mode: number | undefined): Finding {
  if (!isUsable) return { check, level: 'problem', message: `${dataDir} cannot be written by this user`, action: sameUser }
  if (mode === undefined || (mode & 0o077) === 0) return { check, level: 'ok', message: `${dataDir} is writable, and private` }
  const octal = (mode & 0o777).toString(8)
  const message = `${dataDir} is open to others on this machine (mode ${octal}): they could see who writes to whom`
  return { check, level: 'warning', message, action: `chmod 700 ${dataDir}` }
}

function ownerFinding(dataDir: string, owner: number, uid: number): Finding {
  const message = `${dataDir} belongs to user ${owner}, and this is user ${uid}: what one may do, the other may not`
  return { check, level: 'note', message, action: 'run the doctor as the user that runs the server' }
}

async function diskOf(directory: string): Promise<Finding[]> {
  const { type, bavail, bsize } = await statfs(directory)
  return [spaceFinding(bavail * bsize), filesystemFinding(type, process.platform)]
}

export function spaceFinding(freeBytes: number): Finding {
  const message = `${bytesInWords(freeBytes)} free`
  if (freeBytes >= freeBytesLow) return { check: 'disk', level: 'ok', message }
  const action = 'free some space, or put DATA_DIR on a larger disk: on a full one the server refuses messages'
  return { check: 'disk', level: freeBytes >= freeBytesMin ? 'warning' : 'problem', message: `only ${message}`, action }
}

/** Undefined: there is no such file. A text: the code of what stands in the way. */
async function statOf(file: string): Promise<Stats | undefined | string> {
  try {
    return await stat(file)
  } catch (error) {
    const { code = 'unknown' } = error as NodeJS.ErrnoException
    return code === 'ENOENT' ? undefined : code
  }
}

async function existingParent(file: string): Promise<string> {
  let parent = path.dirname(file)
  while (typeof (await statOf(parent)) !== 'object' && parent !== path.dirname(parent)) parent = path.dirname(parent)
  return parent
}

async function isUsable(directory: string): Promise<boolean> {
  try {
    await access(directory, constants.R_OK | constants.W_OK | constants.X_OK)
    return true
  } catch {
    return false
  }
}
