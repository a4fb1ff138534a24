import { SottoError } from '@sotto/protocol/errors'
import { SottoClientError } from '../errors.ts'
import { encodeClaim } from '../membership/claim.ts'
import type { Role, Roster } from '../membership/membership.ts'
import { decodeRoster, rankOf } from '../membership/roster.ts'
import { claimOf } from '../membership/rules.ts'
import { type ExternalJoinStep, type Leaf, MlsFailure } from '../mls/engine.ts'
import { base64, base64Url, fromBase64 } from './base64.ts'
import { type ConversationState, mlsGroupId, newConversation, type PendingCommit } from './conversation-state.ts'
import { directGroupId } from './direct-group-id.ts'
import { maySetAnew } from './gone-on.ts'
import { admitted, devicesOf, namedBy, sameDevice, usersOf } from './leaves.ts'
import type { Parts } from './parts.ts'
import { patiently } from './patience.ts'
import { admittingVouched, peerOf, problemAnew } from './receive-welcome.ts'

interface Info {
  readonly groupInfo: string
  readonly generation: number
  readonly epoch: number
  readonly mailbox: string
  readonly seq: number
}

const asks = 'asks'
/** How long a Welcome that must be on its way is waited for. */
const welcomeMs = 10_000

/**
 * Makes the commit by which this device comes into a group from outside, or comes back after it has lost its state.
 * `outside`: the server does not have this user as a member; undefined: nothing is to be made, a Welcome comes or has come.
 * A device that can read the group's log still goes on doing so until its commit stands in it.
 * @throws SottoClientError `forbidden`: what the server shows is refused.
 */
export async function prepareExternalJoin(
  parts: Parts,
  conversationId: string,
  tries = 3,
): Promise<PendingCommit | 'outside' | undefined> {
  // As it is known when the server is asked: what is read meanwhile makes its answer late, not wrong.
  const known = parts.memory.conversations.get(conversationId)
  const info = await infoOf(parts, conversationId)
  if (info === undefined) return 'outside'
  try {
    const { leaves, roster, by } = await look(parts, conversationId, info)
    if (await isWelcomed(parts, conversationId, leaves)) return undefined
    await Promise.all(usersOf([...leaves, by]).map((userId) => parts.contacts.refresh(userId)))
    const problem = problemOf(parts, conversationId, info, roster, known)
    if (problem !== undefined) throw new MlsFailure('invalid_group_info', problem)
    const given = await rolesGiven(parts, conversationId)
    if (given === undefined) return 'outside'
    const signer = await admitted(by, (userId) => parts.contacts.of(userId), parts.engine)
    const signedBy = typeof signer === 'string' ? '' : signer.userId
    // The first commit of a generation is that of the reset.
    const since = info.epoch > 1 ? given : undefined
    const unfit = problemAnew(parts, known, info.generation, roster, signedBy, since)
    const raised = raisedIn(roster, given)
    if (unfit === undefined && raised === undefined) return await prepare(parts, conversationId, info, leaves, roster, known)
    // A role may have been taken away between the questions: then there is a newer GroupInfo.
    if (tries > 1) return await prepareExternalJoin(parts, conversationId, tries - 1)
    if (unfit !== undefined) throw new MlsFailure('invalid_group_info', unfit)
    if (known !== undefined && goesWrongNext(known, info, roster, signedBy)) await setAnew(parts, known)
    throw new MlsFailure('refused', `${raised} has a higher role in the roster than the server knows of`)
  } catch (error) {
    if (!(error instanceof MlsFailure)) throw error
    parts.incident('group_info_refused', conversationId, error.message)
    throw new SottoClientError('forbidden', error.message, { cause: error })
  }
}

/** The highest role that the server has let the group give to each of its members; undefined: this user is none of them any more. */
export async function rolesGiven({ transport, timers }: Parts, conversationId: string): Promise<Map<string, Role> | undefined> {
  const params = { groupId: conversationId }
  try {
    const { ownerId, admins, members } = await patiently(timers, () => transport.request('GET /groups/:groupId', { params }))
    const highest = new Map<string, Role>(members.map((userId) => [userId, 'member']))
    for (const userId of admins) highest.set(userId, 'admin')
    return highest.set(ownerId, 'owner')
  } catch (error) {
    if (error instanceof SottoError && error.code === 'not_member') return undefined
    throw error
  }
}

