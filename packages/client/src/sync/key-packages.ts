import { SottoError } from '@sotto/protocol/errors'
import type { MemberDevice } from '../membership/membership.ts'
import type { LocalLeaf } from '../mls/engine.ts'
import { base64, fromBase64 } from './base64.ts'
import { sameDevice, vouched } from './leaves.ts'
import type { Parts } from './parts.ts'
import { patiently } from './patience.ts'
import { pack, unpack } from './records.ts'
import type { Transaction } from './transaction.ts'

/** Held by the server for others to claim. */
const wanted = 60
const firstWanted = 10
const perUpload = 20
const hourMs = 3_600_000
/** A last-resort key package is replaced well before it expires. */
const renewBeforeMs = 30 * 24 * hourMs
/** How long the secret of an expired one is still kept: a Welcome may be on its way. */
const keptAfterMs = 31 * 24 * hourMs

interface StoredKeyPackage {
  readonly secret: Uint8Array
  readonly keyPackage: Uint8Array
  readonly expiresAt: number
  readonly lastResort: boolean
  readonly uploaded: boolean
}

export interface ClaimedKeyPackage {
  readonly device: MemberDevice
  readonly keyPackage: Uint8Array
}

/** Key packages of this device, and claiming those of others. Kept before they are uploaded: a Welcome never finds nothing. */
export class KeyPackages {
  private readonly parts: Parts
  private filling: Promise<void> | undefined

  constructor(parts: Parts) {
    this.parts = parts
  }

  /** What `join` needs for a key package of this device. */
  async secretOf(ref: string): Promise<Uint8Array | undefined> {
    const value = await this.parts.memory.storage.get('keyPackages', ref)
    return value === undefined ? undefined : unpack<StoredKeyPackage>(value).secret
  }

  /** Used once, a key package is gone. The last-resort one stays: `lastResort`, and its keys should be replaced soon. */
  async used(transaction: Transaction, ref: string): Promise<'once' | 'lastResort'> {
    const value = await transaction.get('keyPackages', ref)
    if (value !== undefined && unpack<StoredKeyPackage>(value).lastResort) return 'lastResort'
    transaction.put('keyPackages', ref, undefined)
    return 'once'
  }

  /** Uploads the first few, so that others can reach this device; the rest follow with `fill`. Later starts need no server. */
  async begin(): Promise<void> {
    const stored = await this.parts.memory.storage.range('keyPackages')
    if (stored.some(({ value }) => unpack<StoredKeyPackage>(value).uploaded)) return
    await this.fillTo(firstWanted)
  }

  /** Fills up what the server holds, renews the last-resort one, forgets what has expired. One at a time. */
  fill(): Promise<void> {
    this.filling ??= this.fillTo(wanted).finally(() => {
      this.filling = undefined
    })
    return this.filling
  }

  private async fillTo(count: number): Promise<void> {
    const { transport, memory, clock } = this.parts
    const stored = (await memory.storage.range('keyPackages')).map(({ key, value }) => ({
      ref: key,
      ...unpack<StoredKeyPackage>(value),
    }))
    const now = clock.now()
    const expired = stored.filter(({ expiresAt }) => expiresAt + keptAfterMs < now)
    const waiting = stored.filter(({ uploaded }) => !uploaded)
    const lastResort = stored.some((one) => one.lastResort && one.uploaded && one.expiresAt - renewBeforeMs > now)
    const { keyPackages: held } = await transport.request('GET /keys/count', {})
    const missing = Math.max(0, count - held - waiting.filter((one) => !one.lastResort).length)
    if (expired.length > 0) {
      await memory.transact(async (transaction) => {
        for (const { ref } of expired) transaction.put('keyPackages', ref, undefined)
      })
    }
    // What was made before and did not get through for sure goes first.
    for (let from = 0; from < waiting.length; from += perUpload) await this.upload(waiting.slice(from, from + perUpload))
    if (!lastResort && !waiting.some((one) => one.lastResort))
      await this.upload(await this.make(Math.min(missing, perUpload), true))
    const rest = lastResort ? missing : Math.max(0, missing - perUpload)
    for (let from = 0; from < rest; from += perUpload) await this.upload(await this.make(Math.min(perUpload, rest - from), false))
  }

