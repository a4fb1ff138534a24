import type { DatabaseSync } from 'node:sqlite'
import { eraseAccount, exportAccount } from './accounts.ts'
import { admitMembers } from './admissions.ts'
import { sweepBuckets } from './buckets.ts'
import { deviceList, putDeviceList } from './device-lists.ts'
import { findDevice, listDevices, openDevice, renameDevice, revokeDevice, touchDevice } from './devices.ts'
import { applyGroup, groupsOf, listGroups, loadGroup, purgeGroups } from './groups.ts'
import { expireIds, findId, mergeIds } from './ids.ts'
import { addKeyPackages, claimKeyPackages, sweepKeyPackages } from './key-packages.ts'
import { addPreKeys, claimPreKeys, countKeys, keysLow, setIdentity } from './keys.ts'
import {
  ackedCursors,
  countPairs,
  floorToFree,
  loadHeldMailbox,
  loadMailbox,
  loadMailboxByNumber,
  saveCursors,
  trimMailboxes,
} from './mailboxes.ts'
import { admitCommit, applyCommit, applyMls, groupInfo, purgeWindows, readingOf } from './mls-groups.ts'
import { readEntries, readSubscriptions, seekSettled } from './reads.ts'
import { expiredFloors, sweepExpiring } from './sweep.ts'
import { putTicket, sweepTickets, takeTicket } from './tickets.ts'
import { sweepWelcomeEntries, sweepWelcomes } from './welcomes.ts'

/** What the writer thread does on behalf of the main thread, each in the transaction of a batch. */
export const writes = {
  ackedCursors,
  addKeyPackages,
  addPreKeys,
  admitCommit,
  admitMembers,
  applyCommit,
  applyGroup,
  applyMls,
  claimKeyPackages,
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
  purgeWindows,
  putDeviceList,
  putTicket,
  renameDevice,
  revokeDevice,
  saveCursors,
  setIdentity,
  sweepBuckets,
  sweepExpiring,
  sweepKeyPackages,
  sweepTickets,
  sweepWelcomeEntries,
  sweepWelcomes,
  takeTicket,
  touchDevice,
  trimMailboxes,
} as const

/** What the reader thread answers from its own snapshot. */
export const reads = {
  countKeys,
  deviceList,
  exportAccount,
  expiredFloors,
  findDevice,
  findId,
  groupInfo,
  groupsOf,
  keysLow,
  listDevices,
  listGroups,
  readEntries,
  readingOf,
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
