import { setTimeout as sleep } from 'node:timers/promises'
import { SottoClientError } from '@sotto/client'
import { type DeviceParts, SimDevice } from './device.ts'
import type { Fate } from './record.ts'

const users = ['ada', 'bo', 'cy', 'di', 'ed', 'fay', 'gus', 'hal', 'ida', 'jo', 'kim', 'lee'] as const
const retryMs = 100
/** Of calls that may be made once more. */
const transient: ReadonlySet<string> = new Set(['offline', 'closed', 'overloaded', 'internal', 'identity_changed'])
/** The first so many have two devices from the start: twenty devices in all. */
const withTwo = 8

/** The users, and the devices that they have just now. */
export class Company {
  readonly users: readonly string[] = users
  readonly #parts: DeviceParts
  readonly #all: SimDevice[] = []
  #isOver = false

  constructor(parts: DeviceParts) {
    this.#parts = parts
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
    const shown = await code.promise
    // Where the answer gets lost, the user scans the code once more.
    await this.#untilDone(() => by.sotto.linkDevice(shown), /the device is linked already/)
    await opened
  }

  /** From the first word on nobody relies on the other device; the user asks until it is out. */
  async revoke(by: SimDevice, other: SimDevice): Promise<void> {
    other.isRevoked = true
    await other.end()
    await this.#untilDone(() => by.sotto.revokeDevice(other.deviceId), /there is no such device/)
  }

  /** Again and again, as a user would; `done`: an earlier try has done it already, and its answer got lost. */
  async #untilDone(task: () => Promise<unknown>, done: RegExp): Promise<void> {
    for (let tries = 1; !this.#isOver; tries++, await sleep(retryMs)) {
      try {
        await task()
        return
      } catch (error) {
        if (!(error instanceof SottoClientError)) throw error
        if (tries > 1 && done.test(error.message)) return
        if (!transient.has(error.code)) throw error
      }
    }
  }

  async end(): Promise<void> {
    this.#isOver = true
    await Promise.all(this.#all.map((device) => device.end()))
  }

  async #open(userId: string, onCode?: (code: string) => void): Promise<SimDevice> {
    const device = await SimDevice.open(userId, this.#parts, onCode === undefined ? {} : { onCode })
    this.#all.push(device)
    return device
  }
}
