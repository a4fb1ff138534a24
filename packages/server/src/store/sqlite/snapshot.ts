import type { Device, Subscription } from '../store.ts'
import type { JournalRecord } from './journal.ts'
import { Mailbox } from './mailbox.ts'

/** A subscription as the reader's snapshot had it, brought up to what is in memory. `device` null: one that is not registered. */
export function subscriptionNow(row: Subscription, known: Mailbox, device: Device | null): Subscription {
  const cursor = device === null ? undefined : known.cursors.get(device.no)
  // A removal that the snapshot did not have yet.
  const until = device === null ? undefined : known.untils.get(device.no)
  const windows = until === undefined ? row.windows : row.windows.map(({ from, to }) => ({ from, to: Math.min(to, until) }))
  return { ...row, windows, head: known.durable, cursor: cursor ?? Math.max(row.cursor, Math.min(known.floor, known.durable)) }
}

/** Stands for a mailbox that is no more while the journal still holds entries of it: their ids must be known. */
export function droppedMailbox({ mailbox: no, seq }: JournalRecord): Mailbox {
  const head = seq - 1
  const counts = { head, floor: head, limitFloor: 0, delivered: head, receivedAt: 0, bytes: 0 }
  const mailbox = new Mailbox({ no, kind: 'device', owner: '', ...counts, cursors: [], pairs: [] })
  mailbox.dead = true
  return mailbox
}
