import { SottoError } from '@sotto/protocol/errors'
import { SottoClientError } from '../errors.ts'
import type { Roster } from '../membership/membership.ts'
import { rosterOfNew } from '../membership/roster-changes.ts'
import type { ConversationState, PendingCommit } from './conversation-state.ts'
import { mlsGroupId, newConversation } from './conversation-state.ts'
import { prepareExternalJoin, rolesGiven } from './external-join.ts'
import { signGoodbye } from './goodbyes.ts'
import type { Intent } from './intents.ts'
import { erasedUsers } from './judging.ts'
import { lostCommit, placeOf } from './own-commits.ts'
import type { Parts } from './parts.ts'
import { isUndecided, readingOn } from './patience.ts'
import { post } from './post-commit.ts'
import { type Plan, prepareCommit } from './prepare-commit.ts'
import { noteDeparted } from './receive-changes.ts'
import { Turns } from './turns.ts'

/** A group that keeps moving: how often a change is built anew before it is given up for now. */
const triesMax = 60
const jitterMs = 250
/** How long entries that the server says are there are waited for before it is asked again. */
const readOnMs = 3_000
/** How long, at most, a device that leaves waits to read what was sent before. */
const leaveMsMax = 15_000

/** Changes of groups that this device makes: one at a time for each conversation, each until it has won. */
export class Changes {
  private readonly parts: Parts
  private readonly turns = new Map<string, Turns>()

  constructor(parts: Parts) {
    this.parts = parts
  }

  /** The change is in the log and applied here when it resolves. @throws SottoClientError. */
  change(conversationId: string, intent: Intent): Promise<void> {
    return this.inTurn(conversationId, async () => {
      await this.settlePending(conversationId)
      for (let tries = 0; tries < triesMax; tries++) {
        if (this.parts.memory.conversations.get(conversationId)?.rejoin) await this.joinNow(conversationId)
        const conversation = this.parts.memory.conversations.get(conversationId)
        const state = conversation === undefined ? undefined : await this.parts.memory.group(conversationId)
        if (conversation === undefined || state === undefined || conversation.status !== 'active')
          throw new SottoClientError('not_a_member')
        const plan = await intent({ conversation, state })
        if (plan === undefined) return
        const pending = await this.parts.memory.transact(async (transaction) => {
          const now = transaction.conversation(conversationId)!
          const current = await transaction.group(conversationId)
          // Planned on another epoch than this one: plan again.
          if (current === undefined || current.epoch !== state.epoch || now.status !== 'active') return undefined
          return await prepareCommit(
            this.parts,
            transaction,
            now,
            { state: current, roster: now.roster },
            plan,
            'change',
            now.generation,
          )
        })
        if (pending !== undefined && (await this.decided(pending)) === 'won') return
        await this.parts.timers.sleep(this.parts.timers.jitter(jitterMs * Math.min(tries + 1, 8)))
      }
      throw new SottoClientError('overloaded', 'the group is being changed by many at once')
    })
  }

  /**
   * Creates the group, unless it exists by now: then this device waits to be let in, or joins from outside.
   * @throws SottoClientError.
   */
  create(
    conversationId: string,
    shape: { readonly kind: 'direct' | 'group'; readonly peer: string | undefined; readonly name: string | undefined },
    adding: Plan['add'],
  ): Promise<void> {
    return this.inTurn(conversationId, async () => {
      const { memory, engine, clock, self } = this.parts
      const known = memory.conversations.get(conversationId)
      if (known !== undefined && known.status !== 'creating') return
      await this.settlePending(conversationId)
      if (memory.conversations.get(conversationId)?.status === 'active') return
      const leaf = { keys: self.signature, credential: self.credential! }
      const first = await engine.createGroup(leaf, mlsGroupId(conversationId, 0))
      const roster = rosterOfNew(self.userId, shape.kind === 'direct' ? [shape.peer!] : [], shape.kind === 'direct')
      const pending = await memory.transact(async (transaction) => {
        const conversation: ConversationState = {
          ...newConversation(conversationId, shape.kind, shape.peer, roster, clock.now()),
          status: 'creating',
          name: shape.name,
          named: shape.name !== undefined,
          revision: shape.name === undefined ? 0 : 1,
        }
        transaction.setConversation(conversation)
        transaction.take(conversationId, first)
        const plan: Plan = { add: adding, remove: [], leave: [], roles: new Map() }
        return await prepareCommit(this.parts, transaction, conversation, { state: first.state, roster }, plan, 'create', 0)
      })
      try {
        await this.decided(pending)
      } catch (error) {
        if (memory.conversations.get(conversationId)?.status === 'creating') await this.forget(conversationId, error)
        throw error
      }
      const { status } = memory.conversations.get(conversationId) ?? {}
      if (status === 'creating') await this.awaitEntry(conversationId)
    })
  }

