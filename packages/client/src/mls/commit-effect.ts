import type { FramedContentCommit } from 'ts-mls/framedContent.js'
import type { KeyPackage } from 'ts-mls/keyPackage.js'
import type { LeafNodeCommit } from 'ts-mls/leafNode.js'
import type { RatchetTree } from 'ts-mls/ratchetTree.js'
import { addLeafNode, findBlankLeafNodeIndexOrExtend } from 'ts-mls/ratchetTree.js'
import type { UpdatePath } from 'ts-mls/updatePath.js'
import { base64url } from './bytes.ts'
import { type CommitEffect, type Leaf, MlsFailure } from './engine.ts'
import type { LoadedState } from './group-state.ts'
import { checkKeyPackage, leafProblem, lifetimes } from './key-packages.ts'
import { leafAt, leafOf, sameLeaf } from './leaves.ts'
import { applied } from './proposals.ts'
import type { Suite } from './suite.ts'
import { keyProblem } from './tree-check.ts'

export interface ReadCommit {
  readonly effect: CommitEffect
  readonly path: UpdatePath
  /** The committer's leaf index in the new tree. */
  readonly committer: number
}

/**
 * What a commit does, out of its proposals and path, with all that can be said against it before secrets are touched.
 * ts-mls compares new leaves with each other but not with the tree's keys; here they are.
 * @throws MlsFailure `unsupported`, `refused`, `invalid_key_package`.
 */
export async function readCommit(
  state: LoadedState,
  { commit, sender, authenticatedData }: FramedContentCommit,
  nowMs: number,
  suite: Suite,
): Promise<ReadCommit> {
  const { add, remove, externalInits } = proposalsOf(commit.proposals)
  if (commit.path === undefined) throw new MlsFailure('refused', 'a commit without an update path')
  if (sender.senderType !== 'member' && sender.senderType !== 'new_member_commit')
    throw new MlsFailure('unsupported', 'an external sender')
  const external = sender.senderType === 'new_member_commit'
  if (external ? externalInits !== 1 || add.length > 0 || remove.length > 1 : externalInits > 0) {
    throw new MlsFailure('refused', 'proposals that cannot be together')
  }
  if (!external && remove.includes(sender.leafIndex)) throw new MlsFailure('refused', 'the committer removes itself')
  for (const keyPackage of add) await checkKeyPackage(keyPackage, { nowMs, delaySeconds: lifetimes.commitDelay }, suite)
  const { tree } = state.parts
  const result = applied(tree, remove, add)
  if (result === undefined) throw new MlsFailure('refused', 'a leaf to be removed is not there')
  const committer = external ? findBlankLeafNodeIndexOrExtend(result.tree) / 2 : sender.leafIndex
  const problem = leafProblem(commit.path.leafNode)
  if (problem !== undefined) throw new MlsFailure('refused', `the committer’s leaf has ${problem}`)
  checkKeys(result.tree, commit.path, external ? undefined : committer)
  const after = leafOf(committer, commit.path.leafNode)
  const before = external ? undefined : leafAt(tree, committer)
  if (!external && before === undefined) throw new MlsFailure('tampered', 'a committer who is not in the tree')
  const effect: CommitEffect = {
    epoch: state.epoch,
    by: before ?? after,
    external,
    added: result.added.map(({ leafIndex, keyPackage }) => leafOf(leafIndex, keyPackage.leafNode)),
    removed: remove.flatMap((index) => leafAt(tree, index) ?? []),
    changed: before === undefined || sameLeaf(before, after) ? [] : [{ before, after }],
    aad: new Uint8Array(authenticatedData),
  }
  return { effect, path: commit.path, committer }
}

/** Leaves that the effect brings in, with the committer's: what has to be vouched for while it is applied. */
export const broughtIn = ({ effect, path, committer }: ReadCommit): readonly Leaf[] => [
  ...effect.added,
  leafOf(committer, path.leafNode),
]

function proposalsOf(proposals: FramedContentCommit['commit']['proposals']) {
  const add: KeyPackage[] = []
  const remove: number[] = []
  let externalInits = 0
  for (const item of proposals) {
    if (item.proposalOrRefType !== 'proposal') throw new MlsFailure('unsupported', 'a proposal by reference')
    const { proposal } = item
    if (proposal.proposalType === 'add' && 'add' in proposal) add.push(proposal.add.keyPackage)
    else if (proposal.proposalType === 'remove' && 'remove' in proposal) remove.push(proposal.remove.removed)
    else if (proposal.proposalType === 'external_init') externalInits += 1
    else throw new MlsFailure('unsupported', `a proposal of type ${proposal.proposalType}`)
  }
  return { add, remove, externalInits }
}

/** No key of the path is anywhere in the tree, nor twice in the path (RFC 9420 section 7.9.2 and 12.4.2). */
function checkKeys(tree: RatchetTree, { leafNode, nodes }: UpdatePath, replaced: number | undefined): void {
  const after = withLeaf(tree, leafNode, replaced)
  const inPath = nodes.map(({ hpkePublicKey }) => base64url(hpkePublicKey))
  const inTree = new Set(
    [...tree, ...after].flatMap((node) =>
      node === undefined ? [] : [base64url(node.nodeType === 'leaf' ? node.leaf.hpkePublicKey : node.parent.hpkePublicKey)],
    ),
  )
  const used = new Set(tree.flatMap((node) => (node?.nodeType === 'leaf' ? [base64url(node.leaf.hpkePublicKey)] : [])))
  const fresh = inPath.every((key) => !inTree.has(key)) && new Set(inPath).size === inPath.length
  if (!fresh || used.has(base64url(leafNode.hpkePublicKey)) || keyProblem(after) !== undefined) {
    throw new MlsFailure('refused', 'a key that is in the group already')
  }
}

function withLeaf(tree: RatchetTree, leaf: LeafNodeCommit, replaced: number | undefined): RatchetTree {
  if (replaced === undefined) return addLeafNode(tree, leaf)[0]
  const copy = tree.slice()
  copy[2 * replaced] = { nodeType: 'leaf', leaf }
  return copy
}
