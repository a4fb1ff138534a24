import { deviceId, userId } from '@sotto/protocol'
import { type Config, madeSecret, mintToken, type Secret, systemClock } from '@sotto/server'
import { durationInWords, durationMs } from '../duration.ts'
import { Refusal, UsageError } from '../refusal.ts'
import { configOf, givenSettings, type SettingOptions } from '../settings.ts'
import { printJson } from '../terminal.ts'

export interface TokenOptions extends Pick<SettingOptions, 'data'> {
  readonly device?: string
  readonly ttl: string
  readonly name?: string
  readonly json?: boolean
}

const ttlMsMax = 3_650 * 86_400_000
const nameLengthMax = 256

/** `sotto token USER`: prints the token. Throws `UsageError`, `Refusal`, `ConfigError`. */
export async function tokenCommand(user: string, { data, device, ttl, name, json }: TokenOptions): Promise<void> {
  refuseWrong('USER', userId.safeParse(user))
  if (device !== undefined) refuseWrong('--device', deviceId.safeParse(device))
  if (name !== undefined && name.length > nameLengthMax) throw new UsageError(`--name: at most ${nameLengthMax} characters`)
  const ttlMs = durationMs(ttl)
  if (ttlMs === undefined) throw new UsageError('--ttl: a number and s, m, h or d, such as 90s, 15m, 24h or 7d')
  if (ttlMs > ttlMsMax) throw new UsageError('--ttl: at most 3650d')
  const config = configOf(givenSettings(data === undefined ? {} : { data }))
  const secret = await signingSecret(config)
  const { token, expiresAt } = await mintToken({ secret, clock: systemClock, userId: user, deviceId: device, name, ttlMs })
  if (json) return printJson({ token, userId: user, ...(device === undefined ? {} : { deviceId: device }), expiresAt })
  process.stdout.write(`${token}\n`)
  if (process.stderr.isTTY) {
    const acts = device === undefined ? `acts as ${user}` : `acts as ${user} on device ${device}`
    const until = `${new Date(expiresAt).toISOString()} (${durationInWords(ttlMs)})`
    process.stderr.write(`sotto: this token ${acts} until ${until}; keep it like a password\n`)
  }
}

/** What the server checks tokens with. A secret is not made here: a wrong directory would give a token that nobody takes. */
async function signingSecret({ auth, dataDir }: Config): Promise<Secret> {
  if (auth.kind === 'jwks') {
    throw new Refusal('tokens come from your login (JWT_JWKS_URL is set): get one there')
  }
  if (auth.kind === 'secret') return auth.secret
  const secret = await madeSecret(dataDir).catch((error: Error) => {
    throw new Refusal(error.message)
  })
  if (secret !== undefined) return secret
  throw new Refusal(
    `${dataDir} has no secret yet: start the server once (sotto serve), or name its data directory with --data, or set JWT_SECRET`,
  )
}

function refuseWrong(argument: string, result: { error?: { issues: readonly { message: string }[] } | undefined }): void {
  const problem = result.error?.issues[0]?.message
  if (problem !== undefined) throw new UsageError(`${argument}: ${problem}`)
}
