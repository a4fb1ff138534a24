import { mlsExporter } from 'ts-mls/keySchedule.js'
import { createPrimitives } from '#crypto'
import type { Clock } from '../clock.ts'
import { decrypt, encrypt } from './application.ts'
import {
  type Admit,
  type ApplicationStep,
  type GroupState,
  type MlsEngine,
  MlsFailure,
  type ReceivedCommitStep,
} from './engine.ts'
import { decodeMessage, failingAs, passingThrough } from './failures.ts'
import { usable } from './group-state.ts'
import { readHeader } from './header.ts'
import type { Primitives } from './primitives.ts'
import { openSignal, sealSignal } from './signals.ts'
import { stateOf } from './state-records.ts'
import { ciphersuiteNumber, createSuite, type Suite } from './suite.ts'

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
 * - nobody is vouched for but whom the caller has admitted in the same call (`library-state.ts`)
 */
export async function createMlsEngine({
  clock,
  primitives = createPrimitives(),
}: {
  readonly clock: Clock
  readonly primitives?: Primitives
}): Promise<MlsEngine> {
  const suite = createSuite(primitives, clock)
  const { handshakes } = suite
  return {
    ciphersuite: ciphersuiteNumber,
    clock,
    generateSignatureKeys: async () => {
      const { publicKey, signKey } = await suite.signature.keygen()
      return { publicKey, privateKey: signKey }
    },
    sign: (privateKey, bytes) => suite.signature.sign(privateKey, bytes),
    verify: (publicKey, bytes, signature) => suite.signature.verify(publicKey, bytes, signature),
    prepare: async () => void (await handshakes()),
    createKeyPackage: async (device, { lastResort = false } = {}) =>
      (await handshakes()).createKeyPackage(device, { nowMs: clock.now(), lastResort }, suite),
    readKeyPackage: async (keyPackage) => (await handshakes()).readKeyPackage(keyPackage, clock.now(), suite),
    createGroup: async (device, groupId) => (await handshakes()).createGroup(device, groupId, clock.now(), suite),
    loadGroup: (records) => stateOf(records),
    commit: async (state, change) => (await handshakes()).commitAsMember(usable(state), change, clock.now(), suite),
    adopt: async (pending, current) => (await handshakes()).adopt(pending, current),
    join: async (input) => {
      const { join } = await handshakes()
      return passingThrough((guard) => join({ ...input, admitLeaf: guard(input.admitLeaf) }, suite))
    },
    joinExternal: async (input) => {
      const { joinExternal } = await handshakes()
      return passingThrough((guard) => {
        const { admitLeaf, admitGroupInfo = () => undefined } = input
        const guarded = { ...input, admitLeaf: guard(admitLeaf), admitGroupInfo: guard(admitGroupInfo) }
        return joinExternal(guarded, clock.now(), suite)
      })
    },
    readHeader,
    process: (state, message, admit) => passingThrough((guard) => process(state, message, guard(admit), clock.now(), suite)),
    encrypt: async (state, plaintext, options = {}) => encrypt(usable(state), plaintext, options, suite),
    exportSecret: async (state, label, context, bytes) =>
      mlsExporter(usable(state).parts.keySchedule.exporterSecret, label, context, bytes, suite),
    sealSignal: (key, plaintext, aad) => sealSignal(key, plaintext, aad, suite),
    openSignal: (key, sealed, aad) => openSignal(key, sealed, aad, suite),
    sha256: (bytes) => suite.sha256(bytes),
  }
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
  // Before anything is judged: that code does not come says nothing about the commit.
  const { receiveCommit } = contentType === 'commit' ? await suite.handshakes() : {}
  return failingAs('tampered', async () => {
    if (receiveCommit !== undefined) return receiveCommit(state, decoded, admit, nowMs, suite)
    if (decoded.wireformat === 'mls_private_message') return decrypt(state, decoded.privateMessage, suite)
    throw new MlsFailure('malformed')
  })
}
