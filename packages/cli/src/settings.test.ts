import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { ConfigError } from '@sotto/server'
import { expect, onTestFinished, test } from 'vitest'
import { UsageError } from './refusal.ts'
import { configOf, givenSettings } from './settings.ts'

function directoryWith(dotEnv: string): string {
  const directory = mkdtempSync(path.join(tmpdir(), 'sotto-cli-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  writeFileSync(path.join(directory, '.env'), dotEnv)
  return directory
}

test('options win over the environment, which wins over .env, and the source is known', () => {
  const directory = directoryWith('PORT=1\nHOST=file.example\nDATA_DIR=/from-file\nLOG_LEVEL=warn\n')
  const given = givenSettings({ port: '3' }, directory, { PORT: '2', HOST: '127.0.0.1' })
  expect(configOf(given)).toMatchObject({ port: 3, host: '127.0.0.1', dataDir: '/from-file', logLevel: 'warn' })
  expect(['PORT', 'HOST', 'DATA_DIR', 'LOG_LEVEL'].map(given.sourceOf)).toEqual(['--port', 'environment', '.env', '.env'])
})

test('a wrong value is a mistake of the call where an option gave it, and else of the configuration', () => {
  const directory = directoryWith('')
  expect(() => configOf(givenSettings({ port: 'x' }, directory, {}))).toThrow(
    new UsageError('--port: must be a whole number from 0 to 65535'),
  )
  expect(() => configOf(givenSettings({}, directory, { PORT: 'x' }))).toThrow(ConfigError)
  expect(() => configOf(givenSettings({ port: '1' }, directory, { LOG_LEVEL: 'x' }))).toThrow(ConfigError)
})
