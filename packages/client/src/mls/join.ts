import { deriveSecret } from 'ts-mls/crypto/kdf.js'
import { createConfirmationTag } from 'ts-mls/framedContent.js'
import type { GroupSecrets } from 'ts-mls/groupSecrets.js'
import { deriveKeySchedule } from 'ts-mls/keySchedule.js'
import { encodeLeafNode } from 'ts-mls/leafNode.js'
import { pathToRoot } from 'ts-mls/pathSecrets.js'
import type { RatchetTree } from 'ts-mls/ratchetTree.js'
import { createSecretTree } from 'ts-mls/secretTree.js'
import { leafWidth, toLeafIndex } from 'ts-mls/treemath.js'
import { firstCommonAncestor } from 'ts-mls/updatePath.js'
import { decryptGroupInfo, decryptGroupSecrets, type Welcome } from 'ts-mls/welcome.js'
import { base64url, equalBytes, wipeBytes } from './bytes.ts'
import { type JoinInput, type JoinStep, MlsFailure } from './engine.ts'
import { decodeMessage, failingAs } from './failures.ts'
import { readGroupInfo } from './group-info.ts'
import { readSecret, refOf } from './key-packages.ts'
import { fromLibrary } from './library-state.ts'
import { firstStep } from './steps.ts'
import { ciphersuiteName, type Suite } from './suite.ts'

/** Joins by a Welcome (RFC 9420 section 12.4.3.1). */
export async function join(input: JoinInput, suite: Suite): Promise<JoinStep> {
  const { welcome } = decodeMessage(input.welcome, 'mls_welcome', 'invalid_welcome')
  if (welcome.cipherSuite !== ciphersuiteName) throw new MlsFailure('unsupported')
  const { ref, secret } = await ownKeyPackage(welcome, input.secretOf)
  const { keyPackage, privatePackage } = readSecret(secret)
  if ((await refOf(keyPackage, suite)) !== ref) throw new MlsFailure('no_key_package', 'the secret is of another key package')
  return failingAs('invalid_welcome', async () => {
    const initKey = await suite.hpke.importPrivateKey(privatePackage.initPrivateKey)
    const reference = welcome.secrets.find(({ newMember }) => base64url(newMember) === ref)?.newMember ?? new Uint8Array()
    const secrets = await decryptGroupSecrets(initKey, reference, welcome, suite.hpke)
    if (secrets === undefined || secrets.psks.length > 0) throw new MlsFailure('invalid_welcome')
    const noPsk = new Uint8Array(suite.kdf.size)
    const info = await decryptGroupInfo(welcome, secrets.joinerSecret, noPsk, suite)
    if (info === undefined) throw new MlsFailure('invalid_welcome')
    const { by, roster, tree, leaves } = await readGroupInfo(info, input.admitLeaf, 'invalid_welcome', suite)
    const own = leaves.find(({ signatureKey }) => equalBytes(signatureKey, keyPackage.leafNode.signaturePublicKey))?.index
    const node = own === undefined ? undefined : tree[2 * own]
    if (
      own === undefined ||
      node?.nodeType !== 'leaf' ||
      !equalBytes(encodeLeafNode(node.leaf), encodeLeafNode(keyPackage.leafNode))
    ) {
      throw new MlsFailure('invalid_welcome', 'the leaf of the key package is not in the tree')
    }
    const [keySchedule, encryptionSecret] = await deriveKeySchedule(secrets.joinerSecret, noPsk, info.groupContext, suite.kdf)
    const tag = await createConfirmationTag(keySchedule.confirmationKey, info.groupContext.confirmedTranscriptHash, suite.hash)
    if (!equalBytes(tag, info.confirmationTag)) throw new MlsFailure('invalid_welcome', 'the confirmation tag is another')
    const above = await privateKeysAbove(tree, own, info.signer, secrets, suite)
    const state = fromLibrary({
      groupContext: info.groupContext,
      keySchedule,
      secretTree: await createSecretTree(leafWidth(tree.length), encryptionSecret, suite.kdf),
      ratchetTree: tree,
      privatePath: { leafIndex: own, privateKeys: { ...above, [2 * own]: privatePackage.hpkePrivateKey } },
      signaturePrivateKey: privatePackage.signaturePrivateKey,
      confirmationTag: info.confirmationTag,
    })
    wipeBytes([secrets.joinerSecret, encryptionSecret])
    return { ...firstStep(state), ref, by, roster, wipe: () => wipeBytes([privatePackage.initPrivateKey]) }
  })
}

async function ownKeyPackage(
  { secrets }: Welcome,
  secretOf: JoinInput['secretOf'],
): Promise<{ ref: string; secret: Uint8Array }> {
  for (const { newMember } of secrets) {
    const ref = base64url(newMember)
    const secret = await secretOf(ref)
    if (secret !== undefined) return { ref, secret }
  }
  throw new MlsFailure('no_key_package')
}

/** Keys of the nodes above one's leaf, from the path secret; each has to be that of the public key in the tree. */
async function privateKeysAbove(
  tree: RatchetTree,
  own: number,
  signer: number,
  { pathSecret }: GroupSecrets,
  suite: Suite,
): Promise<Record<number, Uint8Array>> {
  if (pathSecret === undefined) return {}
  const ancestor = firstCommonAncestor(tree, toLeafIndex(own), toLeafIndex(signer))
  const keys: Record<number, Uint8Array> = {}
  for (const [index, secret] of Object.entries(await pathToRoot(tree, ancestor, pathSecret, suite.kdf))) {
    const node = tree[Number(index)]
    if (node?.nodeType !== 'parent') continue
    const pair = await suite.hpke.deriveKeyPair(await deriveSecret(secret, 'node', suite.kdf))
    if (!equalBytes(await suite.hpke.exportPublicKey(pair.publicKey), node.parent.hpkePublicKey)) {
      throw new MlsFailure('invalid_welcome', 'the path secret is of another tree')
    }
    keys[Number(index)] = await suite.hpke.exportPrivateKey(pair.privateKey)
  }
  return keys
}
