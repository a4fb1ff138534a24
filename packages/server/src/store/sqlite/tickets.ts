import type { DatabaseSync } from 'node:sqlite'
import type { Ticket } from '../store.ts'
import { prepared } from './statements.ts'

export function putTicket(db: DatabaseSync, { hash, userId, deviceId, tokenExpiresAt, expiresAt }: Ticket): void {
  prepared(db, 'INSERT INTO tickets(hash, user_id, device_id, token_expires_at, expires_at) VALUES (?, ?, ?, ?, ?)').run(
    hash,
    userId,
    deviceId,
    tokenExpiresAt,
    expiresAt,
  )
}

/** At most one caller gets a ticket, and only before it expires. */
export function takeTicket(db: DatabaseSync, { hash, now }: { hash: string; now: number }): Ticket | undefined {
  const ticket = prepared(
    db,
    `DELETE FROM tickets WHERE hash = ? RETURNING hash, user_id AS userId, device_id AS deviceId,
       token_expires_at AS tokenExpiresAt, expires_at AS expiresAt`,
  ).get(hash) as Ticket | undefined
  return ticket !== undefined && ticket.expiresAt > now ? { ...ticket } : undefined
}

/** Deletes expired tickets; how many. */
export function sweepTickets(db: DatabaseSync, now: number): number {
  return Number(prepared(db, 'DELETE FROM tickets WHERE expires_at <= ?').run(now).changes)
}
