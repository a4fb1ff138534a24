import { readFileSync } from 'node:fs'
import { BlockList, isIP } from 'node:net'
import path from 'node:path'
import { parseEnv } from 'node:util'
import { defaultLimits, type LimitName, type Limits, limitNames } from '@sotto/protocol'
import { z } from 'zod'
import { Secret } from './auth/secret.ts'
import { secretFromFile } from './auth/secret-file.ts'
import { type Clock, systemClock } from './clock.ts'

/** The settings of a server (.env.example), checked and complete. Safe to print: secrets show as `[secret]`. */
export interface Config {
  readonly host: string
  /** 0: a free one. */
  readonly port: number
  /** Absolute. */
  readonly dataDir: string
  readonly auth: AuthConfig
  readonly devTokens: DevTokens
  /** How long entries and the records of their ids are kept. */
  readonly retentionMs: number
  readonly logLevel: LogLevel
  /** Origins as browsers send them: scheme, host, and the port unless it is the scheme's own. */
  readonly corsOrigins: readonly string[]
  /** Whose `X-Forwarded-…` is believed: nobody's, everybody's, or the proxies listed (addresses, CIDR, comma separated). */
  readonly trustProxy: boolean | string
  readonly limits: Limits
}

export type AuthConfig =
  /** JWT_SECRET. */
  | { readonly kind: 'secret'; readonly secret: Secret }
  /** Nothing is configured: `resolveSecret` makes one. */
  | { readonly kind: 'generated' }
  | {
      readonly kind: 'jwks'
      readonly url: string
      readonly issuer: string
      readonly audience: string
      readonly userClaim: string
    }

/** Who gets development tokens: nobody, callers on the same machine, anyone. */
export type DevTokens = 'off' | 'loopback' | 'anyone'

const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const
export type LogLevel = (typeof logLevels)[number]

export type Environment = Readonly<Record<string, string | undefined>>

/** A setting is wrong; the message is one line that names it. */
export class ConfigError extends Error {
  readonly setting: string

  constructor(setting: string, problem: string) {
    super(`${setting}: ${problem}`)
    this.name = 'ConfigError'
    this.setting = setting
  }
}

const secretBytesMin = 32
const dayMs = 86_400_000
/** Node.js timers fire at once beyond this. */
const timerMsMax = 2 ** 31 - 1

function wholeNumber(min: number, max: number) {
  const error = `must be a whole number from ${min} to ${max}`
  return z
    .string()
    .regex(/^\d{1,16}$/, error)
    .transform(Number)
    .refine((value) => value >= min && value <= max, { error })
}

function oneOf<const values extends readonly [string, ...string[]]>(values: values) {
  return z.enum(values, { error: `must be one of ${values.join(', ')}` })
}

const hostName = /^(?!-)[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})*\.?$/

/** Every setting by its name, but for the limits. */
export const settings = z.object({
  HOST: z
    .string()
    .refine((value) => isIP(value) !== 0 || hostName.test(value), { error: 'must be an address or a host name, without a port' })
    .default('0.0.0.0'),
  PORT: wholeNumber(0, 65_535).default(8080),
  DATA_DIR: z
    .string()
    .refine((value) => !value.includes('\0'), { error: 'must be a path' })
    .default('./data'),
  DATABASE_URL: z
    .string()
    .regex(/^postgres(ql)?:\/\//, 'must begin with postgres:// (left out: SQLite in DATA_DIR)')
    .optional(),
  BUS_URL: z
    .string()
    .regex(/^nats:\/\//, 'must begin with nats:// (left out: within the process)')
    .optional(),
  JWT_SECRET: z
    .string()
    .refine((value) => value.trim() === value, { error: 'begins or ends with white space, perhaps a line end' })
    .refine((value) => Buffer.byteLength(value) >= secretBytesMin, { error: `must have at least ${secretBytesMin} bytes` })
    .optional(),
  JWT_JWKS_URL: z.string().superRefine(mustBeKeyAddress).optional(),
  JWT_ISSUER: z.string().optional(),
  JWT_AUDIENCE: z.string().optional(),
  JWT_USER_CLAIM: z.string().optional(),
  DEV_TOKENS: oneOf(['false', 'true', 'anyone'])
    .transform((value): DevTokens => (value === 'true' ? 'loopback' : value === 'false' ? 'off' : value))
    .default('off'),
  RETENTION_DAYS: wholeNumber(1, 36_500).default(30),
  LOG_LEVEL: oneOf(logLevels).default('info'),
  CORS_ORIGINS: z.string().transform(readOrigins).default([]),
  TRUST_PROXY: z.string().transform(readProxies).default(false),
})

/**
 * Reads the settings; an empty one counts as left out.
 * Throws `ConfigError` for the first that is wrong or contradicts another.
 */
export function readConfig(env: Environment): Config {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value !== ''))
  const result = settings.safeParse(given)
  if (!result.success) {
    const issue = result.error.issues[0]
    throw new ConfigError(String(issue?.path[0] ?? 'environment'), issue?.message ?? 'is not valid')
  }
  const read = result.data
  refuseMisspelt(given)
  const auth = readAuth(read)
  if (read.DATABASE_URL !== undefined) {
    if (auth.kind === 'generated') {
      throw new ConfigError(
        'JWT_SECRET',
        'is required with a PostgreSQL DATABASE_URL, the same for every process (or use JWT_JWKS_URL)',
      )
    }
    throw new ConfigError('DATABASE_URL', 'the PostgreSQL store is not built into this version; leave it out to use SQLite')
  }
  if (read.BUS_URL !== undefined) {
    throw new ConfigError('BUS_URL', 'the NATS bus is not built into this version; leave it out to run one process')
  }
  return {
    host: read.HOST,
    port: read.PORT,
    dataDir: path.resolve(read.DATA_DIR),
    auth,
    devTokens: read.DEV_TOKENS,
    retentionMs: read.RETENTION_DAYS * dayMs,
    logLevel: read.LOG_LEVEL,
    corsOrigins: read.CORS_ORIGINS,
    trustProxy: read.TRUST_PROXY,
    limits: readLimits(given),
  }
}