/**
 * Who has a higher role in the roster than the server has let the group give. A roster that comes in a GroupInfo has been
 * signed by a member, whoever it was, and the server cannot read it: this way neither of them alone makes anybody the owner.
 */
function raisedIn(roster: Roster, given: ReadonlyMap<string, Role>): string | undefined {
  // Who has departed is no member for the server, and has a role until the removal is committed.
  const isRaised = ([userId, role]: [string, Role]) => rankOf(role) < rankOf(given.get(userId) ?? role)
  return roster.direct ? undefined : [...roster.members].find(isRaised)?.[0]
}

/**
 * Whether a member has raised somebody beside the very next commit after all that this device has read. What the device knows
 * is then what the group was before; where more has happened, it may know of a removal less than others, and would undo it.
 */
function goesWrongNext(known: ConversationState, info: Info, roster: Roster, signer: string): boolean {
  const { members } = known.roster
  const isNext = info.generation === known.generation && info.epoch === (known.epoch ?? 0) + 1 && info.seq === known.unreadableSeq
  // By its own word alone the server makes nobody begin anew: the roster must be a known member's, and raise somebody for this device too.
  return (
    isNext && members.has(signer) && [...roster.members].some(([id, role]) => rankOf(role) < rankOf(members.get(id) ?? 'member'))
  )
}

/** A member has put the group where no honest device goes. It begins anew from what this device knows, where that is its to do. */
async function setAnew(parts: Parts, { id, epoch }: ConversationState): Promise<void> {
  await parts.memory.transact(async (transaction) => {
    const now = transaction.conversation(id)
    if (now === undefined || now.epoch !== epoch || !maySetAnew(now, parts.self.userId)) return
    if (now.status === 'left' || !(now.rejoin || now.status === 'joining')) return
    transaction.updateConversation(id, { status: 'broken', rejoin: false, transcript: undefined })
    transaction.emitConversation(id)
    transaction.afterwards(() => parts.ask.reset(id))
  })
}

async function infoOf({ transport, timers }: Parts, conversationId: string): Promise<Info | undefined> {
  try {
    return await patiently(timers, () =>
      transport.request('GET /groups/:groupId/group-info', { params: { groupId: conversationId } }),
    )
  } catch (error) {
    if (!(error instanceof SottoError) || error.code !== 'not_member') throw error
    return undefined
  }
}

/** Who is in the group, before anything is made: the device lists of all of them are to be fetched first. */
async function look(parts: Parts, conversationId: string, info: Info): Promise<{ leaves: Leaf[]; roster: Roster; by: Leaf }> {
  const leaves: Leaf[] = []
  let seen: { roster: Roster; by: Leaf } | undefined
  try {
    await parts.engine.joinExternal({
      device: localLeaf(parts),
      groupInfo: bytesOf(info.groupInfo),
      aad: new Uint8Array(),
      admitLeaf: (leaf) => {
        leaves.push(leaf)
        return asks
      },
      admitGroupInfo: ({ groupId, epoch, roster, by }) => {
        seen = { roster: rosterIn(roster), by }
        if (groupId !== mlsGroupId(conversationId, info.generation)) return 'it is of another group than the server says'
        return epoch === info.epoch ? undefined : 'it is of another epoch than the server says'
      },
    })
  } catch (error) {
    if (!(error instanceof MlsFailure) || error.reason !== 'refused_leaf') throw error
  }
  if (seen === undefined) throw new MlsFailure('invalid_group_info')
  return { leaves, ...seen }
}

/**
 * Whether somebody has let this device in already, and its Welcome comes: the messages since that commit are for this device,
 * and would be lost to one that came in by itself.
 */
async function isWelcomed(
  { memory, timers, self, caughtUp }: Parts,
  conversationId: string,
  leaves: readonly Leaf[],
): Promise<boolean> {
  const status = () => memory.conversations.get(conversationId)?.status
  if (memory.conversations.get(conversationId)?.rejoin || !leaves.some((leaf) => sameDevice(namedBy(leaf), self))) return false
  // It reads on, and whoever has let it in again did so further on in the log.
  if (status() === 'active') return true
  if (status() !== undefined && status() !== 'left') return false
  for (let idleMs = 0, waitedMs = 0; idleMs < welcomeMs && waitedMs < welcomeMs * 3; waitedMs += 50) {
    if (status() === 'active') return true
    if (caughtUp()) idleMs += 50
    await timers.sleep(50)
  }
  return false
}

