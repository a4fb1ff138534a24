import { SottoClientError } from '../errors.ts'
import { accept, markVerified } from '../identity/contacts.ts'
import type { Contact } from '../identity/identity.ts'
import { base64Url } from './base64.ts'
import { send, sendControl } from './compose.ts'
import { conversationSnapshot } from './conversation-snapshot.ts'
import { type ConversationState, roleIn } from './conversation-state.ts'
import type { ConversationSnapshot, CoreMethods } from './core-api.ts'
import { directGroupId } from './direct-group-id.ts'
import { loadAccount } from './late-account.ts'
import type { LateChanges } from './late-changes.ts'
import { linkDevice, listDevices, type OwnDevice, revokeDevice } from './late-own-device.ts'
import type { Parts } from './parts.ts'
import { markRead } from './reading.ts'
import { findMessage, page, snapshotOf } from './rows.ts'
import { sendTyping } from './signals.ts'
import { discardMessage, retryMessage } from './statuses.ts'

const pageMax = 200
/** How long what was said before waits to go out before who says it leaves. */
const sendOutMs = 5_000

/** What the public objects ask for. */
export function methodsOf(parts: Parts, changes: LateChanges, own: OwnDevice): CoreMethods {
  const { memory, contacts, self } = parts

  function known(conversationId: string): ConversationState {
    const conversation = memory.conversations.get(conversationId)
    if (conversation === undefined || conversation.status === 'creating')
      throw new SottoClientError('not_a_member', 'there is no such conversation here')
    return conversation
  }
  const shown = (conversationId: string): Promise<ConversationSnapshot> => conversationSnapshot(parts, known(conversationId))

  async function contactOf(userId: string): Promise<Contact> {
    const contact = contacts.of(userId) ?? (await contacts.refresh(userId))
    if (contact === 'none') throw new SottoClientError('no_such_user')
    if (contact === undefined) throw new SottoClientError('offline')
    return contact
  }

  async function updateContact(userId: string, change: (contact: Contact) => Contact): Promise<void> {
    await memory.transact(async (transaction) => {
      const contact = transaction.contact(userId)
      if (contact === undefined) return
      transaction.setContact(change(contact))
      transaction.afterwards(() => {
        for (const { id, roster } of memory.conversations.values()) {
          if (!roster.members.has(userId)) continue
          memory.conversationChanged(id)
          parts.ask.tidy(id)
          parts.ask.pump(id)
        }
      })
    })
  }

  return {
    async conversations() {
      const listed = [...memory.conversations.values()].filter(({ status }) => status !== 'creating')
      listed.sort((a, b) => b.updatedAt - a.updatedAt || (a.id < b.id ? -1 : 1))
      return Promise.all(listed.map((conversation) => conversationSnapshot(parts, conversation)))
    },

    conversation: async (conversationId) => shown(conversationId),

    async direct(userId) {
      if (userId === self.userId) throw new SottoClientError('invalid_option', 'a conversation is with somebody else')
      const id = directGroupId(self.userId, userId, parts.engine)
      const before = memory.conversations.get(id)
      if (before !== undefined && before.status !== 'creating' && before.status !== 'left') return shown(id)
      const { keyPackages } = await parts.handshakes()
      const { claimed } = await keyPackages.claim([userId, self.userId], [{ userId: self.userId, deviceId: self.deviceId }])
      const isReachable = claimed.some(({ device }) => device.userId === userId)
      const { exists } = isReachable
        ? { exists: false }
        : await parts.transport.request('GET /direct/:userId', { params: { userId } })
      // Nobody would be there to read what is written.
      if (!isReachable && !exists) throw new SottoClientError('no_such_user', `no device of ${userId} can be written to yet`)
      if (before?.status === 'left' || exists) await changes.join(id)
      else await changes.create(id, { kind: 'direct', peer: userId, name: undefined }, claimed)
      return shown(id)
    },

    async createGroup({ groupId, name, members }) {
      const others = [...new Set(members)].filter((userId) => userId !== self.userId)
      if (memory.conversations.get(groupId)?.status !== 'active') {
        const { keyPackages } = await parts.handshakes()
        const { claimed } = await keyPackages.claim([...others, self.userId], [{ userId: self.userId, deviceId: self.deviceId }])
        const absent = others.filter((userId) => !claimed.some(({ device }) => device.userId === userId))
        if (absent.length > 0)
          throw new SottoClientError('no_such_user', `no device of ${absent.join(', ')} can be written to yet`, {
            extra: { userIds: absent },
          })
        await changes.create(groupId, { kind: 'group', peer: undefined, name }, claimed)
      }
      return shown(groupId)
    },

    send: async (conversationId, draft) => snapshotOf(await send(parts, conversationId, draft)),

    retry: (conversationId, messageId) => retryMessage(parts, conversationId, messageId),
    discard: (conversationId, messageId) => discardMessage(parts, conversationId, messageId),

    async message(messageId) {
      const record = await findMessage(memory.storage, messageId)
      return record === undefined ? undefined : snapshotOf(record)
    },

    history: (conversationId, { before, from, limit }) =>
      page(memory, conversationId, { before, from, limit: Math.min(Math.max(1, limit), pageMax) }),

    async markRead(conversationId, upTo) {
      known(conversationId)
      await markRead(parts, conversationId, upTo)
    },

    typing: (conversationId, active) => sendTyping(parts, conversationId, active),

    async add(conversationId, userIds) {
      groupOnly(known(conversationId))
      await changes.change(conversationId, ({ adding }) => adding(parts, userIds))
    },

    async remove(conversationId, userId) {
      groupOnly(known(conversationId))
      if (userId === self.userId) throw new SottoClientError('invalid_option', 'to go oneself is to leave')
      await changes.change(conversationId, ({ removing }) => removing(parts, userId))
    },

    async setRole(conversationId, userId, role) {
      groupOnly(known(conversationId))
      await changes.change(conversationId, ({ givingRole }) => givingRole(parts, userId, role))
    },

    async rename(conversationId, name) {
      const conversation = known(conversationId)
      groupOnly(conversation)
      if (conversation.status !== 'active') throw new SottoClientError('not_a_member')
      if (roleIn(conversation, self.userId) === 'member')
        throw new SottoClientError('not_permitted', 'the owner and admins name a group')
      await memory.transact(async (transaction) => {
        const { revision } = transaction.updateConversation(conversationId, {
          name,
          named: true,
          revision: conversation.revision + 1,
        })
        await sendControl(parts, transaction, conversationId, { kind: 'state', revision, name })
        transaction.emitConversation(conversationId)
      })
    },

    async leave(conversationId) {
      const conversation = known(conversationId)
      groupOnly(conversation)
      if (conversation.status === 'left') return
      if (roleIn(conversation, self.userId) === 'owner' && conversation.roster.members.size > 1)
        throw new SottoClientError('owner_must_transfer', 'The owner cannot leave.')
      // What was said before goes out before.
      for (let waitedMs = 0; waitedMs < sendOutMs && parts.outbox.of(conversationId).length > 0; waitedMs += 25)
        await parts.timers.sleep(25)
      await changes.leave(conversationId)
    },

    devices: () => listDevices(parts),
    revokeDevice: (deviceId) => revokeDevice(own, deviceId),
    linkDevice: (code) => linkDevice(own, code),

    async safetyNumber(userId) {
      const { shownNumber } = await loadAccount()
      return shownNumber(await contactOf(self.userId), await contactOf(userId))
    },

    async verify(userId, scannedOrTyped) {
      const { provenKey } = await loadAccount()
      const key = await provenKey(await contactOf(self.userId), await contactOf(userId), scannedOrTyped)
      await updateContact(userId, (now) => markVerified(now, key))
    },

    async acceptIdentity(userId, identityKey) {
      await updateContact(userId, (now) => {
        if (now.change !== undefined && base64Url(now.change.list.identityKey) !== identityKey)
          throw new SottoClientError('identity_changed', 'the identity has changed once more')
        return accept(now)
      })
    },

    async changedIdentities() {
      return [...memory.contacts.values()].flatMap(({ userId, change }) =>
        change === undefined || userId === self.userId
          ? []
          : [{ userId, identityKey: base64Url(change.list.identityKey), endorsed: change.endorsed }],
      )
    },

    handled: (messageId) => parts.inbox.handled(messageId),
    deliver: () => parts.inbox.again(),
  }
}

function groupOnly({ kind }: ConversationState): void {
  if (kind === 'direct') throw new SottoClientError('not_permitted', 'a conversation of two keeps its two members')
}
