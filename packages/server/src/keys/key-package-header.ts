import { SottoError } from '@sotto/protocol'

/** RFC 9420: `MLSMessage.version` (section 6), its `wire_format` (17.2), then `KeyPackage.version` and `cipher_suite` (10). */
const headerBytes = 8
const mls10 = 1
const wireFormatKeyPackage = 5

/**
 * All that the server reads of a key package: that it is one, of MLS 1.0 and of the ciphersuite that it is uploaded for, in
 * the one canonical form of base64. Throws `bad_request`.
 */
export function requireKeyPackage(keyPackage: string, ciphersuite: number): void {
  const bytes = Buffer.from(keyPackage, 'base64')
  if (bytes.toString('base64') !== keyPackage) throw new SottoError('bad_request', 'a key package is not in canonical base64')
  if (bytes.length <= headerBytes || bytes.readUInt16BE(0) !== mls10 || bytes.readUInt16BE(2) !== wireFormatKeyPackage) {
    throw new SottoError('bad_request', 'a key package is not an MLSMessage of MLS 1.0 that holds a KeyPackage')
  }
  if (bytes.readUInt16BE(4) !== mls10) throw new SottoError('bad_request', 'a key package is not of MLS 1.0')
  const found = bytes.readUInt16BE(6)
  if (found !== ciphersuite) throw new SottoError('bad_request', `a key package is of ciphersuite ${found}, not ${ciphersuite}`)
}
