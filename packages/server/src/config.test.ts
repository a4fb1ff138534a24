import { execFile } from 'node:child_process'
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { inspect, promisify } from 'node:util'
import { defaultLimits, limitNames } from '@sotto/protocol'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Secret } from './auth/secret.ts'
import { ConfigError, loadDevEnv, loadEnv, readConfig, resolveSecret } from './config.ts'

const secret = 'a-secret-of-more-than-32-bytes-which-nobody-may-see'
const jwks = { JWT_JWKS_URL: 'https://login.example.org/keys', JWT_ISSUER: 'https://login.example.org/', JWT_AUDIENCE: 'sotto' }

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'sotto-config-'))
})
afterEach(() => rm(directory, { recursive: true, force: true }))

function refusal(env: Record<string, string>): ConfigError {
  try {
    readConfig(env)
  } catch (error) {
    if (error instanceof ConfigError) return error
    throw error
  }
  throw new Error('the settings were accepted')
}

describe('settings', () => {
  it('have the defaults of the manual', () => {
    expect(readConfig({})).toEqual({
      host: '0.0.0.0',
      port: 8080,
      dataDir: path.resolve('data'),
      auth: { kind: 'generated' },
      devTokens: 'off',
      retentionMs: 30 * 24 * 3_600_000,
      logLevel: 'info',
      corsOrigins: [],
      trustProxy: false,
      limits: defaultLimits,
    })
  })

  it('are each read', () => {
    const config = readConfig({
      HOST: '::1',
      PORT: '0',
      DATA_DIR: '/var/lib/sotto',
      JWT_SECRET: secret,
      DEV_TOKENS: 'anyone',
      RETENTION_DAYS: '7',
      LOG_LEVEL: 'debug',
      CORS_ORIGINS: 'https://App.example.org:443/, http://localhost:5173,capacitor://localhost',
      TRUST_PROXY: '10.0.0.0/8, ::1',
      LIMIT_SOCKETS: '7',
      LIMIT_HELLO_MS: '250',
    })
    expect(config).toMatchObject({
      host: '::1',
      port: 0,
      dataDir: '/var/lib/sotto',
      devTokens: 'anyone',
      retentionMs: 7 * 24 * 3_600_000,
      logLevel: 'debug',
      corsOrigins: ['https://app.example.org', 'http://localhost:5173', 'capacitor://localhost'],
      trustProxy: '10.0.0.0/8,::1',
      limits: { ...defaultLimits, SOCKETS: 7, HELLO_MS: 250 },
    })
    expect(config.auth).toMatchObject({ kind: 'secret' })
    expect(config.auth.kind === 'secret' && config.auth.secret.reveal()).toBe(secret)
  })

  it('of a JWKS are read, with `sub` as the user claim', () => {
    const auth = { kind: 'jwks', url: jwks.JWT_JWKS_URL, issuer: jwks.JWT_ISSUER, audience: 'sotto' }
    expect(readConfig(jwks).auth).toEqual({ ...auth, userClaim: 'sub' })
    expect(readConfig({ ...jwks, JWT_USER_CLAIM: 'uid' }).auth).toEqual({ ...auth, userClaim: 'uid' })
  })

  it.each([
    'http://127.0.0.1:9/keys',
    'http://[::1]/keys',
    'http://10.1.2.3/keys',
    'http://keycloak:8080/keys',
    'http://auth.internal/keys',
  ])('accept %s inside the own network', (url) => {
    expect(readConfig({ ...jwks, JWT_JWKS_URL: url }).auth).toMatchObject({ url })
  })

  it('that are empty count as left out', () => {
    expect(readConfig({ PORT: '', JWT_SECRET: '', DATABASE_URL: '', LIMIT_SOCKETS: '', CORS_ORIGINS: '' })).toEqual(
      readConfig({}),
    )
  })

  it('of others are none of our business', () => {
    expect(readConfig({ PATH: '/bin', JWT_EXPIRES_IN: '1h', TOKEN: 'x' })).toEqual(readConfig({}))
  })

  it.each(limitNames)('LIMIT_%s is read', (name) => {
    expect(readConfig({ [`LIMIT_${name}`]: '12345' }).limits).toEqual({ ...defaultLimits, [name]: 12_345 })
  })
})

