import type { Clock } from '../clock.ts'

/**
 * MLS (RFC 9420) as the SDK needs it: inputs in, outputs and new state out, no I/O, time and randomness passed in.
 * One implementation, over ts-mls; nothing else in the SDK knows that library. ts-mls is the work of one maintainer and has
 * not been audited; `createMlsEngine` says what is checked or done here instead of there.
 *
 * States are immutable. Every operation answers with the next state and the record changes that persist it; the caller
 * writes those in one transaction with everything else that belongs together, and only then uses the next state,
 * sends what was made, and calls `wipe`.
 */
export interface MlsEngine {
  /** Number in the IANA registry. 1: MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519. */
  readonly ciphersuite: number
  readonly clock: Clock

  /** A signature key pair (Ed25519, raw 32-byte public key) of a device or of a user's identity. */
  generateSignatureKeys(): Promise<SignatureKeys>
  sign(privateKey: Uint8Array, bytes: Uint8Array): Promise<Uint8Array>
  verify(publicKey: Uint8Array, bytes: Uint8Array, signature: Uint8Array): Promise<boolean>

  /**
   * Loads what changes and enters groups, where it is not here yet: key packages, `createGroup`, `commit`, `adopt`,
   * `join`, `joinExternal` and `process` of a commit reject with the same while it cannot be loaded; messages never need it.
   * @throws SottoClientError `code_unavailable`.
   */
  prepare(): Promise<void>

  /** Fresh key packages of this device. `lastResort` marks it with the last_resort extension and a long lifetime. */
  createKeyPackage(device: LocalLeaf, options?: { readonly lastResort?: boolean }): Promise<NewKeyPackage>
  /** Checks signature, suite, version, lifetime. @throws MlsFailure `invalid_key_package`. */
  readKeyPackage(keyPackage: Uint8Array): Promise<KeyPackageSummary>

  /** A group of this device alone, in epoch 0. */
  createGroup(device: LocalLeaf, groupId: string): Promise<Step>
  /** The state from its records, as they were written. @throws MlsFailure `lost_state` when they are incomplete. */
  loadGroup(records: ReadonlyMap<string, Uint8Array>): GroupState

  /**
   * A commit of adds and removes, or of nothing (fresh keys). Always with an update path. The state is the group's after
   * it: `wipe` of this step, too, is for when it was accepted.
   * @throws MlsFailure `invalid_key_package` (also when its keys are in the group already), `refused`: nobody could apply it.
   */
  commit(state: GroupState, change: CommitInput): Promise<CommitStep>
  /**
   * The step that a commit of this device has prepared, from its `pending` bytes: when the server has accepted it, also
   * after a restart. `current` is the state as it is now: messages of the ending epoch may have been read since, and
   * that progress is what the history of the next state continues. Undefined: the first step of an external join. An
   * external join may also be given the state of the earlier self: its records are then deleted with the step.
   * @throws MlsFailure `lost_state` when the bytes are damaged or continue another state, `wrong_group`.
   */
  adopt(pending: Uint8Array, current: GroupState | undefined): Promise<Step>
  /** Joins by a Welcome. @throws MlsFailure `no_key_package`, `refused_leaf`, `invalid_welcome`, `unsupported`. */
  join(input: JoinInput): Promise<JoinStep>
  /**
   * Joins by an external commit; when a leaf of the same device (the same key, or else the same credential) is in the tree,
   * it is removed by the same commit.
   * @throws MlsFailure `invalid_group_info`, `refused_leaf`, `refused` (the reason of `admitGroupInfo`), `unsupported`.
   */
  joinExternal(input: ExternalJoinInput): Promise<ExternalJoinStep>

  /** What can be read of a message without keys. @throws MlsFailure `malformed`; `unsupported`: of another protocol version. */
  readHeader(message: Uint8Array): MessageHeader
  /**
   * Processes an application message, or a commit of somebody else. A commit is applied only when `admit` answers
   * `undefined`; otherwise fails with `refused` and that reason. Errors that `admit` throws arrive as they are.
   * @throws MlsFailure; the state is then unchanged and stays usable. `duplicate` also where the message is older than the
   * window of 200, `pruned_epoch` also for a commit of an epoch that is over, one's own among them, `refused` and
   * `invalid_key_package` also for a commit of a member that MLS itself forbids.
   */
  process(state: GroupState, message: Uint8Array, admit: Admit): Promise<ApplicationStep | ReceivedCommitStep>
  /** An application message. `padTo`: the plaintext is padded to this many bytes. */
  encrypt(
    state: GroupState,
    plaintext: Uint8Array,
    options?: { readonly padTo?: number; readonly aad?: Uint8Array },
  ): Promise<EncryptStep>

