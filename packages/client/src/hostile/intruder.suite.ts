import { systemClock } from '../clock.ts'
import { encodeCredential, makeCertificate } from '../identity/certificate.ts'
import type { DeviceList, SignedList } from '../identity/identity.ts'
import { firstList } from '../identity/identity-key.ts'
import { generateSealKeys } from '../identity/sealed-key.ts'
import { signList } from '../identity/signed-list.ts'
import { encodeClaim } from '../membership/claim.ts'
import type { Roster } from '../membership/membership.ts'
import { decodeRoster } from '../membership/roster.ts'
import { claimOf } from '../membership/rules.ts'
import type { ExternalJoinStep, GroupState, LocalLeaf, MlsEngine, SignatureKeys } from '../mls/engine.ts'
import { nobodyMinds } from '../mls/members.suite.ts'
import { createMlsEngine } from '../mls/ts-mls-engine.ts'
import { base64, fromBase64 } from '../sync/base64.ts'
import type { EntryFrame } from '../transport/transport.ts'
import type { Device, HostileServer } from './hostile-server.suite.ts'

/** Whoever runs the server, with an MLS client of its own: everything but the keys of honest users. */
export interface Intruder extends Device {
  readonly engine: MlsEngine
  readonly identity: SignatureKeys
  readonly leaf: LocalLeaf
  /** A device list of this user under the intruder's own identity key, naming its device. */
  readonly list: DeviceList
  readonly signedList: SignedList
  /** As the server hands key packages out. */
  keyPackage(): Promise<string>
}

/** Takes a name; nobody has given it. */
export async function intruder(userId: string, deviceId: string, version = 1): Promise<Intruder> {
  const engine = await createMlsEngine({ clock: systemClock })
  const identity = await engine.generateSignatureKeys()
  const keys = await engine.generateSignatureKeys()
  const { publicKey: sealKey } = await generateSealKeys()
  const certificate = await makeCertificate(
    {
      userId,
      deviceId,
      identityKey: identity.publicKey,
      identityPrivateKey: identity.privateKey,
      leafSignatureKey: keys.publicKey,
    },
    engine,
  )
  const leaf = { keys, credential: encodeCredential(certificate) }
  const device = { deviceId, signatureKey: keys.publicKey, sealKey, addedAt: systemClock.now() }
  const list = firstList(userId, identity.publicKey, device, version)
  return {
    userId,
    deviceId,
    engine,
    identity,
    leaf,
    list,
    signedList: await signList(list, identity.privateKey, engine),
    keyPackage: async () => base64((await engine.createKeyPackage(leaf)).keyPackage),
  }
}

/** The group's newest GroupInfo: the server keeps it. */
export async function groupInfoOf(server: HostileServer, member: Device, groupId: string) {
  const { body } = await server.ask(member.userId, member.deviceId, 'GET', `/groups/${groupId}/group-info`)
  return body as { groupInfo: string; generation: number; epoch: number; mailbox: string; seq: number }
}

/** A commit from outside by a leaf of the intruder's: right in everything but that nobody vouches for it. */
export async function breakIn(
  { engine, leaf, userId, deviceId }: Pick<Intruder, 'engine' | 'leaf' | 'userId' | 'deviceId'>,
  groupInfo: string,
): Promise<ExternalJoinStep & { readonly rosterBefore: Roster }> {
  let rosterBefore: Roster | undefined
  const by = { userId, deviceId }
  const input = { device: leaf, groupInfo: fromBase64(groupInfo), admitLeaf: nobodyMinds }
  await engine.joinExternal({
    ...input,
    aad: new Uint8Array(),
    admitGroupInfo: ({ roster }) => {
      rosterBefore = decodeRoster(roster)
      return undefined
    },
  })
  const { claim } = claimOf(rosterBefore!, { by, add: [], remove: [], leave: [] }, true)
  return { ...(await engine.joinExternal({ ...input, aad: encodeClaim(claim) })), rosterBefore: rosterBefore! }
}

type Frame<type extends EntryFrame['type']> = Extract<EntryFrame, { readonly type: type }>

/** An entry as the server would make one of a commit. Numbers are given when it is shown. */
export function commitEntry(
  server: HostileServer,
  groupId: string,
  change: Pick<Frame<'commit'>, 'commit' | 'epoch' | 'from' | 'fromDevice'> & Partial<Frame<'commit'>>,
): Frame<'commit'> {
  return {
    type: 'commit',
    mailbox: server.mailboxOf(groupId),
    seq: 1,
    receivedAt: systemClock.now(),
    id: crypto.randomUUID(),
    groupId,
    generation: 0,
    added: [],
    removed: [],
    ...change,
  }
}

/** Messages of a group that the real server has delivered to anybody, each once, by number. */
export function messagesOf(server: HostileServer, groupId: string): Frame<'msg'>[] {
  const bySeq = new Map<number, Frame<'msg'>>()
  for (const { frame } of server.log) if (frame.type === 'msg' && frame.to === groupId) bySeq.set(frame.seq, frame)
  return [...bySeq.values()].sort((a, b) => a.seq - b.seq)
}

/** What somebody with these states can read of them. */
export async function readable(
  engine: MlsEngine,
  states: readonly GroupState[],
  messages: readonly Pick<Frame<'msg'>, 'ciphertext'>[],
): Promise<string[]> {
  const read: string[] = []
  for (const state of states) {
    for (const { ciphertext } of messages) {
      const step = await engine.process(state, fromBase64(ciphertext), nobodyMinds).catch(() => undefined)
      if (step?.kind === 'application') read.push(new TextDecoder().decode(step.plaintext))
    }
  }
  return read
}