/**
 * The environment, and what `.env` in `directory` adds to it, if there is one: the real environment wins.
 * Throws `ConfigError` when the file is there but cannot be read.
 */
export function loadEnv(directory: string, env: Environment = process.env): Environment {
  const file = path.join(directory, '.env')
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return { ...env }
    throw new ConfigError('.env', `${file} cannot be read (${code})`)
  }
  return { ...parseEnv(text), ...env }
}

/**
 * The environment under `npm run dev`: reachable from this machine only, with development tokens. The real environment
 * wins, `.env` does not, unless it names a JWKS, which no development token can be signed for.
 */
export function loadDevEnv(directory: string, env: Environment = process.env): Environment {
  const merged = loadEnv(directory, env)
  // An empty setting counts as left out, here too.
  const devTokens = merged.JWT_JWKS_URL ? {} : { DEV_TOKENS: env.DEV_TOKENS || 'true' }
  return { ...merged, HOST: env.HOST || '127.0.0.1', ...devTokens }
}

/**
 * The secret that signs tokens: the configured one, or the one kept in the data directory, made on first use.
 * Undefined when a JWKS is configured. Throws `ConfigError` when the file cannot be had or others can read it.
 */
export async function resolveSecret(
  config: Pick<Config, 'auth' | 'dataDir'>,
  clock: Clock = systemClock,
): Promise<Secret | undefined> {
  if (config.auth.kind === 'jwks') return undefined
  if (config.auth.kind === 'secret') return config.auth.secret
  try {
    return await secretFromFile(config.dataDir, clock)
  } catch (error) {
    throw new ConfigError('DATA_DIR', (error as Error).message)
  }
}

function readAuth(read: z.output<typeof settings>): AuthConfig {
  const { JWT_SECRET: secret, JWT_JWKS_URL: url, JWT_ISSUER: issuer, JWT_AUDIENCE: audience } = read
  if (url === undefined) {
    for (const name of ['JWT_ISSUER', 'JWT_AUDIENCE', 'JWT_USER_CLAIM'] as const) {
      if (read[name] !== undefined) throw new ConfigError(name, 'has a meaning only with JWT_JWKS_URL, which is not set')
    }
    return secret === undefined ? { kind: 'generated' } : { kind: 'secret', secret: new Secret(secret) }
  }
  if (secret !== undefined) throw new ConfigError('JWT_SECRET', 'contradicts JWT_JWKS_URL: set one of the two')
  if (issuer === undefined) throw new ConfigError('JWT_ISSUER', 'is required with JWT_JWKS_URL')
  if (audience === undefined) throw new ConfigError('JWT_AUDIENCE', 'is required with JWT_JWKS_URL')
  if (read.DEV_TOKENS !== 'off') {
    throw new ConfigError('DEV_TOKENS', 'contradicts JWT_JWKS_URL: without the secret of the login no token can be made')
  }
  return { kind: 'jwks', url, issuer, audience, userClaim: read.JWT_USER_CLAIM ?? 'sub' }
}

