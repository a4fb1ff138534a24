import type { AuthenticationService } from 'ts-mls/authenticationService.js'
import type { ClientConfig } from 'ts-mls/clientConfig.js'
import type { ClientState } from 'ts-mls/clientState.js'
import { defaultKeyPackageEqualityConfig } from 'ts-mls/keyPackageEqualityConfig.js'
import type { KeyRetentionConfig } from 'ts-mls/keyRetentionConfig.js'
import type { Leaf } from './engine.ts'
import { LoadedState } from './group-state.ts'
import { identityOf, sameLeaf } from './leaves.ts'
import { ratchetsOf, window } from './ratchets.ts'

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

/**
 * The authentication service of RFC 9420 section 5.3.1 for one call into ts-mls: it vouches for these leaves, which the
 * caller's rules have admitted just before, and for no other.
 */
function vouchingFor(leaves: readonly Omit<Leaf, 'index'>[]): AuthenticationService {
  return {
    validateCredential: async (credential, signatureKey) =>
      leaves.some((leaf) => sameLeaf(leaf, { credential: identityOf(credential), signatureKey })),
  }
}

export const keyRetentionConfig: KeyRetentionConfig = {
  retainKeysForGenerations: window.generationsBack,
  retainKeysForEpochs: window.epochsBack,
  maximumForwardRatchetSteps: window.generationsAhead,
}

/** Lifetimes are checked by this engine, with its own clock: `key-packages.ts`. */
function clientConfig(admitted: readonly Omit<Leaf, 'index'>[]): ClientConfig {
  return {
    keyRetentionConfig,
    lifetimeConfig: { maximumTotalLifetime: 366n * 86_400n, validateLifetimeOnReceive: false },
    keyPackageEqualityConfig: defaultKeyPackageEqualityConfig,
    paddingConfig: { kind: 'alwaysPad', paddingLength: 0 },
    authService: vouchingFor(admitted),
  }
}
