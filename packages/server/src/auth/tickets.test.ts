import { hash } from 'node:crypto'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { systemClock } from '../clock.ts'
import type { Store, Ticket } from '../store/store.ts'
import { type StoppedClock, stoppedClock } from './forge.suite.ts'
import { issueTicket, redeemTicket } from './tickets.ts'

let database: DatabaseSync
let store: Pick<Store, 'putTicket' | 'takeTicket'>
let clock: StoppedClock

beforeEach(() => {
  clock = stoppedClock()
  database = new DatabaseSync(':memory:')
  database.exec('CREATE TABLE tickets (hash TEXT PRIMARY KEY, userId TEXT, deviceId TEXT, tokenExpiresAt INT, expiresAt INT)')
  const put = database.prepare('INSERT INTO tickets VALUES (?, ?, ?, ?, ?)')
  const take = database.prepare('DELETE FROM tickets WHERE hash = ? RETURNING *')
  store = {
    async putTicket({ hash, userId, deviceId, tokenExpiresAt, expiresAt }) {
      put.run(hash, userId, deviceId, tokenExpiresAt, expiresAt)
    },
    takeTicket: async (hash) => take.get(hash) as unknown as Ticket | undefined,
  }
})
afterEach(() => database.close())

const identity = () => ({ userId: 'alice', deviceId: null, expiresAt: clock.now() + 3_600_000 })
const refused = { code: 'unauthenticated', message: 'the ticket is not accepted' }

it('stands for the identity and the device, for 30 s, once', async () => {
  const { ticket, expiresAt } = await issueTicket(store, clock, identity(), 'phone')
  expect(expiresAt).toBe(clock.now() + 30_000)
  const { expiresAt: tokenExpiresAt } = identity()
  clock.nowMs += 29_999
  expect(await redeemTicket(store, clock, ticket)).toEqual({ userId: 'alice', deviceId: 'phone', expiresAt: tokenExpiresAt })
  await expect(redeemTicket(store, clock, ticket)).rejects.toMatchObject(refused)
})

it('is given to one of those who race for it', async () => {
  const { ticket } = await issueTicket(store, clock, identity(), 'phone')
  const outcomes = await Promise.allSettled(Array.from({ length: 20 }, () => redeemTicket(store, clock, ticket)))
  expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
})

it('expires, even if the store still holds it', async () => {
  const { ticket, expiresAt } = await issueTicket(store, clock, identity(), 'phone')
  clock.nowMs = expiresAt
  await expect(redeemTicket(store, clock, ticket)).rejects.toMatchObject(refused)
})

it('does not outlive the token', async () => {
  const short = { ...identity(), expiresAt: clock.now() + 5_000 }
  const { ticket, expiresAt } = await issueTicket(store, clock, short, 'phone')
  expect(expiresAt).toBe(short.expiresAt)
  clock.nowMs = expiresAt
  await expect(redeemTicket(store, clock, ticket)).rejects.toMatchObject({ code: 'token_expired' })
})

it('is unpredictable, and the store does not hold it', async () => {
  const { ticket } = await issueTicket(store, systemClock, identity(), 'phone')
  const other = await issueTicket(store, systemClock, identity(), 'phone')
  expect(ticket).toMatch(/^[A-Za-z0-9_-]{43}$/)
  expect(other.ticket).not.toBe(ticket)
  const rows = JSON.stringify(database.prepare('SELECT * FROM tickets').all())
  expect(rows).toContain(hash('sha256', ticket, 'base64url'))
  expect(rows).not.toContain(ticket)
})

it.each(['', 'x', 'A'.repeat(43), 'A'.repeat(129), '\0', "' OR 1=1 --"])('%j is no ticket', async (ticket) => {
  await issueTicket(store, clock, identity(), 'phone')
  await expect(redeemTicket(store, clock, ticket)).rejects.toMatchObject(refused)
})

it('whose hash is presented is no ticket', async () => {
  const { ticket } = await issueTicket(store, clock, identity(), 'phone')
  await expect(redeemTicket(store, clock, hash('sha256', ticket, 'base64url'))).rejects.toMatchObject(refused)
})
