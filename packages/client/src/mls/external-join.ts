import { exportSecret } from 'ts-mls/clientState.js'
import { decodeVarLenData } from 'ts-mls/codec/variableLength.js'
import type { Extension } from 'ts-mls/extension.js'
import { addLeafNode } from 'ts-mls/ratchetTree.js'
import { equalBytes, wipeBytes } from './bytes.ts'
import { type ExternalJoinInput, type ExternalJoinStep, type Leaf, type LocalLeaf, MlsFailure } from './engine.ts'
import { decodeMessage, decodeWhole, failingAs } from './failures.ts'
import { readGroupInfo } from './group-info.ts'
import { generateKeyPackage } from './key-packages.ts'
import { makeCommit } from './make-commit.ts'
import { applied } from './proposals.ts'
import { firstStep, pendingOf } from './steps.ts'
import type { Suite } from './suite.ts'
import { keyProblem } from './tree-check.ts'

/** Joins from outside (RFC 9420 section 12.4.3.2), in the place of an earlier self if there is one. */
export async function joinExternal(input: ExternalJoinInput, nowMs: number, suite: Suite): Promise<ExternalJoinStep> {
  const { groupInfo: info } = decodeMessage(input.groupInfo, 'mls_group_info', 'invalid_group_info')
  const read = await readGroupInfo(info, input.admitLeaf, 'invalid_group_info', suite, input.admitGroupInfo)
  return failingAs('invalid_group_info', async () => {
    const replaced = earlierSelf(read.leaves, input.device)
    const smaller = applied(read.tree, replaced === undefined ? [] : [replaced.index], [])?.tree ?? read.tree
    const { publicPackage, privatePackage } = await generateKeyPackage(input.device, { nowMs, lastResort: false }, suite)
    const [tree, node] = addLeafNode(smaller, publicPackage.leafNode)
    if (keyProblem(tree) !== undefined) throw new MlsFailure('refused', 'the key of this device is another’s too')
    const { enc, secret } = await exportSecret(externalKey(info.extensions), suite)
    const {
      next,
      welcome: _none,
      ...made
    } = await makeCommit(
      {
        context: info.groupContext,
        confirmationTag: info.confirmationTag,
        initSecret: secret,
        membershipKey: new Uint8Array(suite.kdf.size),
        sender: { senderType: 'new_member_commit' },
        leafIndex: node / 2,
        signaturePrivateKey: privatePackage.signaturePrivateKey,
        privateKeys: {},
        proposals: [
          ...(replaced === undefined ? [] : [{ proposalType: 'remove' as const, remove: { removed: replaced.index } }]),
          { proposalType: 'external_init', externalInit: { kemOutput: enc } },
        ],
        tree,
        added: [],
        aad: new Uint8Array(input.aad),
        roster: read.roster,
      },
      suite,
    )
    wipeBytes([secret, privatePackage.initPrivateKey, privatePackage.hpkePrivateKey])
    return { ...made, ...firstStep(next), by: read.by, roster: read.roster, replaced, pending: pendingOf(undefined, next) }
  })
}

/** The leaf with this device's key, or else with its credential. */
function earlierSelf(leaves: readonly Leaf[], { keys, credential }: LocalLeaf): Leaf | undefined {
  return (
    leaves.find(({ signatureKey }) => equalBytes(signatureKey, keys.publicKey)) ??
    leaves.find((leaf) => equalBytes(leaf.credential, credential))
  )
}

/** external_pub holds an HPKEPublicKey, which is a vector with its length before it. */
function externalKey(extensions: readonly Extension[]): Uint8Array {
  const [extension, ...others] = extensions.filter(({ extensionType }) => extensionType === 'external_pub')
  if (extension === undefined || others.length > 0) throw new MlsFailure('invalid_group_info', 'without an external key')
  return decodeWhole(decodeVarLenData, extension.extensionData, 'invalid_group_info')
}
