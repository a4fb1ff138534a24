import type { Capabilities } from 'ts-mls/capabilities.js'
import { decodeUint8, uint8Encoder } from 'ts-mls/codec/number.js'
import { mapDecoders } from 'ts-mls/codec/tlsDecoder.js'
import { encode } from 'ts-mls/codec/tlsEncoder.js'
import { decodeVarLenData, varLenDataEncoder } from 'ts-mls/codec/variableLength.js'
import { extensionsSupportedByCapabilities } from 'ts-mls/extension.js'
import {
  generateKeyPackageWithKey,
  type KeyPackage,
  makeKeyPackageRef,
  type PrivateKeyPackage,
  verifyKeyPackage,
} from 'ts-mls/keyPackage.js'
import { type LeafNode, verifyLeafNodeSignatureKeyPackage } from 'ts-mls/leafNode.js'
import { encodeMlsMessage } from 'ts-mls/message.js'
import { base64url, equalBytes } from './bytes.ts'
import { type KeyPackageSummary, type LocalLeaf, MlsFailure, type NewKeyPackage } from './engine.ts'
import { decodeMessage, decodeWhole, failingAs } from './failures.ts'
import { identityOf } from './leaves.ts'
import { struct } from './record-codec.ts'
import { lastResortExtension, rosterExtension } from './roster-extension.ts'
import { ciphersuiteName, type Suite } from './suite.ts'

const daySeconds = 86_400

/** Lifetimes of key packages, in seconds. A clock may be an hour behind the one that made them. */
export const lifetimes = {
  oneTime: 90 * daySeconds,
  lastResort: 365 * daySeconds,
  allowance: 3600,
  /** Between the making of a commit and its reading: longer than a server keeps it, so that nobody is left behind. */
  commitDelay: 60 * daySeconds,
} as const

const capabilities: Capabilities = {
  versions: ['mls10'],
  ciphersuites: [ciphersuiteName],
  extensions: [lastResortExtension, rosterExtension],
  proposals: [],
  credentials: ['basic'],
}

/** A key package and its private keys, with a lifetime of `lifetimeSeconds` from an hour ago. */
export async function generateKeyPackage(
  { keys, credential }: LocalLeaf,
  options: { readonly nowMs: number; readonly lastResort: boolean },
  suite: Suite,
): Promise<{ readonly publicPackage: KeyPackage; readonly privatePackage: PrivateKeyPackage }> {
  const now = Math.floor(options.nowMs / 1000)
  const lifetime = {
    notBefore: BigInt(now - lifetimes.allowance),
    notAfter: BigInt(now + (options.lastResort ? lifetimes.lastResort : lifetimes.oneTime)),
  }
  return generateKeyPackageWithKey(
    { credentialType: 'basic', identity: new Uint8Array(credential) },
    capabilities,
    lifetime,
    options.lastResort ? [{ extensionType: lastResortExtension, extensionData: new Uint8Array() }] : [],
    { signKey: new Uint8Array(keys.privateKey), publicKey: new Uint8Array(keys.publicKey) },
    suite,
  )
}

export async function createKeyPackage(
  device: LocalLeaf,
  options: { readonly nowMs: number; readonly lastResort: boolean },
  suite: Suite,
): Promise<NewKeyPackage> {
  const { publicPackage, privatePackage } = await generateKeyPackage(device, options, suite)
  const keyPackage = encodeMlsMessage({ version: 'mls10', wireformat: 'mls_key_package', keyPackage: publicPackage })
  return {
    keyPackage,
    ref: await refOf(publicPackage, suite),
    secret: encodeSecret({ keyPackage, privatePackage }),
    expiresAt: Number(publicPackage.leafNode.lifetime.notAfter) * 1000,
  }
}

export const refOf = async (keyPackage: KeyPackage, suite: Suite) => base64url(await makeKeyPackageRef(keyPackage, suite.hash))

/** Decodes and checks. @throws MlsFailure `invalid_key_package`. */
export async function checkedKeyPackage(bytes: Uint8Array, nowMs: number, suite: Suite): Promise<KeyPackage> {
  const { keyPackage } = decodeMessage(bytes, 'mls_key_package', 'invalid_key_package')
  await checkKeyPackage(keyPackage, { nowMs, delaySeconds: 0 }, suite)
  return keyPackage
}