function problemOf(
  parts: Parts,
  conversationId: string,
  info: Info,
  roster: Roster,
  known: ConversationState | undefined,
): string | undefined {
  const { userId } = parts.self
  if (!roster.members.has(userId)) return 'this user is not in the roster'
  if (roster.direct && directGroupId(userId, peerOf(roster, userId), parts.engine) !== conversationId)
    return 'it is not the conversation of these two'
  if (known === undefined) return undefined
  if (info.generation < known.generation) return 'it is of an earlier generation'
  if (info.generation === known.generation && (info.seq < known.commitSeq || info.epoch < (known.epoch ?? 0)))
    return 'it is older than what this device knows of the group'
  return undefined
}

async function prepare(
  parts: Parts,
  conversationId: string,
  info: Info,
  leaves: readonly Leaf[],
  roster: Roster,
  before: ConversationState | undefined,
): Promise<PendingCommit | undefined> {
  const { engine, self, clock, memory } = parts
  const by = { userId: self.userId, deviceId: self.deviceId }
  const earlier = leaves.find((leaf) => {
    const device = namedBy(leaf)
    return device?.userId === by.userId && device.deviceId === by.deviceId
  })
  const removed = earlier === undefined ? [] : [by]
  const { claim, roster: next } = claimOf(roster, { by, add: [], remove: removed, leave: [] }, true)
  const step: ExternalJoinStep = await engine.joinExternal({
    device: localLeaf(parts),
    groupInfo: bytesOf(info.groupInfo),
    aad: encodeClaim(claim),
    admitLeaf: admittingVouched(parts, (userId) => parts.contacts.of(userId)),
  })
  const stranger = devicesOf(step.state).find(({ userId }) => !roster.members.has(userId))
  if (stranger !== undefined)
    throw new MlsFailure('invalid_group_info', `${stranger.userId} has a device in the group and is not in the roster`)
  const id = base64Url(clock.random(16))
  const pending: PendingCommit = {
    conversationId,
    id,
    purpose: 'external',
    generation: info.generation,
    epoch: info.epoch,
    body: {
      id,
      epoch: info.epoch,
      commit: base64(step.commit),
      welcomeTo: [],
      groupInfo: base64(step.groupInfo),
      add: [by],
      remove: removed,
      external: true,
    },
    pending: step.pending,
    roster: next,
    added: [by],
    removed,
  }
  return await memory.transact(async (transaction) => {
    const known = transaction.conversation(conversationId)
    if (known !== undefined && canRead(known)) {
      // Its Welcome has come meanwhile, or what else the log had to say.
      if (before === undefined || !canRead(before) || known.commitSeq !== before.commitSeq) return undefined
      transaction.setPending(conversationId, pending)
      return pending
    }
    const kind = roster.direct ? 'direct' : 'group'
    const peer = roster.direct ? peerOf(roster, self.userId) : undefined
    const base = known ?? newConversation(conversationId, kind, peer, roster, clock.now())
    transaction.setConversation({
      ...base,
      status: base.status === 'active' ? 'active' : 'joining',
      generation: info.generation,
      ...(base.generation === info.generation ? {} : { epoch: 0, departed: [] }),
      mailbox: info.mailbox,
      roster,
    })
    transaction.setPending(conversationId, pending)
    return pending
  })
}

const localLeaf = ({ self }: Parts) => ({ keys: self.signature, credential: self.credential! })

function rosterIn(bytes: Uint8Array): Roster {
  try {
    return decodeRoster(bytes)
  } catch (cause) {
    throw new MlsFailure('invalid_group_info', 'the roster cannot be read', { cause })
  }
}

function bytesOf(text: string): Uint8Array {
  try {
    return fromBase64(text)
  } catch (cause) {
    throw new MlsFailure('invalid_group_info', 'the GroupInfo is no base64', { cause })
  }
}

function canRead({ status, rejoin }: ConversationState): boolean {
  return status === 'active' && !rejoin
}