  /** MLS exporter (RFC 9420 section 8.5). */
  exportSecret(state: GroupState, label: string, context: Uint8Array, bytes: number): Promise<Uint8Array>
  /** AES-GCM under an exported key with a random nonce before the ciphertext: for signals. */
  sealSignal(key: Uint8Array, plaintext: Uint8Array, aad: Uint8Array): Promise<Uint8Array>
  /** @throws MlsFailure `tampered`. */
  openSignal(key: Uint8Array, sealed: Uint8Array, aad: Uint8Array): Promise<Uint8Array>
  sha256(bytes: Uint8Array): Uint8Array
}

export interface SignatureKeys {
  readonly publicKey: Uint8Array
  readonly privateKey: Uint8Array
}

/** What this device puts into its leaves: the same signature key and credential in every group. */
export interface LocalLeaf {
  readonly keys: SignatureKeys
  /** The identity of the basic credential (RFC 9420 section 5.3): opaque here; made and read by `identity/`. */
  readonly credential: Uint8Array
}

/** A leaf of a group's tree. */
export interface Leaf {
  readonly index: number
  readonly credential: Uint8Array
  readonly signatureKey: Uint8Array
}

export interface NewKeyPackage {
  /** An MLSMessage of wire format mls_key_package. */
  readonly keyPackage: Uint8Array
  /** KeyPackageRef (RFC 9420 section 5.2) in base64url. */
  readonly ref: string
  /** What `join` needs again, the private keys among it. To be kept until it is used or has expired. */
  readonly secret: Uint8Array
  /** When it expires, milliseconds since 1970. */
  readonly expiresAt: number
}

export interface KeyPackageSummary {
  readonly ref: string
  readonly leaf: Omit<Leaf, 'index'>
  readonly lastResort: boolean
}

/** A group as one device sees it in one epoch. Opaque but for what stands here. */
export interface GroupState {
  readonly groupId: string
  readonly epoch: number
  readonly ownLeaf: number
  readonly leaves: readonly Leaf[]
  /** The same for all members in the same state of the group (RFC 9420 section 8.7). */
  readonly epochAuthenticator: Uint8Array
}

/** The record named `name` of this group is now `value`; undefined: delete it. Names are short ASCII text without `/`. */
export interface RecordChange {
  readonly name: string
  readonly value: Uint8Array | undefined
}

export interface Step {
  readonly state: GroupState
  /** Against the records of the state that the step began with. The first step of a group brings all of them. */
  readonly changes: readonly RecordChange[]
  /** Zeroes secrets that were used up. To be called after the changes are on disk. */
  wipe(): void
}

export interface CommitInput {
  /** MLSMessage key packages, checked with `readKeyPackage` before. */
  readonly add: readonly Uint8Array[]
  /** Leaf indices. */
  readonly remove: readonly number[]
  /** Authenticated data of the commit: in the clear. */
  readonly aad: Uint8Array
  /** Put into the GroupInfo of the Welcome and into the public one as a private extension, signed. */
  readonly roster: Uint8Array
}

export interface CommitStep extends Step {
  /** A PublicMessage: the server knows who is added and removed anyway, and no handshake key can be used twice by a retry. */
  readonly commit: Uint8Array
  readonly welcome: Uint8Array | undefined
  /** With ratchet_tree and external_pub, for external commits. */
  readonly groupInfo: Uint8Array
  /** What `adopt` needs, to be kept beside the current state until the server has decided. */
  readonly pending: Uint8Array
}

/** Asked for every leaf of the tree before the join is made; a reason refuses. */
export type AdmitLeaf = (leaf: Leaf) => string | undefined | Promise<string | undefined>

export interface JoinInput {
  readonly welcome: Uint8Array
  /** The `secret` of the key package with this ref, if this device has it. */
  readonly secretOf: (ref: string) => Promise<Uint8Array | undefined>
  readonly admitLeaf: AdmitLeaf
}

