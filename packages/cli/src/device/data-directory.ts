import { createHash } from 'node:crypto'
import { chmodSync, mkdirSync, statSync } from 'node:fs'
import { homedir } from 'node:os'
import path from 'node:path'
import { Refusal } from '../refusal.ts'

/** Longer names are refused by file systems. */
const nameBytesMax = 200

/** The facts that decide where things are kept. */
export interface Home {
  readonly platform: NodeJS.Platform
  readonly env: NodeJS.ProcessEnv
  readonly directory: string
}

/** Where programs keep what belongs to a user of this machine (XDG Base Directory Specification, and its equivalents). */
function userDirectory({ platform, env, directory }: Home): string {
  if (platform === 'win32') return path.win32.join(env.LOCALAPPDATA || path.win32.join(directory, 'AppData', 'Local'), 'Sotto')
  if (platform === 'darwin') return path.posix.join(directory, 'Library', 'Application Support', 'Sotto')
  const xdg = env.XDG_DATA_HOME ?? ''
  // A relative path is to be ignored.
  return path.posix.join(path.posix.isAbsolute(xdg) ? xdg : path.posix.join(directory, '.local', 'share'), 'sotto')
}

/** One folder for each server and user. */
export function deviceDirectory(
  url: string,
  userId: string,
  home: Home = { platform: process.platform, env: process.env, directory: homedir() },
): string {
  const { join } = home.platform === 'win32' ? path.win32 : path.posix
  const server = url.replace('://', '+').replace(/:(\d+)(?=\/|$)/, '+$1')
  return join(userDirectory(home), fileName(server, /[a-z0-9.+-]/), fileName(userId, /[a-z0-9_-]/))
}

/** A name that no file system takes for another one, or for a path: capitals are written out, since some do not tell them apart. */
function fileName(text: string, plain: RegExp): string {
  const name = [...Buffer.from(text)]
    .map((byte) => {
      const character = String.fromCharCode(byte)
      return plain.test(character) ? character : `%${byte.toString(16).padStart(2, '0')}`
    })
    .join('')
  return name.length <= nameBytesMax ? name : `%${createHash('sha256').update(text).digest('hex')}`
}

/** Makes the directory, for its owner alone. @throws Refusal. */
export function makePrivate(directory: string): void {
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 })
    if (process.platform !== 'win32' && (statSync(directory).mode & 0o077) !== 0) chmodSync(directory, 0o700)
  } catch (error) {
    const { code = 'unknown' } = error as NodeJS.ErrnoException
    throw new Refusal(`${directory} cannot be used (${code}): name another directory with --data`)
  }
}