  /** Joins a group of this user from outside, in the place of an earlier self if there was one. */
  join(conversationId: string): Promise<void> {
    return this.inTurn(conversationId, async () => {
      await this.settlePending(conversationId)
      await this.joinNow(conversationId)
    })
  }

  /**
   * Comes back into a group that the server says this device is not in, and whose log has not said so yet: it is read on
   * until then. Resolves with `false` where this user is no member any more.
   */
  reenter(conversationId: string): Promise<boolean> {
    return this.inTurn(conversationId, async () => {
      await this.settlePending(conversationId)
      const conversation = this.parts.memory.conversations.get(conversationId)
      if (conversation === undefined || !isIn(conversation)) return true
      const pending = await prepareExternalJoin(this.parts, conversationId)
      if (pending === 'outside') return false
      if (pending !== undefined) await this.decided(pending).catch(goneMeanwhile)
      return true
    })
  }

  private async joinNow(conversationId: string): Promise<void> {
    for (let tries = 0; tries < triesMax; tries++) {
      const conversation = this.parts.memory.conversations.get(conversationId)
      if (conversation !== undefined && isIn(conversation)) return
      if (conversation?.status === 'broken') return
      const pending = await prepareExternalJoin(this.parts, conversationId)
      if (pending === 'outside') return await this.left(conversationId)
      if (pending === undefined) return
      if ((await this.decided(pending).catch(goneMeanwhile)) === 'won') return
      await this.parts.timers.sleep(this.parts.timers.jitter(jitterMs * Math.min(tries + 1, 8)))
    }
  }

  /** In this device's own words, which hold as long as it commits nothing more. @throws SottoClientError. */
  leave(conversationId: string): Promise<void> {
    return this.inTurn(conversationId, async () => {
      const { memory, transport, self } = this.parts
      await this.settlePending(conversationId)
      // Signed as it is in the group now: somebody may have taken it out and in again.
      await readingOn(this.parts, () => this.parts.caughtUp(), { idleMs: 0, longestMs: leaveMsMax })
      const before = memory.conversations.get(conversationId)
      const state = await memory.group(conversationId).catch(() => undefined)
      const query =
        state === undefined || before === undefined ? {} : { goodbye: await signGoodbye(this.parts, state, before.roster) }
      const params = { groupId: conversationId, userId: self.userId }
      try {
        await transport.request('DELETE /groups/:groupId/members/:userId', { params, query })
      } catch (error) {
        if (!(error instanceof SottoError) || error.code !== 'not_member') throw error
      }
      // What stands in the log before the leaving is for this device.
      const now = () => memory.conversations.get(conversationId)
      const isInAgain = () => now()?.sinceEpoch !== before?.sinceEpoch
      const isOver = () => now()?.status !== 'active' || isInAgain()
      await readingOn(this.parts, isOver, { idleMs: readOnMs, longestMs: leaveMsMax })
      await memory.transact(async (transaction) => {
        if (isInAgain()) return
        transaction.updateConversation(conversationId, { status: 'left', rejoin: false })
        await transaction.dropGroup(conversationId)
        transaction.emitConversation(conversationId)
        transaction.afterwards(() => this.parts.ask.pump(conversationId))
      })
    })
  }

