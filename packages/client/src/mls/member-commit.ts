import type { Proposal } from 'ts-mls/proposal.js'
import { type CommitInput, type CommitStep, MlsFailure } from './engine.ts'
import type { LoadedState } from './group-state.ts'
import { checkedKeyPackage } from './key-packages.ts'
import { makeCommit } from './make-commit.ts'
import { applied } from './proposals.ts'
import { nextEpoch, pendingOf } from './steps.ts'
import type { Suite } from './suite.ts'
import { keyProblem } from './tree-check.ts'

/** A commit of a member. @throws MlsFailure `invalid_key_package`; `refused` for what nobody would accept. */
export async function commitAsMember(state: LoadedState, change: CommitInput, nowMs: number, suite: Suite): Promise<CommitStep> {
  const { parts, ownLeaf } = state
  const keyPackages = await Promise.all(change.add.map((bytes) => checkedKeyPackage(bytes, nowMs, suite)))
  if (change.remove.includes(ownLeaf)) throw new MlsFailure('refused', 'nobody removes themselves')
  const result = applied(parts.tree, change.remove, keyPackages)
  if (result === undefined) throw new MlsFailure('refused', 'a leaf to be removed is not there')
  if (keyProblem(result.tree) !== undefined)
    throw new MlsFailure('invalid_key_package', 'a key of a key package is in the group already')
  const proposals: Proposal[] = [
    ...change.remove.map((removed) => ({ proposalType: 'remove' as const, remove: { removed } })),
    ...keyPackages.map((keyPackage) => ({ proposalType: 'add' as const, add: { keyPackage } })),
  ]
  const { next, ...made } = await makeCommit(
    {
      context: parts.context,
      confirmationTag: parts.confirmationTag,
      initSecret: parts.keySchedule.initSecret,
      membershipKey: parts.keySchedule.membershipKey,
      sender: { senderType: 'member', leafIndex: ownLeaf },
      leafIndex: ownLeaf,
      signaturePrivateKey: parts.signaturePrivateKey,
      privateKeys: parts.privatePath.privateKeys,
      proposals,
      tree: result.tree,
      added: result.added,
      aad: new Uint8Array(change.aad),
      roster: new Uint8Array(change.roster),
    },
    suite,
  )
  return { ...made, ...nextEpoch(state, next), pending: pendingOf(state, next) }
}