  private async make(count: number, withLastResort: boolean): Promise<(StoredKeyPackage & { readonly ref: string })[]> {
    const { engine, memory } = this.parts
    const leaf = this.leaf()
    const made: (StoredKeyPackage & { readonly ref: string })[] = []
    for (let index = 0; index < count + (withLastResort ? 1 : 0); index++) {
      const lastResort = index === count
      const one = await engine.createKeyPackage(leaf, { lastResort })
      made.push({ ...one, lastResort, uploaded: false })
    }
    await memory.transact(async (transaction) => {
      for (const { ref, ...one } of made) transaction.put('keyPackages', ref, pack(stored(one)))
    })
    return made
  }

  private async upload(packages: readonly (StoredKeyPackage & { readonly ref: string })[]): Promise<void> {
    if (packages.length === 0) return
    const { transport, engine, memory } = this.parts
    const lastResort = packages.find((one) => one.lastResort)
    const oneTime = packages.filter((one) => !one.lastResort)
    try {
      await transport.request('POST /key-packages', {
        body: {
          ciphersuite: engine.ciphersuite,
          keyPackages: oneTime.map(({ keyPackage }) => base64(keyPackage)),
          ...(lastResort === undefined ? {} : { lastResort: base64(lastResort.keyPackage) }),
        },
      })
    } catch (error) {
      // One of them was claimed already: the upload got through before.
      if (!(error instanceof SottoError) || (error.code !== 'key_conflict' && error.code !== 'limit_reached')) throw error
    }
    await memory.transact(async (transaction) => {
      for (const { ref, ...one } of packages) {
        if ((await transaction.get('keyPackages', ref)) !== undefined)
          transaction.put('keyPackages', ref, pack({ ...stored(one), uploaded: true }))
      }
    })
  }

  /**
   * One key package for each device of these users, of those devices alone that their users' lists vouch for.
   * `missing`: listed devices for which there was none.
   */
  async claim(
    userIds: readonly string[],
    except: readonly MemberDevice[],
  ): Promise<{ claimed: ClaimedKeyPackage[]; missing: MemberDevice[] }> {
    const { transport, engine, contacts, incident, timers } = this.parts
    await Promise.all(userIds.map((userId) => contacts.refresh(userId)))
    const wantedDevices = userIds
      .flatMap((userId) => this.listed(userId))
      .filter((device) => !except.some((one) => sameDevice(one, device)))
    const claimed: ClaimedKeyPackage[] = []
    for (let from = 0; from < userIds.length; from += 100) {
      const page = userIds.slice(from, from + 100)
      const body = { userIds: page, ciphersuite: engine.ciphersuite, except: [...except] }
      const answer = await patiently(timers, () => transport.request('POST /key-packages/claim', { body }, { retryMs: 0 }))
      for (const { userId, deviceId, keyPackage } of answer.keyPackages) {
        const device = { userId, deviceId }
        const bytes = bytesIn(keyPackage)
        const isWanted = () => this.listed(userId).some((one) => sameDevice(one, device))
        // It may have been linked a moment ago.
        if (!isWanted()) await contacts.refresh(userId, { force: true })
        const problem = isWanted() ? await this.problemOf(device, bytes) : 'its user does not list this device'
        if (problem === undefined) claimed.push({ device, keyPackage: bytes })
        else incident('key_package_refused', undefined, `${userId}/${deviceId}: ${problem}`, userId)
      }
    }
    const missing = wantedDevices.filter((device) => !claimed.some((one) => sameDevice(one.device, device)))
    return { claimed, missing }
  }

  private listed(userId: string): MemberDevice[] {
    const contact = this.parts.contacts.of(userId)
    return (contact?.list.devices ?? []).map(({ deviceId }) => ({ userId, deviceId }))
  }

  private async problemOf(device: MemberDevice, keyPackage: Uint8Array): Promise<string | undefined> {
    const { engine, contacts } = this.parts
    try {
      const { leaf } = await engine.readKeyPackage(keyPackage)
      const by = vouched(leaf, (userId) => contacts.of(userId))
      if (typeof by === 'string') return by
      return sameDevice(by, device) ? undefined : `it is of ${by.userId}/${by.deviceId}`
    } catch (error) {
      return error instanceof Error ? error.message : 'it cannot be read'
    }
  }

  private leaf(): LocalLeaf {
    const { self } = this.parts
    return { keys: self.signature, credential: self.credential! }
  }
}

/** Nothing where it is no base64: then it is no key package either. */
function bytesIn(keyPackage: unknown): Uint8Array {
  try {
    return fromBase64(String(keyPackage))
  } catch {
    return new Uint8Array()
  }
}

function stored({ secret, keyPackage, expiresAt, lastResort, uploaded }: StoredKeyPackage): StoredKeyPackage {
  return { secret, keyPackage, expiresAt, lastResort, uploaded }
}