  /** Begins a new generation with the devices that are vouched for. */
  reset(conversationId: string, gather: (roster: Roster) => Promise<Plan['add']>): Promise<void> {
    return this.inTurn(conversationId, async () => {
      const { memory, engine, self } = this.parts
      await this.settlePending(conversationId)
      const conversation = memory.conversations.get(conversationId)
      if (conversation === undefined || conversation.status !== 'broken') return
      const generation = conversation.generation + 1
      const departed = conversation.departed.flatMap(({ userId, deviceId }) => {
        const role = conversation.roster.members.get(userId)
        return deviceId !== undefined || role === undefined || role === 'owner' || conversation.kind === 'direct' ? [] : [userId]
      })
      const present = await this.present(conversation)
      const adding = (await gather(present)).filter(({ device }) => !departed.includes(device.userId))
      // On the server's word alone nobody ceases to be a member: who has not gone comes in by itself.
      const gone = [...conversation.leaving, ...erasedUsers(this.parts, conversation)]
      const leave = departed.filter((userId) => gone.includes(userId))
      const leaf = { keys: self.signature, credential: self.credential! }
      const first = await engine.createGroup(leaf, mlsGroupId(conversationId, generation))
      const pending = await memory.transact(async (transaction) => {
        const now = transaction.conversation(conversationId)!
        await transaction.dropGroup(conversationId)
        transaction.take(conversationId, first)
        const plan: Plan = { add: adding, remove: [], leave, roles: new Map() }
        // Epochs are counted anew, and everybody is in from the first.
        const { direct, members } = now.roster
        const base = { state: first.state, roster: { direct, members } }
        return await prepareCommit(this.parts, transaction, now, base, plan, 'reset', generation)
      })
      await this.decided(pending)
    })
  }

  /**
   * Whose devices the server lets in with a reset: who has left without a word stays in the roster, and is no member there.
   * @throws SottoClientError `not_a_member`.
   */
  private async present({ id, kind, roster }: ConversationState): Promise<Roster> {
    if (kind === 'direct') return roster
    const given = await rolesGiven(this.parts, id)
    if (given === undefined) throw new SottoClientError('not_a_member')
    return { ...roster, members: new Map([...roster.members].filter(([userId]) => given.has(userId))) }
  }

  /** Commits that were under way when this device was stopped: asked for again, with the same id. */
  resume(): void {
    for (const conversationId of [...this.parts.memory.pending.keys()]) {
      void this.inTurn(conversationId, () => this.settlePending(conversationId)).catch(() => {})
    }
  }

  private async settlePending(conversationId: string): Promise<void> {
    const pending = this.parts.memory.pending.get(conversationId)
    if (pending === undefined) return
    try {
      await this.decided(pending)
    } catch (error) {
      if (error instanceof SottoClientError && error.code === 'closed') throw error
    }
    if (pending.purpose === 'create' && this.parts.memory.conversations.get(conversationId)?.status === 'creating')
      await this.awaitEntry(conversationId).catch((error: unknown) => this.forget(conversationId, error))
  }

  /**
   * `won` once the commit is applied here; `lost` when another came first, and that one is applied here.
   * @throws SottoClientError when the server refuses it for another reason.
   */
  private async decided(pending: PendingCommit): Promise<'won' | 'lost'> {
    const { memory, outcomes } = this.parts
    const outcome = outcomes.of(pending.id)
    outcome.catch(() => {})
    try {
      const answer = await post(this.parts, pending)
      // A group that this device has created or joined: its entries are expected from here on.
      await memory.transact(async (transaction) => {
        const now = transaction.conversation(pending.conversationId)
        if (now !== undefined && now.mailbox === undefined) transaction.updateConversation(now.id, { mailbox: answer.mailbox })
      })
      const passed = outcomes.reached(answer.mailbox, answer.seq, memory.cursors.get(answer.mailbox)).then(() => undefined)
      return (await Promise.race([outcome, passed])) ?? (await this.contradicted(pending, answer.seq))
    } catch (error) {
      if (!(error instanceof SottoError)) throw error
      // Nothing is decided: the commit is kept, and asked for again at the next beginning.
      if (error.code !== 'limit_reached' && error.extra.limit === undefined && isUndecided(error))
        throw new SottoClientError(error.code, error.message, { cause: error, extra: error.extra })
      await lostCommit(this.parts, pending)
      if (error.code === 'removal_pending') await noteDeparted(this.parts, pending.conversationId, error.extra.departed)
      const { mailbox } = memory.conversations.get(pending.conversationId) ?? {}
      if (error.code === 'stale_epoch' || error.code === 'removal_pending' || error.code === 'group_exists') {
        // Who is not in the group yet has nothing to read up to.
        if (mailbox !== undefined && pending.purpose === 'change')
          await Promise.race([
            outcomes.reached(mailbox, placeOf(error), memory.cursors.get(mailbox)),
            this.parts.timers.sleep(readOnMs),
          ])
        return 'lost'
      }
      throw new SottoClientError(error.code === 'not_member' ? 'not_a_member' : error.code, error.message, {
        cause: error,
        extra: error.extra,
      })
    }
  }

