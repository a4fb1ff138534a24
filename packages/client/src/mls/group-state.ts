import type { ClientState } from 'ts-mls/clientState.js'
import type { GroupContext } from 'ts-mls/groupContext.js'
import type { KeySchedule } from 'ts-mls/keySchedule.js'
import type { PrivateKeyPath } from 'ts-mls/privateKeyPath.js'
import type { RatchetTree } from 'ts-mls/ratchetTree.js'
import { groupName } from './bytes.ts'
import { type GroupState, type Leaf, MlsFailure } from './engine.ts'
import { clientConfig, leavesOf } from './leaves.ts'
import { type Ratchets, ratchetsOf, secretsOfRatchet } from './ratchets.ts'

/** What reading the application messages of an epoch takes after it has ended. */
export interface PastEpoch {
  readonly context: GroupContext
  readonly senderDataSecret: Uint8Array
  readonly leaves: readonly Leaf[]
  /** Without one's own: nobody reads their own messages, and nothing is sent in an epoch that has ended. */
  readonly ratchets: Ratchets
}

export interface EpochParts {
  readonly context: GroupContext
  readonly tree: RatchetTree
  readonly keySchedule: KeySchedule
  readonly privatePath: PrivateKeyPath
  readonly signaturePrivateKey: Uint8Array
  readonly confirmationTag: Uint8Array
  readonly ratchets: Ratchets
  /** Secrets of generation 0 of the handshake ratchets: a commit ends its epoch, so they never turn. */
  readonly handshake: ReadonlyMap<number, Uint8Array>
  /** The newest first. */
  readonly past: readonly PastEpoch[]
}

/** The one implementation of GroupState. Immutable; states share what they have in common. */
export class LoadedState implements GroupState {
  readonly groupId: string
  readonly epoch: number
  readonly ownLeaf: number
  readonly epochAuthenticator: Uint8Array
  readonly parts: EpochParts
  /** After a commit that removed this device: nothing can be done with it. */
  readonly removed: boolean
  #leaves: readonly Leaf[] | undefined

  constructor(parts: EpochParts, options: { readonly removed?: boolean; readonly leaves?: readonly Leaf[] } = {}) {
    const groupId = groupName(parts.context.groupId)
    const epoch = Number(parts.context.epoch)
    if (groupId === undefined || !Number.isSafeInteger(epoch)) throw new MlsFailure('malformed')
    this.groupId = groupId
    this.epoch = epoch
    this.ownLeaf = parts.privatePath.leafIndex
    this.epochAuthenticator = parts.keySchedule.epochAuthenticator
    this.parts = parts
    this.removed = options.removed ?? false
    this.#leaves = options.leaves
  }

  get leaves(): readonly Leaf[] {
    this.#leaves ??= leavesOf(this.parts.tree)
    return this.#leaves
  }

  /** The same epoch with other ratchets. */
  turned(ratchets: Ratchets): LoadedState {
    return new LoadedState({ ...this.parts, ratchets }, { leaves: this.leaves })
  }

  withPast(past: readonly PastEpoch[]): LoadedState {
    return new LoadedState({ ...this.parts, past }, { leaves: this.leaves })
  }

  gone(): LoadedState {
    return new LoadedState(this.parts, { removed: true, leaves: this.leaves.filter(({ index }) => index !== this.ownLeaf) })
  }
}

/** The state behind the contract's opaque one. @throws MlsFailure `removed`. */
export function usable(state: GroupState): LoadedState {
  if (!(state instanceof LoadedState)) throw new TypeError('a state of another engine')
  if (state.removed) throw new MlsFailure('removed')
  return state
}

/** The state as ts-mls has it, for one call. Ratchets are not in it: `ratchets.ts`. */
export function toLibrary({ parts }: LoadedState, admitted: readonly Omit<Leaf, 'index'>[]): ClientState {
  return {
    groupContext: parts.context,
    keySchedule: parts.keySchedule,
    secretTree: [],
    ratchetTree: parts.tree,
    privatePath: parts.privatePath,
    signaturePrivateKey: parts.signaturePrivateKey,
    unappliedProposals: {},
    confirmationTag: parts.confirmationTag,
    historicalReceiverData: new Map(),
    groupActiveState: { kind: 'active' },
    clientConfig: clientConfig(admitted),
  }
}

export type NewEpoch = Pick<
  ClientState,
  'groupContext' | 'keySchedule' | 'secretTree' | 'ratchetTree' | 'privatePath' | 'signaturePrivateKey' | 'confirmationTag'
>

/** The first state of an epoch, without a past. Private keys of nodes that have become blank are left behind. */
export function fromLibrary(epoch: NewEpoch): LoadedState {
  const { application, handshake } = ratchetsOf(epoch.secretTree, epoch.ratchetTree)
  const privateKeys = Object.fromEntries(
    Object.entries(epoch.privatePath.privateKeys).filter(([node]) => epoch.ratchetTree[Number(node)] !== undefined),
  )
  return new LoadedState({
    context: epoch.groupContext,
    tree: epoch.ratchetTree,
    keySchedule: epoch.keySchedule,
    privatePath: { leafIndex: epoch.privatePath.leafIndex, privateKeys },
    signaturePrivateKey: epoch.signaturePrivateKey,
    confirmationTag: epoch.confirmationTag,
    ratchets: application,
    handshake,
    past: [],
  })
}

/** What is left of an epoch when it has ended. */
export function ended({ parts, ownLeaf, leaves }: LoadedState): PastEpoch {
  return {
    context: parts.context,
    senderDataSecret: parts.keySchedule.senderDataSecret,
    leaves,
    ratchets: new Map([...parts.ratchets].filter(([leaf]) => leaf !== ownLeaf)),
  }
}

/** Every secret that a state holds, but the device's signature key, which is not the group's. */
export function secretsOf({ parts }: LoadedState): Set<Uint8Array> {
  const { epochAuthenticator: _shownToAll, ...schedule } = parts.keySchedule
  return new Set([
    ...Object.values(schedule),
    ...Object.values(parts.privatePath.privateKeys),
    ...parts.handshake.values(),
    ...[...parts.ratchets.values()].flatMap(secretsOfRatchet),
    ...parts.past.flatMap(({ senderDataSecret, ratchets }) => [
      senderDataSecret,
      ...[...ratchets.values()].flatMap(secretsOfRatchet),
    ]),
  ])
}
