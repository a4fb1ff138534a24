import { serve } from '@sotto/server'
import { plainLine } from '../plain-log.ts'
import { configOf, givenSettings, type SettingOptions } from '../settings.ts'
import { paintFor } from '../terminal.ts'

export interface ServeOptions extends SettingOptions {
  readonly json?: boolean
}

/** `sotto serve`: false when the server does not start, and the reason has been said. The server runs on after that. */
export async function serveCommand(options: ServeOptions): Promise<boolean> {
  const given = givenSettings(options)
  const { dataDir, auth } = configOf(given)
  if (options.json || !process.stdout.isTTY) return (await serve(() => given.env)) !== undefined
  const paint = paintFor(process.stdout)
  const logLines = { write: (line: string) => void process.stdout.write(plainLine(line, paint)) }
  const server = await serve(() => given.env, { logLines })
  if (server === undefined) return false
  const token = `sotto token alice${options.data === undefined ? '' : ` --data ${options.data}`}`
  const hints = [`its interface: ${server.url}/docs`, ...(auth.kind === 'jwks' ? [] : [`a token: ${token}`]), 'Ctrl-C stops it']
  process.stdout.write(
    `\n  Sotto runs at ${paint('bold', server.url)} and keeps everything in ${dataDir}\n` +
      `  ${paint('dim', hints.join(' · '))}\n\n`,
  )
  return true
}
