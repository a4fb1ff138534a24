import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { Sotto, SottoClientError } from '@sotto/client'
import { sqliteStorage } from '@sotto/client/node'
import { deviceName } from '@sotto/protocol'
import { Refusal, UsageError } from '../refusal.ts'
import { clientErrorInWords, type ErrorPlace } from './client-error.ts'
import { deviceDirectory, makePrivate } from './data-directory.ts'
import { checkReachable, type SignIn, type SignInOptions, signInOf } from './sign-in.ts'

/** What every command that acts as a user understands. */
export interface DeviceOptions extends SignInOptions {
  readonly data?: string
  readonly passphraseFile?: string
  /** A code that belongs to another device is the command's own affair. */
  readonly link?: boolean | string
  readonly reset?: boolean
  readonly name?: string
}

/** A user's device on this machine, as long as a command runs. */
export interface Device {
  readonly sotto: Sotto
  readonly signIn: SignIn
  readonly place: ErrorPlace
}

const databaseName = 'device.db'

/** Opens the device, makes it the first time, and closes it in the end. @throws Refusal, UsageError. */
export async function withDevice<result>(options: DeviceOptions, run: (device: Device) => Promise<result>): Promise<result> {
  const signIn = signInOf(options)
  const { url, userId } = signIn
  const directory = options.data === undefined ? deviceDirectory(url, userId) : path.resolve(options.data)
  const place = { url, userId, directory }
  try {
    const device = { sotto: await openDevice(options, place, signIn), signIn, place }
    try {
      return await run(device)
    } finally {
      await device.sotto.close()
    }
  } catch (error) {
    if (error instanceof SottoClientError) throw new Refusal(clientErrorInWords(error, place))
    throw error
  }
}

async function openDevice(options: DeviceOptions, { url, userId, directory }: ErrorPlace, signIn: SignIn): Promise<Sotto> {
  const { link, reset, passphraseFile } = options
  if (link === true && reset) throw new UsageError('--link and --reset exclude each other')
  const nameProblem = options.name === undefined ? undefined : deviceName.safeParse(options.name).error?.issues[0]?.message
  if (nameProblem !== undefined) throw new UsageError(`--name: ${nameProblem}`)
  const passphrase = passphraseFile === undefined ? undefined : firstLine(passphraseFile)
  const database = path.join(directory, databaseName)
  // A new device needs the server; one that is known starts without, and reads what is there.
  if (!existsSync(database)) {
    await signIn.token()
    await checkReachable(url)
  }
  makePrivate(directory)
  const sotto = await Sotto.open({
    url,
    token: () => signIn.token(),
    storage: sqliteStorage({ path: database, ...(passphrase === undefined ? {} : { passphrase }) }),
    device: { name: options.name ?? `terminal on ${process.platform}` },
    ...(link === true ? { link: { onCode: (code: string) => showCode(code, userId) } } : {}),
    ...(reset ? { reset } : {}),
  })
  if (sotto.userId === userId) return sotto
  await sotto.close()
  throw new Refusal(`${directory} belongs to ${sotto.userId}, not to ${userId}: name another directory with --data`)
}

/** Beside the output, which may be for a program. */
function showCode(code: string, userId: string): void {
  process.stderr.write(
    `sotto: this is a new device of ${userId}. On one that is linked already, within ten minutes, type\n\n` +
      `  sotto devices --as ${userId} --link ${code}\n\nor, where sotto chat is open:\n\n  /link ${code}\n\n`,
  )
}

function firstLine(file: string): string {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    throw new Refusal(`--passphrase-file: ${file} cannot be read (${(error as NodeJS.ErrnoException).code})`)
  }
  const [line = ''] = text.split(/\r?\n/)
  if (line === '') throw new Refusal(`--passphrase-file: the first line of ${file} is empty`)
  return line
}