export interface JoinStep extends Step {
  /** The ref of the key package that was used. */
  readonly ref: string
  /** The leaf that made the Welcome: its signature over GroupInfo and roster was checked. */
  readonly by: Leaf
  readonly roster: Uint8Array
}

export interface ExternalJoinInput {
  readonly device: LocalLeaf
  readonly groupInfo: Uint8Array
  readonly aad: Uint8Array
  readonly admitLeaf: AdmitLeaf
  /** The GroupInfo says who signed it and what roster it carries, before anything is made. A reason refuses. */
  readonly admitGroupInfo?: (info: {
    readonly groupId: string
    readonly epoch: number
    readonly by: Leaf
    readonly roster: Uint8Array
  }) => string | undefined
}

export interface ExternalJoinStep extends Step {
  /** A PublicMessage. */
  readonly commit: Uint8Array
  readonly groupInfo: Uint8Array
  readonly by: Leaf
  readonly roster: Uint8Array
  /** Leaf of an earlier self that the commit removes. */
  readonly replaced: Leaf | undefined
  readonly pending: Uint8Array
}

export interface MessageHeader {
  readonly wireFormat: 'private' | 'public' | 'welcome' | 'groupInfo' | 'keyPackage'
  /** Of private and public messages and of a GroupInfo. */
  readonly groupId: string | undefined
  readonly epoch: number | undefined
  readonly contentType: 'application' | 'proposal' | 'commit' | undefined
}

/** What a commit does, as the tree shows it, for the rules to judge before it is applied. */
export interface CommitEffect {
  readonly epoch: number
  /** The committer; of an external commit the leaf that joins. */
  readonly by: Leaf
  readonly external: boolean
  readonly added: readonly Leaf[]
  readonly removed: readonly Leaf[]
  /** Leaves whose credential or key is another one than before (the committer's own, by its path). */
  readonly changed: readonly { readonly before: Leaf; readonly after: Leaf }[]
  readonly aad: Uint8Array
}

/** `undefined` admits; a text is the reason of a refusal. */
export type Admit = (effect: CommitEffect) => string | undefined | Promise<string | undefined>

export interface ApplicationStep extends Step {
  readonly kind: 'application'
  /** Whose signature was checked. */
  readonly by: Leaf
  readonly epoch: number
  readonly generation: number
  readonly plaintext: Uint8Array
  readonly aad: Uint8Array
}

export interface ReceivedCommitStep extends Step {
  readonly kind: 'commit'
  readonly effect: CommitEffect
  /** The commit removes this device: there is no next epoch for it; `changes` delete the group's records. */
  readonly selfRemoved: boolean
}

export interface EncryptStep extends Step {
  /** An MLSMessage with a PrivateMessage. */
  readonly message: Uint8Array
  readonly generation: number
}

/** Why MLS could not do what it was asked. Every failure has one of these reasons. */
export const mlsFailureReasons = {
  malformed: 'The bytes are no MLS message of a kind that is understood here.',
  wrong_group: 'The message belongs to another group.',
  future_epoch: 'The message is of an epoch whose commit has not been seen yet.',
  pruned_epoch: 'The message is of an epoch whose keys are deleted already.',
  duplicate: 'The key of this message has been used: it was read before.',
  too_far_ahead: 'The message lies further ahead in its sender’s sequence than keys are derived for.',
  tampered: 'Decryption or a signature failed: the bytes were changed, or made by no member.',
  own_message: 'The message was made by this device.',
  refused: 'The commit does what its author may not do, or adds who is not vouched for.',
  removed: 'This device is no longer in the group.',
  invalid_key_package: 'The key package is malformed, expired, badly signed or of another suite.',
  no_key_package: 'The Welcome is for no key package that this device holds.',
  invalid_welcome: 'The Welcome does not open, or what it holds does not verify.',
  invalid_group_info: 'The GroupInfo is malformed, or does not verify.',
  refused_leaf: 'The group contains a leaf that nobody vouches for.',
  unsupported: 'The message uses what is not supported here: a proposal, another suite or version.',
  lost_state: 'The stored state of the group is incomplete.',
} as const

export type MlsFailureReason = keyof typeof mlsFailureReasons

export class MlsFailure extends Error {
  readonly reason: MlsFailureReason

  constructor(reason: MlsFailureReason, detail?: string, options?: ErrorOptions) {
    super(detail ?? mlsFailureReasons[reason], options)
    this.name = 'MlsFailure'
    this.reason = reason
  }
}
