import { encodeGroupContext } from 'ts-mls/groupContext.js'
import type { GroupInfo } from 'ts-mls/groupInfo.js'
import { ratchetTreeFromExtension, verifyGroupInfoSignature } from 'ts-mls/groupInfo.js'
import type { RatchetTree } from 'ts-mls/ratchetTree.js'
import { equalBytes, groupName } from './bytes.ts'
import { type AdmitLeaf, type ExternalJoinInput, type Leaf, MlsFailure, type MlsFailureReason } from './engine.ts'
import { failingAs } from './failures.ts'
import { leafAt, leavesOf } from './leaves.ts'
import { contextExtensions, rosterOf } from './roster-extension.ts'
import { ciphersuiteName, type Suite } from './suite.ts'
import { treeProblem } from './tree-check.ts'

export interface ReadGroupInfo {
  readonly groupId: string
  readonly epoch: number
  readonly by: Leaf
  readonly roster: Uint8Array
  readonly tree: RatchetTree
  readonly leaves: readonly Leaf[]
}

/**
 * Verifies a GroupInfo and the tree in it (RFC 9420 sections 12.4.3 and 12.4.3.1), and asks for each leaf. The one who
 * signed it is in the tree, so that a leaf that nobody vouches for cannot speak for the group.
 * @throws MlsFailure `reason`, `unsupported`, `refused_leaf`.
 */
export async function readGroupInfo(
  info: GroupInfo,
  admitLeaf: AdmitLeaf,
  reason: MlsFailureReason,
  suite: Suite,
  admitGroupInfo?: ExternalJoinInput['admitGroupInfo'],
): Promise<ReadGroupInfo> {
  const { groupContext } = info
  if (groupContext.version !== 'mls10' || groupContext.cipherSuite !== ciphersuiteName) throw new MlsFailure('unsupported')
  if (!isOurContext(groupContext)) throw new MlsFailure('unsupported', 'a group with other extensions or requirements')
  return failingAs(reason, async () => {
    const groupId = groupName(groupContext.groupId)
    const epoch = Number(groupContext.epoch)
    const roster = rosterOf(info.extensions)
    const tree = ratchetTreeFromExtension(info)
    if (groupId === undefined || groupId === '' || !Number.isSafeInteger(epoch)) throw new MlsFailure(reason)
    if (roster === undefined) throw new MlsFailure(reason, 'without a roster')
    if (tree === undefined) throw new MlsFailure(reason, 'without a ratchet tree')
    const by = leafAt(tree, info.signer)
    if (by === undefined) throw new MlsFailure(reason, 'signed by nobody in the tree')
    if (!(await verifyGroupInfoSignature(info, by.signatureKey, suite.signature)))
      throw new MlsFailure(reason, 'the signature does not verify')
    const unwanted = admitGroupInfo?.({ groupId, epoch, by, roster: new Uint8Array(roster) })
    if (unwanted !== undefined) throw new MlsFailure('refused', unwanted)
    // Everybody is asked for before anything dear is done: a caller that only looks who is there refuses all.
    const leaves = leavesOf(tree)
    const refusals: string[] = []
    for (const leaf of leaves) {
      const refusal = await admitLeaf(leaf)
      if (refusal !== undefined) refusals.push(refusal)
    }
    if (refusals[0] !== undefined) throw new MlsFailure('refused_leaf', refusals[0])
    const problem = await treeProblem(tree, groupContext, suite)
    if (problem !== undefined) throw new MlsFailure(reason, problem)
    return { groupId, epoch, by, roster: new Uint8Array(roster), tree, leaves }
  })
}

const isOurContext = (context: GroupInfo['groupContext']) =>
  equalBytes(encodeGroupContext(context), encodeGroupContext({ ...context, extensions: [...contextExtensions] }))
