import { SottoError } from '@sotto/protocol/errors'
import type { Clock } from '../clock.ts'
import { SottoClientError } from '../errors.ts'
import { encodeCredential, makeCertificate } from '../identity/certificate.ts'
import { verifyList } from '../identity/device-list.ts'
import type { ListedDevice, SignedList, VerifiedList } from '../identity/identity.ts'
import { firstList, rotateIdentity, withDevice } from '../identity/identity-key.ts'
import { makeLinkCode, readLinkCode } from '../identity/link-code.ts'
import { generateSealKeys, isKeyOf, openIdentityKey, sealIdentityKey } from '../identity/sealed-key.ts'
import { signList } from '../identity/signed-list.ts'
import type { MlsEngine } from '../mls/engine.ts'
import { type IdentityPorts, keepDevice, type LinkOptions } from './kept-device.ts'
import type { DeviceRecord } from './records.ts'

const secretBytes = 32
const linkPollMs = 1_000
const linkTimeoutMs = 600_000
const triesMax = 20

/** Keys of a device that nobody knows yet; the user is known once the server has said who the token is. */
export async function newDevice(
  engine: MlsEngine,
  _clock: Clock,
  userId: string,
  deviceId: string,
  name: string | undefined,
): Promise<DeviceRecord> {
  const [signature, seal] = [await engine.generateSignatureKeys(), await generateSealKeys()]
  return {
    userId,
    deviceId,
    name,
    signature,
    seal,
    identity: undefined,
    nextIdentity: undefined,
    revoking: [],
    credential: undefined,
    stage: 'new',
    linkSecret: undefined,
  }
}

/** The user's newest list as the server has it; undefined when there is none. @throws SottoClientError `link_refused`. */
export async function ownList({ transport, engine }: IdentityPorts, userId: string): Promise<VerifiedList | undefined> {
  try {
    return await verifyList(userId, await transport.request('GET /identity/:userId', { params: { userId } }), engine)
  } catch (error) {
    if (error instanceof SottoError && error.code === 'not_found') return undefined
    throw error
  }
}

/** The first device of a user, or the first after all others were lost: a new identity. Kept before it is told to anybody. */
export async function beginIdentity(
  ports: IdentityPorts,
  device: DeviceRecord,
  before: VerifiedList | undefined,
): Promise<DeviceRecord> {
  const { engine, storage, clock } = ports
  const identity = device.identity ?? (await engine.generateSignatureKeys())
  const certified = await withCertificate(engine, { ...device, identity })
  await keepDevice(storage, certified)
  const list = firstList(device.userId, identity.publicKey, listed(device, clock.now()), (before?.version ?? 0) + 1)
  await put(ports, await signList(list, identity.privateKey, engine))
  const known = { ...certified, stage: 'listed' as const }
  await keepDevice(storage, known)
  return known
}

/**
 * Waits until a device that is linked already has taken this one up.
 * @throws SottoClientError `link_refused`.
 */
export async function link(
  ports: IdentityPorts,
  device: DeviceRecord,
  { onCode, timeoutMs = linkTimeoutMs }: LinkOptions,
): Promise<DeviceRecord> {
  const { storage, clock, engine, sleep } = ports
  const { userId, deviceId, name, signature, seal } = device
  const secret = device.linkSecret ?? clock.random(secretBytes)
  await keepDevice(storage, { ...device, stage: 'linking', linkSecret: secret })
  const request = { userId, deviceId, signatureKey: signature.publicKey, sealKey: seal.publicKey, secret }
  onCode(makeLinkCode(name === undefined ? request : { ...request, name }))
  for (const until = clock.now() + timeoutMs; clock.now() < until; await sleep(linkPollMs)) {
    const list = await ownList(ports, userId)
    const sealed = list?.sealed.find((one) => one.deviceId === deviceId)
    if (list === undefined || sealed === undefined) continue
    const privateKey = await openIdentityKey({ userId, deviceId, sealedKey: sealed.sealedKey, sealKeys: seal, secret }).catch(
      (cause: unknown) => {
        throw new SottoClientError('link_refused', 'what was sealed for this device does not open', { cause })
      },
    )
    if (!(await isKeyOf(list.identityKey, privateKey, engine)))
      throw new SottoClientError('link_refused', 'the list is not signed by the key that was handed over')
    const linked = await withCertificate(engine, { ...device, identity: { publicKey: list.identityKey, privateKey } })
    const known = { ...linked, stage: 'listed' as const, linkSecret: undefined }
    await keepDevice(storage, known)
    return known
  }
  throw new SottoClientError('link_refused', 'no other device has confirmed the code in time')
}