  /** The server has taken the commit, and showed something else in its place: nobody knows what the group has become. */
  private async contradicted(pending: PendingCommit, seq: number): Promise<'lost'> {
    const { conversationId } = pending
    this.parts.incident('entries_missing', conversationId, `the commit that the server took as entry ${seq} did not come`)
    await lostCommit(this.parts, pending)
    await this.parts.memory.transact(async (transaction) => {
      if (transaction.conversation(conversationId)?.status !== 'active') return
      transaction.updateConversation(conversationId, { rejoin: true, transcript: undefined })
      transaction.afterwards(() => this.parts.ask.rejoin(conversationId))
    })
    return 'lost'
  }

  /** Somebody else was faster: the Welcome is on its way, or this device comes in from outside. */
  private async awaitEntry(conversationId: string): Promise<void> {
    const { memory, timers } = this.parts
    for (let waitedMs = 0; waitedMs < 3_000; waitedMs += 50) {
      const conversation = memory.conversations.get(conversationId)
      if (conversation !== undefined && isIn(conversation)) return
      await timers.sleep(50)
    }
    for (let tries = 0; tries < triesMax; tries++) {
      const conversation = memory.conversations.get(conversationId)
      if (conversation !== undefined && isIn(conversation)) return
      const pending = await prepareExternalJoin(this.parts, conversationId)
      if (pending === 'outside') await this.left(conversationId)
      if (typeof pending !== 'object') break
      if ((await this.decided(pending)) === 'won') return
      await timers.sleep(timers.jitter(jitterMs))
    }
    throw new SottoClientError('not_a_member')
  }

  /** The server does not have this user as a member, and there is nothing more to read. */
  private left(conversationId: string): Promise<void> {
    return this.parts.memory.transact(async (transaction) => {
      const conversation = transaction.conversation(conversationId)
      if (conversation === undefined || conversation.status === 'creating') return
      transaction.updateConversation(conversationId, { status: 'left', rejoin: false })
      transaction.emitConversation(conversationId)
      // What waits to be sent fails.
      transaction.afterwards(() => this.parts.ask.pump(conversationId))
    })
  }

  /** Not where this instance is only being closed: the next one asks the server what has become of it. */
  private async forget(conversationId: string, cause: unknown): Promise<void> {
    if (cause instanceof SottoClientError && cause.code === 'closed') return
    const pending = this.parts.memory.pending.get(conversationId)
    if (pending !== undefined) await lostCommit(this.parts, pending)
    await this.parts.memory.transact(async (transaction) => {
      await transaction.dropGroup(conversationId)
      transaction.dropConversation(conversationId)
    })
  }

  private inTurn<value>(conversationId: string, task: () => Promise<value>): Promise<value> {
    const turns = this.turns.get(conversationId) ?? new Turns()
    this.turns.set(conversationId, turns)
    return turns.run(task)
  }
}

/** Taken out between the question and the commit: the next question says what has become of it. */
function goneMeanwhile(error: unknown): 'lost' {
  if (error instanceof SottoClientError && error.code === 'not_a_member') return 'lost'
  throw error
}

function isIn({ status, rejoin }: ConversationState): boolean {
  return status === 'active' && !rejoin
}
