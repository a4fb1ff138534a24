import { mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import { type DeviceParts, SimDevice } from './device.ts'
import type { Fate } from './record.ts'

const users = ['ada', 'bo', 'cy', 'di', 'ed', 'fay', 'gus', 'hal', 'ida', 'jo', 'kim', 'lee'] as const
/** The first so many have two devices from the start: twenty devices in all. */
const withTwo = 8
/** Every so many devices keep what they know in SQLite, the others in memory. */
const sqliteEvery = 7

/** The users, and the devices that they have just now. */
export class Company {
  readonly users: readonly string[] = users
  readonly #parts: DeviceParts
  readonly #directory: string
  readonly #all: SimDevice[] = []

  constructor(parts: DeviceParts, directory: string) {
    this.#parts = parts
    this.#directory = directory
  }

  /** Everybody opens a first device; some link a second one. */
  async assemble(): Promise<void> {
    const first = await Promise.all(users.map((user) => this.#open(user)))
    await Promise.all(first.slice(0, withTwo).map((device) => this.link(device)))
  }

  /** Devices that are not revoked. */
  get devices(): readonly SimDevice[] {
    return this.#all.filter(({ isRevoked }) => !isRevoked)
  }

  devicesOf(userId: string): SimDevice[] {
    return this.devices.filter((device) => device.userId === userId)
  }

  get fates(): Fate[] {
    return this.#all.map(({ name, isRevoked }) => ({ device: name, revoked: isRevoked }))
  }

  /** Opens another device of the user, which `by` takes up. */
  async link(by: SimDevice): Promise<void> {
    const code = Promise.withResolvers<string>()
    const opened = this.#open(by.userId, code.resolve)
    opened.catch(code.reject)
    await by.sotto.linkDevice(await code.promise)
    await opened
  }

  async revoke(by: SimDevice, other: SimDevice): Promise<void> {
    // From here on nobody relies on it; should the revocation fail, it is there all the same.
    other.isRevoked = true
    try {
      await by.sotto.revokeDevice(other.deviceId)
    } catch (error) {
      other.isRevoked = false
      throw error
    }
    await other.end()
  }

  async end(): Promise<void> {
    await Promise.all(this.#all.map((device) => device.end()))
  }

  async #open(userId: string, onCode?: (code: string) => void): Promise<SimDevice> {
    const isOnDisk = this.#all.length % sqliteEvery === 0
    const device = await SimDevice.open(userId, this.#parts, {
      ...(isOnDisk ? { sqliteDirectory: mkdtempSync(join(this.#directory, 'device-')) } : {}),
      ...(onCode === undefined ? {} : { onCode }),
    })
    this.#all.push(device)
    return device
  }
}
