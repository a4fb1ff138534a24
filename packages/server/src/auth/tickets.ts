import { hash } from 'node:crypto'
import { SottoError, wire } from '@sotto/protocol'
import type { Clock } from '../clock.ts'
import type { Store } from '../store/store.ts'
import type { Identity } from './authenticator.ts'

const ticketBytes = 32
/** Nothing longer is worth hashing. */
const ticketLengthMax = 128

/**
 * A ticket stands for the token that was presented: single use, 30 s, and no longer than the token itself.
 * The store gets its hash only: who reads the database cannot connect with it. Times in milliseconds since 1970.
 */
export async function issueTicket(
  store: Pick<Store, 'putTicket'>,
  clock: Clock,
  identity: Identity,
  deviceId: string,
): Promise<{ ticket: string; expiresAt: number }> {
  const ticket = clock.random(ticketBytes)
  const expiresAt = Math.min(clock.now() + wire.ticketMs, identity.expiresAt)
  await store.putTicket({
    hash: hash('sha256', ticket, 'base64url'),
    userId: identity.userId,
    deviceId,
    tokenExpiresAt: identity.expiresAt,
    expiresAt,
  })
  return { ticket, expiresAt }
}

/** Whom a ticket stands for; it is used up. Throws `unauthenticated`, `token_expired`. */
export async function redeemTicket(store: Pick<Store, 'takeTicket'>, clock: Clock, ticket: string): Promise<Identity> {
  if (ticket.length > ticketLengthMax) throw refused()
  const taken = await store.takeTicket(hash('sha256', ticket, 'base64url'))
  if (taken === undefined) throw refused()
  const now = clock.now()
  if (taken.tokenExpiresAt <= now) throw new SottoError('token_expired')
  if (taken.expiresAt <= now) throw refused()
  return { userId: taken.userId, deviceId: taken.deviceId, expiresAt: taken.tokenExpiresAt }
}

function refused(): SottoError {
  return new SottoError('unauthenticated', 'the ticket is not accepted')
}
