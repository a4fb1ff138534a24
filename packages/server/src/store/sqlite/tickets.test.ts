import { expect, test } from 'vitest'
import type { Ticket } from '../store.ts'
import { rows, scratchDatabase } from './scratch.suite.ts'
import { putTicket, sweepTickets, takeTicket } from './tickets.ts'

const ticket: Ticket = { hash: 'h1', userId: 'alice', deviceId: 'phone', tokenExpiresAt: 90_000, expiresAt: 31_000 }

test('a ticket is given back once, as it was put', () => {
  const db = scratchDatabase()
  putTicket(db, ticket)
  expect(takeTicket(db, { hash: 'h2', now: 1_000 })).toBeUndefined()
  expect(takeTicket(db, { hash: 'h1', now: 30_999 })).toEqual(ticket)
  expect(takeTicket(db, { hash: 'h1', now: 30_999 })).toBeUndefined()
})

test('an expired ticket is worth nothing, and asking for it uses it up', () => {
  const db = scratchDatabase()
  putTicket(db, ticket)
  expect(takeTicket(db, { hash: 'h1', now: 31_000 })).toBeUndefined()
  expect(takeTicket(db, { hash: 'h1', now: 1_000 })).toBeUndefined()
})

test('the same ticket is not put twice', () => {
  const db = scratchDatabase()
  putTicket(db, ticket)
  expect(() => putTicket(db, { ...ticket, userId: 'mallory' })).toThrow('UNIQUE')
  expect(takeTicket(db, { hash: 'h1', now: 1_000 })?.userId).toBe('alice')
})

test('sweeping deletes what has expired', () => {
  const db = scratchDatabase()
  putTicket(db, ticket)
  putTicket(db, { ...ticket, hash: 'h2', expiresAt: 32_000 })
  expect(sweepTickets(db, 31_000)).toBe(1)
  expect(rows(db, 'SELECT hash FROM tickets')).toEqual([{ hash: 'h2' }])
})