export async function readKeyPackage(bytes: Uint8Array, nowMs: number, suite: Suite): Promise<KeyPackageSummary> {
  const keyPackage = await checkedKeyPackage(bytes, nowMs, suite)
  return {
    ref: await refOf(keyPackage, suite),
    leaf: { credential: identityOf(keyPackage.leafNode.credential), signatureKey: keyPackage.leafNode.signaturePublicKey },
    lastResort: keyPackage.extensions.some(({ extensionType }) => extensionType === lastResortExtension),
  }
}

/**
 * RFC 9420 section 10.1, with our clock. `delaySeconds`: so long ago it may have expired, where it was added by a commit
 * that is read late.
 * @throws MlsFailure `invalid_key_package`.
 */
export async function checkKeyPackage(
  keyPackage: KeyPackage,
  { nowMs, delaySeconds }: { readonly nowMs: number; readonly delaySeconds: number },
  suite: Suite,
): Promise<void> {
  const { leafNode } = keyPackage
  if (keyPackage.version !== 'mls10' || keyPackage.cipherSuite !== ciphersuiteName) refuse('of another suite or version')
  const problem = leafProblem(leafNode)
  if (problem !== undefined) refuse(problem)
  if (!extensionsSupportedByCapabilities(keyPackage.extensions, leafNode.capabilities))
    refuse('an extension that it does not name')
  if (keyPackage.initKey.length !== 32 || equalBytes(keyPackage.initKey, leafNode.hpkePublicKey)) refuse('a wrong init key')
  const { notBefore, notAfter } = leafNode.lifetime
  const now = Math.floor(nowMs / 1000)
  if (notAfter - notBefore > BigInt(lifetimes.lastResort + lifetimes.allowance)) refuse('a lifetime that is too long')
  if (notBefore > BigInt(now)) refuse('not valid yet')
  if (notAfter < BigInt(now - delaySeconds)) refuse('expired')
  await failingAs('invalid_key_package', async () => {
    const verified =
      (await verifyLeafNodeSignatureKeyPackage(leafNode, suite.signature)) &&
      (await verifyKeyPackage(keyPackage, suite.signature))
    if (!verified) refuse('a signature does not verify')
  })
}

function refuse(detail: string): never {
  throw new MlsFailure('invalid_key_package', detail)
}

/** What every leaf of a group of ours has to be, whoever made it. */
export function leafProblem({
  credential,
  capabilities: able,
  extensions,
  hpkePublicKey,
  signaturePublicKey,
}: LeafNode): string | undefined {
  if (credential.credentialType !== 'basic') return 'a credential of another type'
  if (hpkePublicKey.length !== 32 || signaturePublicKey.length !== 32) return 'a key of another length'
  const capable =
    able.versions.includes('mls10') &&
    able.ciphersuites.includes(ciphersuiteName) &&
    able.credentials.includes('basic') &&
    able.extensions.includes(rosterExtension)
  if (!capable) return 'abilities that are not enough'
  return extensionsSupportedByCapabilities(extensions, able) ? undefined : 'a leaf extension that it does not name'
}

interface KeyPackageSecret {
  readonly keyPackage: Uint8Array
  readonly privatePackage: PrivateKeyPackage
}

const formatVersion = 1
const encodeSecret = encode(
  struct(
    [uint8Encoder, varLenDataEncoder, varLenDataEncoder, varLenDataEncoder, varLenDataEncoder],
    ({ keyPackage, privatePackage }: KeyPackageSecret) => [
      formatVersion,
      keyPackage,
      privatePackage.initPrivateKey,
      privatePackage.hpkePrivateKey,
      privatePackage.signaturePrivateKey,
    ],
  ),
)
const decodeSecret = mapDecoders(
  [decodeUint8, decodeVarLenData, decodeVarLenData, decodeVarLenData, decodeVarLenData],
  (version, keyPackage, initPrivateKey, hpkePrivateKey, signaturePrivateKey): KeyPackageSecret => {
    if (version !== formatVersion) throw new MlsFailure('no_key_package', 'written by another version')
    return { keyPackage, privatePackage: { initPrivateKey, hpkePrivateKey, signaturePrivateKey } }
  },
)

/** What `secret` of a new key package holds. @throws MlsFailure `no_key_package` when it cannot be read. */
export function readSecret(secret: Uint8Array): { readonly keyPackage: KeyPackage; readonly privatePackage: PrivateKeyPackage } {
  const { keyPackage, privatePackage } = decodeWhole(decodeSecret, new Uint8Array(secret), 'no_key_package')
  return { keyPackage: decodeMessage(keyPackage, 'mls_key_package', 'no_key_package').keyPackage, privatePackage }
}
