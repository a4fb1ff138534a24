import type { Changes } from './changes.ts'
import { tidying } from './intents.ts'
import { inspect, isRemoved, namedBy, usersOf } from './leaves.ts'
import { needsTidying } from './needs-tidying.ts'
import type { Parts } from './parts.ts'

const ghostPatienceMs = 3_000
const erasureMs = 1_500

/** Removes those who have departed, and ghosts, as far as this device may; of the others it tells. */
export class Tidiness {
  private readonly parts: Parts
  private readonly changes: Changes
  private readonly telling = new Set<string>()

  constructor(parts: Parts, changes: Changes) {
    this.parts = parts
    this.changes = changes
  }

  /** `false`: a list could not be asked for. @throws what `Changes.change` throws. */
  async tidy(conversationId: string): Promise<boolean> {
    // Whoever looks like a ghost may be a device that was linked a moment ago.
    if (!(await this.refreshGhosts(conversationId))) return false
    if (!(await needsTidying(this.parts, conversationId))) return true
    await this.changes.change(conversationId, tidying(this.parts))
    await this.forgetGone(conversationId)
    // What only others may remove is left to them.
    this.tellUnproven(conversationId)
    this.tellGhosts(conversationId)
    return true
  }

  /** Departures that leave nothing to remove: the last device went before. */
  private async forgetGone(conversationId: string): Promise<void> {
    await this.parts.memory.transact(async (transaction) => {
      const conversation = transaction.conversation(conversationId)
      const state = conversation?.status === 'active' ? await transaction.group(conversationId) : undefined
      if (conversation === undefined || state === undefined) return
      const departed = conversation.departed.filter((gone) => !isRemoved(gone, state))
      if (departed.length === conversation.departed.length) return
      transaction.updateConversation(conversationId, { departed })
      transaction.afterwards(() => this.parts.ask.pump(conversationId))
    })
  }

  private tellUnproven(conversationId: string): void {
    for (const { userId, deviceId } of this.parts.memory.conversations.get(conversationId)?.departed ?? []) {
      const detail = `nothing is sent before ${deviceId === undefined ? userId : `${userId}/${deviceId}`} is removed`
      this.parts.incident('departure_unproven', conversationId, detail, userId)
    }
  }

  /** A device that was just revoked is removed in a moment; another one is nobody's. */
  private tellGhosts(conversationId: string): void {
    if (this.telling.has(conversationId)) return
    this.telling.add(conversationId)
    this.parts.timers.after(ghostPatienceMs, () => {
      this.telling.delete(conversationId)
      void this.parts.memory.group(conversationId).then(
        (state) => {
          if (state === undefined || this.parts.memory.conversations.get(conversationId)?.status !== 'active') return
          for (const leaf of inspect(state, (userId) => this.parts.contacts.of(userId)).ghosts) {
            const { userId, deviceId } = namedBy(leaf) ?? { userId: undefined, deviceId: '?' }
            this.parts.incident('ghost_device', conversationId, `${userId}/${deviceId} is in no list; nothing is sent`, userId)
          }
        },
        () => {},
      )
    })
  }

  /** `false`: it could not be asked. */
  private async refreshGhosts(conversationId: string): Promise<boolean> {
    const { memory, contacts, erased, timers } = this.parts
    if (memory.conversations.get(conversationId)?.status !== 'active') return true
    const state = await memory.group(conversationId)
    if (state === undefined) return true
    const { ghosts } = inspect(state, (userId) => contacts.of(userId))
    // And who has departed may have said so in a list.
    const departed = memory.conversations.get(conversationId)?.departed.map(({ userId }) => userId) ?? []
    const users = new Set([...usersOf(ghosts), ...departed])
    const ask = async (userId: string) => {
      const answer = await contacts.refresh(userId, { force: true })
      if (answer === 'none') erased.add(userId)
      return answer
    }
    const answers = await Promise.all([...users].map(ask))
    // The groups of who is erased are told first.
    const perhapsErased = this.goneWithoutGoodbye(conversationId)
    if (perhapsErased.length > 0) {
      await timers.sleep(erasureMs)
      await Promise.all(perhapsErased.map(ask))
    }
    return answers.every((answer) => answer !== undefined)
  }

  private goneWithoutGoodbye(conversationId: string): string[] {
    const { departed = [], leaving = [] } = this.parts.memory.conversations.get(conversationId) ?? {}
    const users = departed.filter(({ deviceId }) => deviceId === undefined).map(({ userId }) => userId)
    return users.filter((userId) => !leaving.includes(userId) && !this.parts.erased.has(userId))
  }
}
