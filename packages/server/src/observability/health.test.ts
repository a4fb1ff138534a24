import { expect, it } from 'vitest'
import { localBus } from '../bus/local.ts'
import { readiness } from './health.ts'

const well = { ping: async () => {} }
const ill = { ping: () => Promise.reject(new Error('postgres://u:hunter2@db is gone')) }
const silent = { ping: () => new Promise<void>(() => {}) }
const broken = {
  ping(): Promise<void> {
    throw new Error('at once')
  },
}

it.each([
  ['both answer', well, localBus(), { ready: true, store: 'ok', bus: 'ok' }],
  ['the store fails', ill, localBus(), { ready: false, store: 'failed', bus: 'ok' }],
  ['the bus fails', well, ill, { ready: false, store: 'ok', bus: 'failed' }],
  ['the store is silent', silent, localBus(), { ready: false, store: 'timeout', bus: 'ok' }],
  ['both are silent', silent, silent, { ready: false, store: 'timeout', bus: 'timeout' }],
  ['the store throws', broken, well, { ready: false, store: 'failed', bus: 'ok' }],
] as const)('%s', async (_, store, bus, expected) => {
  expect(await readiness(store, bus, 50)).toEqual(expected)
})
