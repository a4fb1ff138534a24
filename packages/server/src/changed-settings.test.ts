import { expect, test } from 'vitest'
import { changedSettings } from './changed-settings.ts'
import { ConfigError } from './config.ts'

const secret = 'a secret that is long enough for HS256'

test('says nothing of defaults, however they are given', () => {
  expect(changedSettings({})).toEqual([])
  expect(changedSettings({ PORT: '', HOST: '0.0.0.0', DEV_TOKENS: 'false', LIMIT_SOCKETS: '20000', PATH: '/bin' })).toEqual([])
})

test('names what differs, as it was given', () => {
  expect(changedSettings({ LIMIT_SOCKETS: '5', PORT: '9000', CORS_ORIGINS: 'https://app.example.org' })).toEqual([
    { name: 'PORT', value: '9000' },
    { name: 'CORS_ORIGINS', value: 'https://app.example.org' },
    { name: 'LIMIT_SOCKETS', value: '5' },
  ])
})

test('shows no secret', () => {
  expect(changedSettings({ JWT_SECRET: secret })).toEqual([{ name: 'JWT_SECRET', value: '[secret]' }])
  const login = { JWT_JWKS_URL: 'https://login.example.org/keys?apikey=abc', JWT_ISSUER: 'https://login.example.org' }
  expect(changedSettings({ ...login, JWT_AUDIENCE: 'sotto' })).toContainEqual({
    name: 'JWT_JWKS_URL',
    value: 'https://login.example.org/keys',
  })
})

test('refuses what the server would refuse', () => {
  expect(() => changedSettings({ PORT: 'x' })).toThrow(ConfigError)
})
