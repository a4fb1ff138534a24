import { type Limits, SottoError } from '@sotto/protocol'
import type { Clock } from '../../clock.ts'
import type { Device, OpenDevice } from '../store.ts'
import type { Committer } from './committer.ts'
import type { Ledger } from './ledger.ts'
import type { Reader } from './reader.ts'

/** Devices that stay in memory though nothing is heard of them. */
const devicesMax = 50_000
/** How stale `last seen` may be. */
const seenMs = 3_600_000

interface Known {
  readonly device: Device
  holds: boolean
  seenAt: number
  usedAt: number
}

export interface DirectoryParts {
  readonly clock: Clock
  readonly limits: Limits
  readonly ledger: Ledger
  readonly committer: Committer
  readonly reader: Reader
}

/** Devices in the memory of the main thread. */
export class Directory {
  private readonly known = new Map<string, Known>()
  /** Of this run: nothing that such a device still has under way is taken. */
  private readonly revoked = new Set<number>()
  private readonly erasing = new Set<string>()
  private round = 0
  private readonly parts: DirectoryParts

  constructor(parts: DirectoryParts) {
    this.parts = parts
  }

  /** Why nothing may be taken from a device now: it was revoked, or its user is being erased, which may yet fail. */
  refusalOf({ no, userId }: Device): 'device_revoked' | 'overloaded' | undefined {
    if (this.revoked.has(no)) return 'device_revoked'
    return this.erasing.has(userId) ? 'overloaded' : undefined
  }

  /** Keeps a user's devices out while the account is erased. */
  async whileErasing<result>(userId: string, erase: () => Promise<result>): Promise<result> {
    this.refuseErasing(userId)
    this.erasing.add(userId)
    try {
      return await erase()
    } finally {
      this.erasing.delete(userId)
    }
  }

  find(userId: string, deviceId: string): Device | undefined | Promise<Device | undefined> {
    const known = this.known.get(keyOf(userId, deviceId))
    if (known !== undefined) {
      known.usedAt = this.round
      return known.device
    }
    return this.parts.reader.run('findDevice', { userId, deviceId }).then((row) => {
      return row === undefined ? undefined : { no: row.no, userId, deviceId }
    })
  }

  /** Throws `device_revoked`, `limit_reached`. */
  async open({ userId, deviceId, holds }: OpenDevice): Promise<Device> {
    const { clock, limits, ledger, committer } = this.parts
    this.refuseErasing(userId)
    const now = clock.now()
    const known = this.known.get(keyOf(userId, deviceId))
    if (known !== undefined && (known.holds || !holds)) {
      known.usedAt = this.round
      if (now - known.seenAt > seenMs) {
        known.seenAt = now
        committer.run('touchDevice', { no: known.device.no, now }).catch(() => {})
      }
      return known.device
    }
    const mailbox = (await ledger.find('user', userId, true))!
    const request = { userId, deviceId, holds, now, limits, userHead: mailbox.durable }
    const opened = await committer.run('openDevice', request)
    for (const { mailbox: no, seq, until } of opened.cursors) {
      const loaded = ledger.knownByNumber(no)
      if (loaded === undefined || loaded.cursors.has(opened.no)) continue
      loaded.cursors.set(opened.no, Math.max(seq, loaded.floor))
      if (until !== null) loaded.untils.set(opened.no, until)
    }
    const device: Device = { no: opened.no, userId, deviceId }
    this.known.set(keyOf(userId, deviceId), { device, holds: opened.holds, seenAt: now, usedAt: this.round })
    return device
  }

  /** The device is no more: nothing is taken from it, and it holds nothing back. */
  forget(userId: string, deviceId: string, no: number): void {
    this.revoked.add(no)
    this.known.delete(keyOf(userId, deviceId))
    this.parts.ledger.dropDevice(no)
  }

  private refuseErasing(userId: string): void {
    if (this.erasing.has(userId)) throw new SottoError('overloaded', 'the account is being erased', { retryAfterMs: 1_000 })
  }

  /** Forgets devices that were not heard of lately. */
  evict(): void {
    this.round++
    if (this.known.size <= devicesMax) return
    for (const [key, known] of this.known) {
      if (this.known.size <= devicesMax) return
      if (known.usedAt < this.round - 1) this.known.delete(key)
    }
  }
}

function keyOf(userId: string, deviceId: string): string {
  return `${userId}/${deviceId}`
}
