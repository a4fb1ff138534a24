import { fromCanonical, readBytes, readTuple, sameBytes, toCanonical } from './canonical.ts'
import { publicKeyBytes, signatureBytes, verifies } from './device-list.ts'
import type { Certificate, Signatures } from './identity.ts'
import { type DeviceName, readDeviceId, readUserId } from './names.ts'
import { TrustFailure } from './trust-failure.ts'

const certificateLabel = 'sotto certificate v1'
const credentialLabel = 'sotto credential v1'
const credentialBytesMax = 1_024

export interface CertificateInput extends DeviceName {
  readonly identityKey: Uint8Array
  readonly identityPrivateKey: Uint8Array
  /** Of the device: its leaf key in every group. */
  readonly leafSignatureKey: Uint8Array
}

/** The user's word for a device's leaf key. @throws TrustFailure `wrong_key` where the private key is another identity's. */
export async function makeCertificate(input: CertificateInput, signatures: Signatures): Promise<Certificate> {
  const { userId, deviceId, identityKey, identityPrivateKey, leafSignatureKey } = input
  const signature = await signatures.sign(identityPrivateKey, certifiedBytes(input, leafSignatureKey))
  const certificate = { userId, deviceId, identityKey, signature }
  if (!(await verifyCertificate(certificate, leafSignatureKey, signatures))) throw new TrustFailure('wrong_key')
  return certificate
}

/** The identity of a leaf's basic credential (RFC 9420 section 5.3). */
export function encodeCredential({ userId, deviceId, identityKey, signature }: Certificate): Uint8Array {
  return toCanonical(credentialLabel, [userId, deviceId, identityKey, signature])
}

/** What a leaf says of itself; nothing is verified yet. @throws TrustFailure `malformed`. */
export function readCredential(bytes: Uint8Array): Certificate {
  const fields = readTuple(fromCanonical(credentialLabel, bytes, credentialBytesMax), 4)
  return {
    userId: readUserId(fields[0]),
    deviceId: readDeviceId(fields[1]),
    identityKey: readBytes(fields[2], publicKeyBytes),
    signature: readBytes(fields[3], signatureBytes),
  }
}

/** Whether the identity key that it names has signed it for this leaf key. Whose key that is, `vouches` says. */
export async function verifyCertificate(
  certificate: Certificate,
  leafSignatureKey: Uint8Array,
  signatures: Signatures,
): Promise<boolean> {
  const { identityKey, signature } = certificate
  if (signature.length !== signatureBytes || sameBytes(identityKey, leafSignatureKey)) return false
  return verifies(signatures, identityKey, certifiedBytes(certificate, leafSignatureKey), signature)
}

function certifiedBytes(
  { userId, deviceId, identityKey }: Omit<Certificate, 'signature'>,
  leafSignatureKey: Uint8Array,
): Uint8Array {
  return toCanonical(certificateLabel, [userId, deviceId, identityKey, leafSignatureKey])
}
