import { toBase64Url } from './base64url.ts'
import { encodeList, invalid, successionBytes, verifies } from './device-list.ts'
import type { DeviceList, Signatures, SignedList } from './identity.ts'
import { TrustFailure } from './trust-failure.ts'

/**
 * The list as it is put to the server, signed by its identity key. After a rotation, `previousIdentityPrivateKey` endorses
 * the new key: the endorsement stays in all later lists.
 * @throws TrustFailure `invalid_list`; `wrong_key` where a private key is not that of the list.
 */
export async function signList(
  list: DeviceList,
  identityPrivateKey: Uint8Array,
  signatures: Signatures,
  previousIdentityPrivateKey?: Uint8Array,
): Promise<SignedList> {
  const endorsed = previousIdentityPrivateKey === undefined ? list : await endorse(list, previousIdentityPrivateKey, signatures)
  const bytes = encodeList(endorsed)
  const signature = await signatures.sign(identityPrivateKey, bytes)
  if (!(await verifies(signatures, list.identityKey, bytes, signature))) throw new TrustFailure('wrong_key')
  const endorsement = endorsed.formerKeys?.[0]?.endorsement
  return {
    version: list.version,
    identityKey: toBase64Url(list.identityKey),
    devices: toBase64Url(bytes),
    signature: toBase64Url(signature),
    ...(endorsement === undefined ? {} : { endorsement: toBase64Url(endorsement) }),
  }
}

async function endorse(list: DeviceList, privateKey: Uint8Array, signatures: Signatures): Promise<DeviceList> {
  const [newest, ...earlier] = list.formerKeys ?? []
  if (newest === undefined) throw invalid('no former key to endorse this one')
  const bytes = successionBytes(list.userId, newest.identityKey, list.identityKey)
  const endorsement = await signatures.sign(privateKey, bytes)
  if (!(await verifies(signatures, newest.identityKey, bytes, endorsement))) throw new TrustFailure('wrong_key')
  return { ...list, formerKeys: [{ identityKey: newest.identityKey, endorsement }, ...earlier] }
}