describe('a wrong setting', () => {
  const cases: readonly [setting: string, env: Record<string, string>, says: RegExp][] = [
    ['HOST', { HOST: 'localhost:8080' }, /without a port/],
    ['HOST', { HOST: 'http://localhost' }, /an address or a host name/],
    ['HOST', { HOST: '-x' }, /an address or a host name/],
    ['PORT', { PORT: 'http' }, /a whole number from 0 to 65535/],
    ['PORT', { PORT: '65536' }, /a whole number from 0 to 65535/],
    ['PORT', { PORT: '-1' }, /a whole number/],
    ['PORT', { PORT: '80.5' }, /a whole number/],
    ['PORT', { PORT: '0x50' }, /a whole number/],
    ['PORT', { PORT: '8e3' }, /a whole number/],
    ['PORT', { PORT: ' 80' }, /a whole number/],
    ['DATA_DIR', { DATA_DIR: 'a\0b' }, /a path/],
    ['DATABASE_URL', { DATABASE_URL: 'mysql://db/sotto' }, /postgres:\/\//],
    ['DATABASE_URL', { DATABASE_URL: 'postgres://u:hunter2@db/sotto', JWT_SECRET: secret }, /not built into this version/],
    ['DATABASE_URL', { DATABASE_URL: 'postgresql://db/sotto', ...jwks }, /not built into this version/],
    ['JWT_SECRET', { DATABASE_URL: 'postgres://u:hunter2@db/sotto' }, /required with a PostgreSQL DATABASE_URL/],
    ['BUS_URL', { BUS_URL: 'redis://bus' }, /nats:\/\//],
    ['BUS_URL', { BUS_URL: 'nats://bus:4222' }, /not built into this version/],
    ['JWT_SECRET', { JWT_SECRET: 'hunter2' }, /at least 32 bytes/],
    ['JWT_SECRET', { JWT_SECRET: 'x'.repeat(31) }, /at least 32 bytes/],
    ['JWT_SECRET', { JWT_SECRET: `${secret}\n` }, /white space/],
    ['JWT_SECRET', { ...jwks, JWT_SECRET: secret }, /contradicts JWT_JWKS_URL/],
    ['JWT_ISSUER', { ...jwks, JWT_ISSUER: '' }, /required with JWT_JWKS_URL/],
    ['JWT_AUDIENCE', { ...jwks, JWT_AUDIENCE: '' }, /required with JWT_JWKS_URL/],
    ['JWT_ISSUER', { JWT_SECRET: secret, JWT_ISSUER: 'x' }, /only with JWT_JWKS_URL/],
    ['JWT_AUDIENCE', { JWT_AUDIENCE: 'x' }, /only with JWT_JWKS_URL/],
    ['JWT_USER_CLAIM', { JWT_USER_CLAIM: 'x' }, /only with JWT_JWKS_URL/],
    ['JWT_JWKS_URL', { ...jwks, JWT_JWKS_URL: 'login.example.org/keys' }, /https:\/\//],
    ['JWT_JWKS_URL', { ...jwks, JWT_JWKS_URL: 'file:///etc/keys' }, /https:\/\//],
    ['JWT_JWKS_URL', { ...jwks, JWT_JWKS_URL: 'http://login.example.org/keys' }, /private network/],
    ['JWT_JWKS_URL', { ...jwks, JWT_JWKS_URL: 'http://8.8.8.8/keys' }, /private network/],
    ['JWT_JWKS_URL', { ...jwks, JWT_JWKS_URL: 'https://u:hunter2@login.example.org/keys' }, /user name or password/],
    ['JWT_JWKS_URI', { JWT_JWKS_URI: 'https://login.example.org/keys' }, /did you mean JWT_JWKS_URL\?/],
    ['JWT_SECRETS', { JWT_SECRETS: secret }, /did you mean JWT_SECRET\?/],
    ['DEV_TOKENS', { DEV_TOKENS: 'yes' }, /one of false, true, anyone/],
    ['DEV_TOKENS', { ...jwks, DEV_TOKENS: 'true' }, /contradicts JWT_JWKS_URL/],
    ['DEV_TOKENS', { ...jwks, DEV_TOKENS: 'anyone' }, /contradicts JWT_JWKS_URL/],
    ['RETENTION_DAYS', { RETENTION_DAYS: '0' }, /from 1/],
    ['RETENTION_DAYS', { RETENTION_DAYS: '1.5' }, /a whole number/],
    ['RETENTION_DAYS', { RETENTION_DAYS: '99999999999999999999' }, /a whole number/],
    ['LOG_LEVEL', { LOG_LEVEL: 'loud' }, /one of trace, debug, info/],
    ['CORS_ORIGINS', { CORS_ORIGINS: '*' }, /origins such as/],
    ['CORS_ORIGINS', { CORS_ORIGINS: 'app.example.org' }, /origins such as/],
    ['CORS_ORIGINS', { CORS_ORIGINS: 'https://app.example.org/path' }, /origins such as/],
    ['CORS_ORIGINS', { CORS_ORIGINS: 'https://a.example,,https://b.example' }, /origins such as/],
    ['CORS_ORIGINS', { CORS_ORIGINS: 'https://*.example.org' }, /origins such as/],
    ['TRUST_PROXY', { TRUST_PROXY: 'yes' }, /addresses of proxies/],
    ['TRUST_PROXY', { TRUST_PROXY: '10.0.0.0/33' }, /addresses of proxies/],
    ['TRUST_PROXY', { TRUST_PROXY: '10.0.0.0/8/8' }, /addresses of proxies/],
    ['LIMIT_SOCKETS', { LIMIT_SOCKETS: '0' }, /from 1/],
    ['LIMIT_SOCKETS', { LIMIT_SOCKETS: '-5' }, /a whole number/],
    ['LIMIT_SOCKETS', { LIMIT_SOCKETS: '1k' }, /a whole number/],
    ['LIMIT_FRAME_BYTES', { LIMIT_FRAME_BYTES: '9999999999999999' }, /a whole number/],
    ['LIMIT_HELLO_MS', { LIMIT_HELLO_MS: '2147483648' }, /to 2147483647/],
    ['LIMIT_SOCKET', { LIMIT_SOCKET: '5' }, /did you mean LIMIT_SOCKETS\?/],
    ['LIMIT_CYPHERTEXT_BYTES', { LIMIT_CYPHERTEXT_BYTES: '5' }, /did you mean LIMIT_CIPHERTEXT_BYTES\?/],
    ['LIMIT_toString', { LIMIT_toString: '5' }, /there is no such limit/],
  ]

  it.each(cases)('%s in %o is refused in one line', (setting, env, says) => {
    const error = refusal(env)
    expect(error.setting).toBe(setting)
    expect(error.message).toMatch(says)
    expect(error.message).toMatch(new RegExp(`^${setting}: [^\\n]+$`))
    expect(error.message).not.toMatch(/hunter2/)
    expect(error.message).not.toContain(secret)
  })
})

describe('a secret', () => {
  it('is never printed', () => {
    const config = readConfig({ JWT_SECRET: secret })
    const hidden = new Secret(secret)
    const printed = [
      JSON.stringify(config),
      inspect(config, { depth: Number.POSITIVE_INFINITY, showHidden: true, getters: true }),
      String(hidden),
      `${hidden}`,
      // biome-ignore lint/style/useTemplate: the other way to make a text of it
      '' + hidden,
      inspect({ nested: [hidden] }),
      JSON.stringify({ nested: [hidden] }),
      inspect(Object.assign(new Error('x'), { hidden })),
      JSON.stringify(structuredClone({ ...hidden })),
      Object.keys(hidden).join(),
    ]
    for (const text of printed) expect(text).not.toContain(secret)
    expect(String(hidden)).toBe('[secret]')
    expect(JSON.stringify(config)).toContain('[secret]')
    expect(inspect(config)).toContain('[secret]')
    expect(hidden.reveal()).toBe(secret)
  })

  it('that is configured is the one that is used', async () => {
    const used = await resolveSecret({ ...readConfig({ JWT_SECRET: secret }), dataDir: directory })
    expect(used?.reveal()).toBe(secret)
    expect(await readdir(directory)).toEqual([])
  })

  it('is not made when there is a JWKS', async () => {
    expect(await resolveSecret({ ...readConfig(jwks), dataDir: directory })).toBeUndefined()
    expect(await readdir(directory)).toEqual([])
  })

  it('is made on the first start, for the owner only, and kept', async () => {
    const config = { ...readConfig({}), dataDir: path.join(directory, 'deep', 'data') }
    const made = await resolveSecret(config)
    const file = path.join(config.dataDir, 'jwt-secret')
    expect((await stat(file)).mode & 0o777).toBe(0o600)
    expect((await stat(config.dataDir)).mode & 0o777).toBe(0o700)
    expect(await readFile(file, 'utf8')).toBe(`${made?.reveal()}\n`)
    expect(made?.reveal()).toMatch(/^[A-Za-z0-9_-]{43}$/)
    expect((await resolveSecret(config))?.reveal()).toBe(made?.reveal())
    expect(readConfig({ JWT_SECRET: made?.reveal() }).auth.kind).toBe('secret')
    const other = await resolveSecret({ ...config, dataDir: path.join(directory, 'other') })
    expect(other?.reveal()).not.toBe(made?.reveal())
  })

  it('is one for processes that race', async () => {
    const program = `
      import { readConfig, resolveSecret } from ${JSON.stringify(new URL('config.ts', import.meta.url).href)}
      const secret = await resolveSecret({ ...readConfig({}), dataDir: ${JSON.stringify(directory)} })
      console.log(secret.reveal())`
    const run = () => promisify(execFile)(process.execPath, ['-C', 'source', '--input-type=module', '-e', program])
    const outputs = await Promise.all(Array.from({ length: 4 }, run))
    const [secret = '', ...others] = new Set(outputs.map(({ stdout }) => stdout))
    expect(secret).toMatch(/^[A-Za-z0-9_-]{43}\n$/)
    expect(others).toEqual([])
    expect(await readdir(directory)).toEqual(['jwt-secret'])
  })

  it('is one for starts that race within a process', async () => {
    const config = { ...readConfig({}), dataDir: directory }
    const secrets = await Promise.all(Array.from({ length: 32 }, async () => (await resolveSecret(config))?.reveal()))
    expect(new Set(secrets).size).toBe(1)
    expect(await readdir(directory)).toEqual(['jwt-secret'])
  })

  it.each([0o640, 0o604, 0o666])('in a file of mode %o is refused', async (mode) => {
    const file = path.join(directory, 'jwt-secret')
    await writeFile(file, secret)
    await chmod(file, mode)
    const refused = resolveSecret({ ...readConfig({}), dataDir: directory })
    await expect(refused).rejects.toThrow(ConfigError)
    await expect(refused).rejects.toThrow(/^DATA_DIR: .*jwt-secret can be read by others \(mode 6\d\d\)/)
    await expect(refused).rejects.not.toThrow(secret)
  })

  it('that is too short in its file is refused', async () => {
    await writeFile(path.join(directory, 'jwt-secret'), 'short\n', { mode: 0o600 })
    await expect(resolveSecret({ ...readConfig({}), dataDir: directory })).rejects.toThrow(/^DATA_DIR: .*shorter than 32 bytes/)
  })

  it('cannot be made where there is a file in the way', async () => {
    await writeFile(path.join(directory, 'data'), '')
    const refused = resolveSecret({ ...readConfig({}), dataDir: path.join(directory, 'data') })
    await expect(refused).rejects.toThrow(/^DATA_DIR: .*(ENOTDIR|EEXIST)/)
  })
})

describe('.env', () => {
  it('adds to the environment, which wins', async () => {
    await writeFile(path.join(directory, '.env'), '# local\nPORT=9000\nHOST="127.0.0.1"\nJWT_SECRET=\nLOG_LEVEL=debug # noisy\n')
    const env = { PORT: '9001', LOG_LEVEL: '' }
    expect(loadEnv(directory, env)).toEqual({ PORT: '9001', HOST: '127.0.0.1', JWT_SECRET: '', LOG_LEVEL: '' })
    expect(env).toEqual({ PORT: '9001', LOG_LEVEL: '' })
  })

  it('may be missing', () => {
    expect(loadEnv(directory, { PORT: '1' })).toEqual({ PORT: '1' })
  })

  it('leaves the environment of the process as it is', async () => {
    await writeFile(path.join(directory, '.env'), 'SOTTO_ONLY_IN_THE_FILE=1\n')
    expect(loadEnv(directory)).toMatchObject({ ...process.env, SOTTO_ONLY_IN_THE_FILE: '1' })
    expect(process.env.SOTTO_ONLY_IN_THE_FILE).toBeUndefined()
  })

  it('that cannot be read is named', async () => {
    await mkdir(path.join(directory, '.env'))
    expect(() => loadEnv(directory, {})).toThrow(/^\.env: .* cannot be read \(EISDIR\)$/)
  })
})

describe('the environment for development', () => {
  const env = (file: string, real: Record<string, string>) => async () => {
    await writeFile(path.join(directory, '.env'), file)
    const { host, devTokens, auth, port } = readConfig(loadDevEnv(directory, real))
    return { host, devTokens, auth: auth.kind, port }
  }
  const usual = { host: '127.0.0.1', devTokens: 'loopback', auth: 'generated', port: 8080 }
  const named = Object.entries(jwks).map(([name, value]) => `${name}=${value}\n`)

  it('is this machine alone, with development tokens, without any file', () => {
    expect(readConfig(loadDevEnv(directory, {}))).toMatchObject({ host: '127.0.0.1', devTokens: 'loopback' })
  })

  it.each([
    ['what `.env` says of other things is kept', env('PORT=9000\n', {}), { ...usual, port: 9000 }],
    ['what `.env` says of these is not', env('HOST=0.0.0.0\nDEV_TOKENS=false\n', {}), usual],
    ['the real environment wins', env('', { HOST: '::1', DEV_TOKENS: 'false' }), { ...usual, host: '::1', devTokens: 'off' }],
    ['also over `.env`', env('PORT=9000\n', { PORT: '9001' }), { ...usual, port: 9001 }],
    ['what is empty counts as left out', env('PORT=\n', { HOST: '', DEV_TOKENS: '', JWT_JWKS_URL: '' }), usual],
    ['a JWKS in `.env` has no development tokens', env(named.join(''), {}), { ...usual, devTokens: 'off', auth: 'jwks' }],
    ['nor has one in the real environment', env('JWT_JWKS_URL=\n', jwks), { ...usual, devTokens: 'off', auth: 'jwks' }],
    [
      'one that the real environment takes back is none',
      env(named.join(''), { JWT_JWKS_URL: '', JWT_ISSUER: '', JWT_AUDIENCE: '' }),
      usual,
    ],
  ])('%s', async (_, read, expected) => {
    expect(await read()).toEqual(expected)
  })

  it('with development tokens and a JWKS both asked for is refused', async () => {
    await expect(env(named.join(''), { DEV_TOKENS: 'true' })()).rejects.toThrow(/^DEV_TOKENS: contradicts JWT_JWKS_URL/)
  })

  it('leaves the environment of the process as it is', () => {
    const before = { ...process.env }
    expect(loadDevEnv(directory)).toMatchObject({ HOST: process.env.HOST || '127.0.0.1' })
    expect(process.env).toEqual(before)
  })
})
