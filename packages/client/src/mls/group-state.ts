import type { GroupContext } from 'ts-mls/groupContext.js'
import type { KeySchedule } from 'ts-mls/keySchedule.js'
import type { PrivateKeyPath } from 'ts-mls/privateKeyPath.js'
import type { RatchetTree } from 'ts-mls/ratchetTree.js'
import { groupName } from './bytes.ts'
import { type GroupState, type Leaf, MlsFailure } from './engine.ts'
import { leavesOf } from './leaves.ts'
import type { Ratchets } from './ratchets.ts'

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