/** Takes up the device that has shown the code. @throws SottoClientError `link_refused`. */
export async function confirmLink(
  ports: IdentityPorts,
  self: DeviceRecord,
  code: string,
): Promise<{ device: ListedDevice; signed: SignedList }> {
  const { engine, clock } = ports
  let request: ReturnType<typeof readLinkCode>
  try {
    request = readLinkCode(code, self.userId)
  } catch (cause) {
    throw new SottoClientError('link_refused', cause instanceof Error ? cause.message : undefined, { cause })
  }
  const { deviceId, name, signatureKey, sealKey, secret } = request
  const device: ListedDevice = { deviceId, signatureKey, sealKey, addedAt: clock.now(), ...(name === undefined ? {} : { name }) }
  const sealedKey = await sealIdentityKey({
    identityPrivateKey: self.identity!.privateKey,
    userId: self.userId,
    deviceId,
    sealKey,
    secret,
  })
  const signed = await changeList(ports, self, async (list) => {
    if (list.devices.some((one) => one.deviceId === deviceId))
      throw new SottoClientError('link_refused', 'the device is linked already')
    return signList(withDevice(list, device, sealedKey), self.identity!.privateKey, engine)
  })
  return { device, signed }
}

/**
 * Takes a device out and gives the user a new identity key, sealed to the devices that stay: who holds a lost device
 * holds the old key. Kept before it is told to anybody.
 */
export async function revoke(
  ports: IdentityPorts,
  self: DeviceRecord,
  deviceId: string,
  onPrepared: (device: DeviceRecord) => void,
): Promise<{ self: DeviceRecord; signed: SignedList }> {
  const { engine, storage } = ports
  let prepared = self
  const signed = await changeList(ports, self, async (list) => {
    if (!list.devices.some((one) => one.deviceId === deviceId)) return undefined
    const { list: rotated, identity } = await rotateIdentity(list, self.deviceId, [deviceId], engine)
    prepared = { ...self, nextIdentity: identity, revoking: [...self.revoking, deviceId] }
    await keepDevice(storage, prepared)
    onPrepared(prepared)
    return signList(rotated, identity.privateKey, engine, self.identity!.privateKey)
  })
  return { self: await settleRotation(ports, prepared, (await verifyList(self.userId, signed, engine)).identityKey), signed }
}

/** A rotation that was under way has come about if the list has its key; otherwise it never was. */
export async function settleRotation(
  { engine, storage }: IdentityPorts,
  self: DeviceRecord,
  identityKey: Uint8Array,
): Promise<DeviceRecord> {
  const { nextIdentity } = self
  if (nextIdentity === undefined) return self
  const settled = { ...self, nextIdentity: undefined }
  const next = sameKey(nextIdentity.publicKey, identityKey)
    ? await withCertificate(engine, { ...settled, identity: nextIdentity })
    : settled
  await keepDevice(storage, next)
  return next
}

/** The key that another device of this user has rotated to, where the list carries it for this one. */
export async function followRotation(
  { engine, storage }: IdentityPorts,
  self: DeviceRecord,
  list: VerifiedList,
): Promise<DeviceRecord | undefined> {
  const sealed = list.sealed.find(({ deviceId }) => deviceId === self.deviceId)
  if (sealed === undefined) return undefined
  const { userId, deviceId, seal } = self
  try {
    const privateKey = await openIdentityKey({ userId, deviceId, sealedKey: sealed.sealedKey, sealKeys: seal })
    if (!(await isKeyOf(list.identityKey, privateKey, engine))) return undefined
    const next = await withCertificate(engine, { ...self, identity: { publicKey: list.identityKey, privateKey } })
    await keepDevice(storage, next)
    return next
  } catch {
    return undefined
  }
}

async function changeList(
  ports: IdentityPorts,
  self: DeviceRecord,
  change: (list: VerifiedList) => Promise<SignedList | undefined>,
): Promise<SignedList> {
  for (let tries = 0; tries < triesMax; tries++) {
    const list = await ownList(ports, self.userId)
    if (list === undefined) throw new SottoClientError('link_refused', 'this user has no device list')
    if (!sameKey(list.identityKey, self.identity!.publicKey))
      throw new SottoClientError('identity_changed', 'the user has another identity than this device knows')
    const signed = await change(list)
    if (signed === undefined) throw new SottoClientError('not_found', 'there is no such device')
    try {
      await put(ports, signed)
      return signed
    } catch (error) {
      if (!(error instanceof SottoError) || error.code !== 'stale_version') throw error
    }
  }
  throw new SottoClientError('overloaded', 'the device list is being changed by many at once')
}

async function put({ transport }: IdentityPorts, signed: SignedList): Promise<void> {
  await transport.request('PUT /identity', { body: signed })
}

async function withCertificate(engine: MlsEngine, device: DeviceRecord): Promise<DeviceRecord> {
  const { userId, deviceId, signature, identity } = device
  const certificate = await makeCertificate(
    {
      userId,
      deviceId,
      identityKey: identity!.publicKey,
      identityPrivateKey: identity!.privateKey,
      leafSignatureKey: signature.publicKey,
    },
    engine,
  )
  return { ...device, credential: encodeCredential(certificate) }
}

function listed({ deviceId, name, signature, seal }: DeviceRecord, addedAt: number): ListedDevice {
  return {
    deviceId,
    signatureKey: signature.publicKey,
    sealKey: seal.publicKey,
    addedAt,
    ...(name === undefined ? {} : { name }),
  }
}

function sameKey(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index])
}
