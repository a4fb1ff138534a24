import { deriveSecret } from 'ts-mls/crypto/kdf.js'
import { createConfirmationTag } from 'ts-mls/framedContent.js'
import type { GroupContext } from 'ts-mls/groupContext.js'
import { initializeKeySchedule, mlsExporter } from 'ts-mls/keySchedule.js'
import { createSecretTree } from 'ts-mls/secretTree.js'
import { treeHashRoot } from 'ts-mls/treeHash.js'
import { createPrimitives } from '#crypto'
import type { Clock } from '../clock.ts'
import { decrypt, encrypt } from './application.ts'
import { utf8, wipeBytes } from './bytes.ts'
import {
  type Admit,
  type ApplicationStep,
  type GroupState,
  type LocalLeaf,
  type MlsEngine,
  MlsFailure,
  type ReceivedCommitStep,
  type Step,
} from './engine.ts'
import { joinExternal } from './external-join.ts'
import { decodeMessage, failingAs, passingThrough } from './failures.ts'
import { fromLibrary, usable } from './group-state.ts'
import { readHeader } from './header.ts'
import { join } from './join.ts'
import { createKeyPackage, generateKeyPackage, readKeyPackage } from './key-packages.ts'
import { leafNodeAt } from './leaves.ts'
import { commitAsMember } from './member-commit.ts'
import type { Primitives } from './primitives.ts'
import { receiveCommit } from './received-commit.ts'
import { contextExtensions } from './roster-extension.ts'
import { openSignal, sealSignal } from './signals.ts'
import { stateOf } from './state-records.ts'
import { adopt, firstStep } from './steps.ts'
import { ciphersuiteName, ciphersuiteNumber, createSuite, type Suite } from './suite.ts'

/**
 * The engine over ts-mls (exactly 1.6.4: one maintainer, no audit). `primitives`: instead of the platform's.
 *
 * Used of ts-mls: encoding, key schedule, trees of keys and hashes, update paths, protection of messages, and the
 * processing of commits. Done here, because ts-mls does it otherwise or not at all:
 *
 * - commits are put together from its parts, always with a path, and a lone member draws the commit secret (`make-commit.ts`)
 * - application messages are opened here, so that skipped keys are kept without the secret they came from (`ratchets.ts`)
 * - trees of joiners are checked here: its own check refuses some that are right (`tree-check.ts`)
 * - external_pub has its length (`make-commit.ts`); keys of a commit are compared with the tree's (`commit-effect.ts`);
 *   private keys from a path with its public ones (`received-commit.ts`); lifetimes with our clock (`key-packages.ts`)
 * - nobody is vouched for but whom the caller has admitted in the same call (`leaves.ts`)
 */
export async function createMlsEngine({
  clock,
  primitives = createPrimitives(),
}: {
  readonly clock: Clock
  readonly primitives?: Primitives
}): Promise<MlsEngine> {
  const suite = await createSuite(primitives, clock)
  return {
    ciphersuite: ciphersuiteNumber,
    clock,
    generateSignatureKeys: async () => {
      const { publicKey, signKey } = await suite.signature.keygen()
      return { publicKey, privateKey: signKey }
    },
    sign: (privateKey, bytes) => suite.signature.sign(privateKey, bytes),
    verify: (publicKey, bytes, signature) => suite.signature.verify(publicKey, bytes, signature),
    createKeyPackage: (device, { lastResort = false } = {}) =>
      createKeyPackage(device, { nowMs: clock.now(), lastResort }, suite),
    readKeyPackage: (keyPackage) => readKeyPackage(keyPackage, clock.now(), suite),
    createGroup: (device, groupId) => createGroup(device, groupId, clock.now(), suite),
    loadGroup: (records) => stateOf(records),
    commit: async (state, change) => commitAsMember(usable(state), change, clock.now(), suite),
    adopt: async (pending, current) => adopt(pending, current),
    join: (input) => passingThrough((guard) => join({ ...input, admitLeaf: guard(input.admitLeaf) }, suite)),
    joinExternal: (input) =>
      passingThrough((guard) => {
        const { admitLeaf, admitGroupInfo = () => undefined } = input
        const guarded = { ...input, admitLeaf: guard(admitLeaf), admitGroupInfo: guard(admitGroupInfo) }
        return joinExternal(guarded, clock.now(), suite)
      }),
    readHeader,
    process: (state, message, admit) => passingThrough((guard) => process(state, message, guard(admit), clock.now(), suite)),
    encrypt: async (state, plaintext, options = {}) => encrypt(usable(state), plaintext, options, suite),
    leafKeyOf: (state, leaf) => {
      const node = leafNodeAt(usable(state).parts.tree, leaf)
      if (node === undefined) throw new MlsFailure('refused', 'no leaf of the group')
      return new Uint8Array(node.hpkePublicKey)
    },
    exportSecret: async (state, label, context, bytes) =>
      mlsExporter(usable(state).parts.keySchedule.exporterSecret, label, context, bytes, suite),
    sealSignal: (key, plaintext, aad) => sealSignal(key, plaintext, aad, suite),
    openSignal: (key, sealed, aad) => openSignal(key, sealed, aad, suite),
    sha256: (bytes) => suite.sha256(bytes),
  }
}

/** RFC 9420 section 11. */
async function createGroup(device: LocalLeaf, groupId: string, nowMs: number, suite: Suite): Promise<Step> {
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

/** What the header says is judged first: ts-mls has no distinct words for most of it. */
async function process(
  current: GroupState,
  message: Uint8Array,
  admit: Admit,
  nowMs: number,
  suite: Suite,
): Promise<ApplicationStep | ReceivedCommitStep> {
  const state = usable(current)
  const { wireFormat, groupId, epoch, contentType } = readHeader(message)
  if (wireFormat !== 'private' && wireFormat !== 'public')
    throw new MlsFailure('malformed', `no message of a group: ${wireFormat}`)
  if (groupId !== state.groupId || epoch === undefined) throw new MlsFailure('wrong_group')
  if (contentType === 'proposal') throw new MlsFailure('unsupported', 'a proposal')
  if (contentType === 'application' && wireFormat === 'public')
    throw new MlsFailure('malformed', 'an application message in the clear')
  if (epoch > state.epoch) throw new MlsFailure('future_epoch')
  if (contentType === 'commit' && epoch < state.epoch) throw new MlsFailure('pruned_epoch')
  const decoded =
    wireFormat === 'private'
      ? decodeMessage(message, 'mls_private_message', 'malformed')
      : decodeMessage(message, 'mls_public_message', 'malformed')
  return failingAs('tampered', async () => {
    if (contentType === 'commit') return receiveCommit(state, decoded, admit, nowMs, suite)
    if (decoded.wireformat === 'mls_private_message') return decrypt(state, decoded.privateMessage, suite)
    throw new MlsFailure('malformed')
  })
}
