import { exec } from 'node:child_process'
import { promisify } from 'node:util'
import { userId } from '@sotto/protocol'
import { Refusal, UsageError } from '../refusal.ts'

/** How a user signs in, and where this device keeps what it has. */
export interface SignInOptions {
  readonly url?: string
  readonly as?: string
  readonly token?: string
  readonly tokenCommand?: string
}

export interface SignIn {
  /** Where the server is, without a slash at its end. */
  readonly url: string
  readonly userId: string
  /** @throws Refusal. */
  token(): Promise<string>
  /** Why the last token could not be had; undefined when it could. */
  problem(): string | undefined
}

const urlDefault = 'http://127.0.0.1:8080'
const commandMsMax = 30_000
const answerMsMax = 10_000

/** Options win over the environment. @throws UsageError, Refusal. */
export function signInOf(options: SignInOptions, env: NodeJS.ProcessEnv = process.env): SignIn {
  const url = serverUrl(options.url, env.SOTTO_URL)
  const given = options.token ?? (options.tokenCommand === undefined ? notEmpty(env.SOTTO_TOKEN) : undefined)
  const as = options.as ?? notEmpty(env.SOTTO_USER) ?? (given === undefined ? undefined : userIn(given))
  if (as === undefined) throw new UsageError(given === undefined ? 'who are you? Say so with --as USER' : whoIsToken)
  const problem = userId.safeParse(as).error?.issues[0]?.message
  if (problem !== undefined) throw new UsageError(`--as: ${problem}`)
  let failure: string | undefined
  return {
    url,
    userId: as,
    problem: () => failure,
    async token() {
      try {
        const token = await tokenFrom(url, as, given, options.tokenCommand)
        failure = undefined
        return token
      } catch (error) {
        failure = error instanceof Error ? error.message : String(error)
        throw error
      }
    },
  }
}

const whoIsToken = 'the token does not say in `userId` or `sub` who you are: say so with --as USER'

function serverUrl(option: string | undefined, setting: string | undefined): string {
  const given = option ?? notEmpty(setting) ?? urlDefault
  const parsed = URL.parse(given)
  const isHttp = parsed?.protocol === 'http:' || parsed?.protocol === 'https:'
  if (parsed !== null && isHttp && parsed.username === '' && parsed.search === '' && parsed.hash === '')
    return parsed.href.replace(/\/+$/, '')
  const problem = 'must be an address such as https://chat.example.org'
  throw option === undefined ? new Refusal(`SOTTO_URL: ${problem}`) : new UsageError(`--url: ${problem}`)
}

async function tokenFrom(url: string, user: string, given: string | undefined, command: string | undefined): Promise<string> {
  if (given !== undefined) return given
  return command === undefined ? await developmentToken(url, user) : await printedToken(command)
}

/** What the command prints: a login's own program knows best how to get a token. */
async function printedToken(command: string): Promise<string> {
  try {
    const { stdout } = await promisify(exec)(command, { timeout: commandMsMax })
    const token = stdout.trim()
    if (/^[\x21-\x7e]+$/.test(token)) return token
  } catch (error) {
    const { code, stderr = '' } = error as { readonly code?: unknown; readonly stderr?: string }
    const said = stderr.trim().split('\n')[0] ?? ''
    const how = typeof code === 'number' ? `ended with ${code}` : 'did not end well'
    throw new Refusal(`--token-command: it ${how}${said === '' ? '' : `: ${said}`}`)
  }
  throw new Refusal('--token-command: it must print one token and nothing else')
}

/** A server for local work gives anybody's token to programs on its machine. */
async function developmentToken(url: string, user: string): Promise<string> {
  let status: number
  let answer: { readonly token?: unknown; readonly code?: unknown; readonly detail?: unknown }
  try {
    const response = await fetch(`${url}/auth/dev-token`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ userId: user }),
      redirect: 'error',
      signal: AbortSignal.timeout(answerMsMax),
    })
    status = response.status
    answer = (await response.json()) as typeof answer
  } catch {
    throw unreachable(url)
  }
  if (typeof answer.token === 'string') return answer.token
  if (answer.code !== 'dev_tokens_disabled')
    throw new Refusal(`${url} gives no token (${answer.code ?? status}): ${answer.detail}`)
  throw new Refusal(
    `${url} mints no development tokens: give one of your login with SOTTO_TOKEN or --token-command, such as --token-command 'sotto token ${user}' beside the server`,
  )
}

/** @throws Refusal when no Sotto server answers there. */
export async function checkReachable(url: string): Promise<void> {
  const answer = await fetch(`${url}/health`, { redirect: 'error', signal: AbortSignal.timeout(answerMsMax) }).catch(
    () => undefined,
  )
  await answer?.body?.cancel()
  if (answer?.ok !== true) throw unreachable(url)
}

function unreachable(url: string): Refusal {
  return new Refusal(
    `no server answers at ${url}: start one (npm run dev, or sotto serve), or name yours with --url or SOTTO_URL`,
  )
}

/** The user that a JWT names. The server checks it; this only reads it. */
function userIn(token: string): string | undefined {
  try {
    const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as Record<string, unknown>
    const user = claims.userId ?? claims.sub
    return typeof user === 'string' ? user : undefined
  } catch {
    return undefined
  }
}

function notEmpty(value: string | undefined): string | undefined {
  return value === '' ? undefined : value
}
