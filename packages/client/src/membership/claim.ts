import { fromCanonical, malformed, readBytes, readList, readTuple, sameBytes, toCanonical } from '../identity/canonical.ts'
import { readDeviceId, readUserId } from '../identity/names.ts'
import { type Goodbye, goodbyeSignatureBytes } from './goodbye.ts'
import type { CommitClaim, MemberDevice } from './membership.ts'
import { deviceKey, inOrder, membersMax, rankOf, readRoles, refuseDisorder } from './roster.ts'

const claimLabel = 'sotto commit v1'
const claimBytesMax = 8 * 1024 * 1024
const hashBytes = 32

/** The authenticated data of the commit. @throws TrustFailure `malformed`: something twice. */
export function encodeClaim({ added, removed, left, roles, goodbyes, rosterHash: hash }: CommitClaim): Uint8Array {
  const users = [...left].sort(inOrder)
  refuseDisorder(users)
  return toCanonical(claimLabel, [
    encodeDevices(added),
    encodeDevices(removed),
    users,
    [...roles].sort(([one], [other]) => inOrder(one, other)).map(([userId, role]) => [userId, rankOf(role)]),
    hash,
    ...(goodbyes.length === 0 ? [] : [encodeGoodbyes(goodbyes)]),
  ])
}

/** @throws TrustFailure `malformed`. */
export function decodeClaim(bytes: Uint8Array): CommitClaim {
  const fields = readList(fromCanonical(claimLabel, bytes, claimBytesMax), 6)
  if (fields.length < 5) throw malformed('5 or 6 values expected')
  const left = readList(fields[2], membersMax).map(readUserId)
  refuseDisorder(left)
  return {
    added: readDevices(fields[0]),
    removed: readDevices(fields[1]),
    left,
    roles: readRoles(fields[3]),
    goodbyes: fields.length === 5 ? [] : readGoodbyes(fields[5]),
    rosterHash: readBytes(fields[4], hashBytes),
  }
}

/** Lists as sets. */
export function sameClaim(one: CommitClaim, other: CommitClaim): boolean {
  return sameBytes(encodeClaim(one), encodeClaim(other))
}

function encodeGoodbyes(goodbyes: readonly Goodbye[]): readonly (readonly [string, string, Uint8Array])[] {
  const sorted = [...goodbyes].sort(byUser)
  refuseDisorder(sorted.map(({ userId }) => userId))
  return sorted.map(({ userId, deviceId, signature }) => [userId, deviceId, signature])
}

/** Where there is none, there is no list either. */
function readGoodbyes(value: unknown): readonly Goodbye[] {
  const goodbyes = readList(value, membersMax).map((item): Goodbye => {
    const [userId, deviceId, signature] = readTuple(item, 3)
    return {
      userId: readUserId(userId),
      deviceId: readDeviceId(deviceId),
      signature: readBytes(signature, goodbyeSignatureBytes),
    }
  })
  if (goodbyes.length === 0) throw malformed('an empty list')
  refuseDisorder(goodbyes.map(({ userId }) => userId))
  return goodbyes
}

function encodeDevices(devices: readonly MemberDevice[]): readonly (readonly [string, string])[] {
  const sorted = sortedDevices(devices)
  if (sorted.length > membersMax) throw malformed('too many devices')
  refuseRepeats(sorted)
  return sorted.map(({ userId, deviceId }) => [userId, deviceId])
}

function readDevices(value: unknown): readonly MemberDevice[] {
  const devices = readList(value, membersMax).map((pair): MemberDevice => {
    const [userId, deviceId] = readTuple(pair, 2)
    return { userId: readUserId(userId), deviceId: readDeviceId(deviceId) }
  })
  refuseRepeats(devices)
  if (devices.some((device, index) => index > 0 && byUser(devices[index - 1]!, device) > 0)) throw malformed('not in order')
  return devices
}

function refuseRepeats(devices: readonly MemberDevice[]): void {
  if (new Set(devices.map(deviceKey)).size < devices.length) throw malformed('a device twice')
}

function sortedDevices(devices: readonly MemberDevice[]): readonly MemberDevice[] {
  return devices.map(({ userId, deviceId }) => ({ userId, deviceId })).sort(byUser)
}

function byUser(one: MemberDevice, other: MemberDevice): number {
  return inOrder(one.userId, other.userId) || inOrder(one.deviceId, other.deviceId)
}
