import { link, mkdir, open, unlink } from 'node:fs/promises'
import path from 'node:path'
import type { Clock } from '../clock.ts'
import { Secret } from './secret.ts'

const bytes = 32

const fileIn = (dataDir: string) => path.join(dataDir, 'jwt-secret')

/**
 * The secret that the server made for itself: `jwt-secret` in `dataDir`, mode 0600, made on first use. Its text may be
 * copied to JWT_SECRET as it is. Processes that race for it get the same one.
 * Throws an Error whose message is one plain line when the file cannot be had or others can read it.
 */
export async function secretFromFile(dataDir: string, clock: Clock): Promise<Secret> {
  const file = fileIn(dataDir)
  const found = await read(file)
  if (found !== undefined) return found
  await mkdir(dataDir, { recursive: true, mode: 0o700 })
  await make(file, clock)
  const made = await read(file)
  if (made === undefined) throw new Error(`${file} was removed while it was being made`)
  return made
}

/** The secret that a server has made for itself in `dataDir`; undefined when none has yet. Throws like `secretFromFile`. */
export function madeSecret(dataDir: string): Promise<Secret | undefined> {
  return read(fileIn(dataDir))
}

async function read(file: string): Promise<Secret | undefined> {
  const handle = await open(file, 'r').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  if (handle === undefined) return undefined
  try {
    // On the open file, so that the mode and the text are those of one file.
    const { mode } = await handle.stat()
    if (process.platform !== 'win32' && (mode & 0o077) !== 0) {
      const octal = (mode & 0o777).toString(8)
      throw new Error(`${file} can be read by others (mode ${octal}): make it 600, or delete it and every token ends with it`)
    }
    const text = (await handle.readFile('utf8')).trim()
    if (Buffer.byteLength(text) < bytes)
      throw new Error(`${file} is shorter than ${bytes} bytes: delete it to have a new one made`)
    return new Secret(text)
  } finally {
    await handle.close()
  }
}

/** Writes a file of its own and links it to the name: the name appears with the whole text in it, and for one process only. */
async function make(file: string, clock: Clock): Promise<void> {
  const own = `${file}.${clock.random(9)}`
  const handle = await open(own, 'wx', 0o600)
  try {
    await handle.writeFile(`${clock.random(bytes)}\n`)
    await handle.sync()
    await link(own, file).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error
    })
  } finally {
    await handle.close()
    await unlink(own)
  }
  await syncDirectory(path.dirname(file))
}

/** Without it the name may be gone after a power cut, and every token with it. */
async function syncDirectory(directory: string): Promise<void> {
  if (process.platform === 'win32') return
  const handle = await open(directory, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
