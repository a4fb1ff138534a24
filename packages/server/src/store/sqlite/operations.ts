import type { DatabaseSync } from 'node:sqlite'
import { eraseAccount, exportAccount } from './accounts.ts'
import { sweepBuckets } from './buckets.ts'
import { findDevice, listDevices, openDevice, renameDevice, revokeDevice, touchDevice } from './devices.ts'
import { admitMembers, applyGroup, groupsOf, listGroups, loadGroup, purgeGroups } from './groups.ts'
import { expireIds, findId, mergeIds } from './ids.ts'
import { addPreKeys, claimPreKeys, countKeys, keysLow, setIdentity } from './keys.ts'
import {
  countPairs,
  floorToFree,
  loadHeldMailbox,
  loadMailbox,
  loadMailboxByNumber,
  saveCursors,
  trimMailboxes,
} from './mailboxes.ts'
import { readEntries, readSubscriptions, seekSettled } from './reads.ts'
import { expiredFloors, sweepExpiring } from './sweep.ts'
import { putTicket, sweepTickets, takeTicket } from './tickets.ts'

/** What the writer thread does on behalf of the main thread, each in the transaction of a batch. */
export const writes = {
  addPreKeys,
  admitMembers,
  applyGroup,
  claimPreKeys,
  countPairs,
  eraseAccount,
  expireIds,
  floorToFree,
  loadGroup,
  loadHeldMailbox,
  loadMailbox,
  loadMailboxByNumber,
  mergeIds,
  openDevice,
  purgeGroups,
  putTicket,
  renameDevice,
  revokeDevice,
  saveCursors,
  setIdentity,
  sweepBuckets,
  sweepExpiring,
  sweepTickets,
  takeTicket,
  touchDevice,
  trimMailboxes,
} as const

/** What the reader thread answers from its own snapshot. */
export const reads = {
  countKeys,
  exportAccount,
  expiredFloors,
  findDevice,
  findId,
  groupsOf,
  keysLow,
  listDevices,
  listGroups,
  readEntries,
  readSubscriptions,
  seekSettled,
} as const

type Operations = typeof writes & typeof reads
export type WriteName = keyof typeof writes
export type ReadName = keyof typeof reads
export type Arguments<name extends keyof Operations> = Operations[name] extends (db: DatabaseSync, args: infer args) => unknown
  ? args
  : never
export type Result<name extends keyof Operations> = ReturnType<Operations[name]>