function readLimits(given: Environment): Limits {
  const limits: { [name in LimitName]: number } = { ...defaultLimits }
  for (const name of limitNames) {
    const setting = `LIMIT_${name}`
    if (given[setting] === undefined) continue
    const result = wholeNumber(1, name.endsWith('_MS') ? timerMsMax : Number.MAX_SAFE_INTEGER).safeParse(given[setting])
    if (!result.success) throw new ConfigError(setting, result.error.issues[0]?.message ?? 'is not valid')
    limits[name] = result.data
  }
  return Object.freeze(limits)
}

/** A limit or a key that is silently ignored is worse than a server that does not start. */
function refuseMisspelt(given: Environment): void {
  const limits = limitNames.map((name) => `LIMIT_${name}`)
  const tokens = Object.keys(settings.shape).filter((name) => name.startsWith('JWT_'))
  for (const name of Object.keys(given)) {
    if (name.startsWith('LIMIT_') && !limits.includes(name)) {
      throw new ConfigError(name, `there is no such limit; did you mean ${nearest(name, limits)}?`)
    }
    // Other programs may have settings of their own that begin so: only a near miss is taken for ours.
    if (name.startsWith('JWT_') && !tokens.includes(name)) {
      const meant = nearest(name, tokens)
      if (distance(name, meant) <= 2) throw new ConfigError(name, `there is no such setting; did you mean ${meant}?`)
    }
  }
}

function nearest(name: string, names: readonly string[]): string {
  return names.reduce((best, other) => (distance(name, other) < distance(name, best) ? other : best))
}

/** Levenshtein distance: the insertions, deletions and substitutions between two names. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const substituted = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(substituted, row[j]! + 1, next[j - 1]! + 1))
    }
    row = next
  }
  return row[b.length]!
}

const privateNetworks = new BlockList()
for (const [address, prefix] of [
  ['127.0.0.0', 8],
  ['10.0.0.0', 8],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
  ['169.254.0.0', 16],
] as const) {
  privateNetworks.addSubnet(address, prefix, 'ipv4')
}
privateNetworks.addAddress('::1', 'ipv6')
privateNetworks.addSubnet('fc00::', 7, 'ipv6')
privateNetworks.addSubnet('fe80::', 10, 'ipv6')

function mustBeKeyAddress(value: string, context: z.RefinementCtx): void {
  const problem = keyAddressProblem(URL.parse(value))
  if (problem !== undefined) context.addIssue({ code: 'custom', message: problem })
}

/** Whoever can change what this address answers can make tokens for anybody: in clear only inside one's own network. */
function keyAddressProblem(url: URL | null): string | undefined {
  if (url === null || (url.protocol !== 'https:' && url.protocol !== 'http:')) return 'must be an https:// address'
  if (url.username !== '' || url.password !== '') return 'must not contain a user name or password'
  if (url.protocol === 'https:' || isOwnNetwork(url.hostname)) return undefined
  return 'must be https://; http:// is accepted inside a private network only'
}

function isOwnNetwork(host: string): boolean {
  const address = host.replace(/^\[|\]$/g, '')
  const version = isIP(address)
  if (version !== 0) return privateNetworks.check(address, version === 6 ? 'ipv6' : 'ipv4')
  return !host.includes('.') || /\.(localhost|local|internal)$/.test(host)
}

function readOrigins(value: string, context: z.RefinementCtx): readonly string[] {
  const origins = value.split(',').map((item) => item.trim())
  return origins.map((origin) => {
    const url = URL.parse(origin)
    const bare = /^[a-z][a-z0-9+.-]*:\/\/[^/\s?#@*,]+\/?$/i.test(origin)
    if (url === null || !bare) {
      context.addIssue({ code: 'custom', message: 'must be origins such as https://app.example.org, separated by commas' })
      return z.NEVER
    }
    // Schemes other than the web's have no origin for URL, but browsers send scheme and host.
    return url.origin === 'null' ? `${url.protocol}//${url.host}` : url.origin
  })
}

function readProxies(value: string, context: z.RefinementCtx): boolean | string {
  if (value === 'true') return true
  if (value === 'false') return false
  const proxies = value.split(',').map((item) => item.trim())
  for (const proxy of proxies) {
    const [address = '', prefix, ...rest] = proxy.split('/')
    const bits = isIP(address) === 6 ? 128 : 32
    const prefixIsRight = prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= bits)
    if (isIP(address) === 0 || !prefixIsRight || rest.length > 0) {
      context.addIssue({
        code: 'custom',
        message: 'must be false, true, or the addresses of proxies (CIDR), separated by commas',
      })
      return z.NEVER
    }
  }
  return proxies.join(',')
}
