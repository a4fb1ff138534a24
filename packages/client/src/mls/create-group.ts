import { deriveSecret } from 'ts-mls/crypto/kdf.js'
import { createConfirmationTag } from 'ts-mls/framedContent.js'
import type { GroupContext } from 'ts-mls/groupContext.js'
import { initializeKeySchedule } from 'ts-mls/keySchedule.js'
import { createSecretTree } from 'ts-mls/secretTree.js'
import { treeHashRoot } from 'ts-mls/treeHash.js'
import { utf8, wipeBytes } from './bytes.ts'
import type { LocalLeaf, Step } from './engine.ts'
import { generateKeyPackage } from './key-packages.ts'
import { fromLibrary } from './library-state.ts'
import { contextExtensions } from './roster-extension.ts'
import { firstStep } from './steps.ts'
import { ciphersuiteName, type Suite } from './suite.ts'

/** RFC 9420 section 11. */
export async function createGroup(device: LocalLeaf, groupId: string, nowMs: number, suite: Suite): Promise<Step> {
  const { publicPackage, privatePackage } = await generateKeyPackage(device, { nowMs, lastResort: false }, suite)
  const tree = [{ nodeType: 'leaf' as const, leaf: publicPackage.leafNode }]
  const groupContext: GroupContext = {
    version: 'mls10',
    cipherSuite: ciphersuiteName,
    groupId: utf8(groupId),
    epoch: 0n,
    treeHash: await treeHashRoot(tree, suite.hash),
    confirmedTranscriptHash: new Uint8Array(),
    extensions: [...contextExtensions],
  }
  const epochSecret = suite.rng.randomBytes(suite.kdf.size)
  const keySchedule = await initializeKeySchedule(epochSecret, suite.kdf)
  const encryptionSecret = await deriveSecret(epochSecret, 'encryption', suite.kdf)
  const state = fromLibrary({
    groupContext,
    keySchedule,
    secretTree: await createSecretTree(1, encryptionSecret, suite.kdf),
    ratchetTree: tree,
    privatePath: { leafIndex: 0, privateKeys: { 0: privatePackage.hpkePrivateKey } },
    signaturePrivateKey: privatePackage.signaturePrivateKey,
    confirmationTag: await createConfirmationTag(keySchedule.confirmationKey, groupContext.confirmedTranscriptHash, suite.hash),
  })
  wipeBytes([epochSecret, encryptionSecret, privatePackage.initPrivateKey])
  return firstStep(state)
}
