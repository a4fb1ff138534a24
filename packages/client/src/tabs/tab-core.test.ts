import { describe, expect, it } from 'vitest'
import { memoryStorage } from '../index.ts'
import { person } from '../people.suite.ts'
import type { CoreMethod } from '../sync/core-api.ts'
import { type Relay, startRelay } from '../transport/relay.suite.ts'
import { callsMax } from './calls.ts'
import { pack, unpack } from './tab-messages.ts'
import { draft, historyOf, newPage, newProfile, openTab, type Profile, type Tab } from './tabs-in-process.suite.ts'
import { browserPorts, type TabChannel } from './web.ts'

const eventually = { timeout: 15_000, interval: 10 }

interface Scene {
  readonly relay: Relay
  readonly profile: Profile
  /** The first leads. */
  readonly tabs: Tab[]
  /** With bob. */
  readonly conversationId: string
  readonly bob: Awaited<ReturnType<typeof person>>
}

async function scene(count: number): Promise<Scene> {
  const relay = await startRelay()
  const profile = newProfile()
  const bob = await person(relay, 'bob')
  const tabs: Tab[] = []
  for (let n = 0; n < count; n++) tabs.push(await openTab(newPage(profile, relay)))
  const { id } = await tabs[0]!.core.call('direct', 'bob')
  return { relay, profile, tabs, conversationId: id, bob }
}

/** Somebody in the profile who speaks the language of tabs. */
function eavesdropper(profile: Profile): TabChannel & { readonly heard: unknown[] } {
  const channel = browserPorts.channel!(`sotto ${profile.storage.name}`)
  const heard: unknown[] = []
  channel.onmessage = ({ data }) => void heard.push(data)
  return Object.assign(channel, { heard })
}

describe('a tab beside the first', () => {
  it('is the same device, can do the same, and hears the same', async () => {
    const { tabs, conversationId, bob } = await scene(2)
    const [first, second] = tabs as [Tab, Tab]
    expect({ ...second.core.self, state: '' }).toEqual({ ...first.core.self, state: '' })
    await Promise.all(tabs.map(({ core }) => core.call('deliver')))
    const sent = await second.core.call('send', conversationId, draft('from the second'))
    expect(sent).toMatchObject({ own: true, text: 'from the second', conversationId })
    await first.core.call('send', conversationId, draft('from the first'))
    await expect.poll(() => bob.texts(), eventually).toEqual(['from the second', 'from the first'])
    await bob.sotto.find(conversationId)!.send('to both')
    for (const tab of tabs) {
      await expect.poll(() => tab.texts(), eventually).toEqual(['to both'])
      await expect.poll(() => tab.core.self.state, eventually).toBe('online')
    }
    expect(await historyOf(second, conversationId)).toEqual(await historyOf(first, conversationId))
  })

  it('is refused in the same words', async () => {
    const { tabs } = await scene(2)
    const refused = { code: 'no_such_user', name: 'SottoClientError', extra: { userIds: ['nobody'] } }
    for (const { core } of tabs) {
      const group = { groupId: crypto.randomUUID(), name: undefined, members: ['bob', 'nobody'] }
      await expect(core.call('createGroup', group)).rejects.toMatchObject(refused)
    }
  })

  it('opened while the first is being opened waits for it', async () => {
    const relay = await startRelay()
    const profile = newProfile()
    const tabs = await Promise.all([1, 2, 3].map(() => openTab(newPage(profile, relay))))
    expect(new Set(tabs.map(({ core }) => core.self.deviceId)).size).toBe(1)
    expect(await tabs[2]!.core.call('devices')).toHaveLength(1)
  })

  it('of another user is refused', async () => {
    const { relay, profile } = await scene(1)
    const page = newPage(profile, relay, { token: () => relay.userToken('mallory') })
    await expect(openTab(page)).rejects.toMatchObject({ code: 'invalid_option' })
    expect(page.leaks()).toBe(0)
  })

  it('is taken at its word when its token does not come or says nothing', async () => {
    const { relay, profile, tabs } = await scene(1)
    for (const token of [() => Promise.reject(new Error('offline')), () => 'opaque']) {
      const tab = await openTab(newPage(profile, relay, { token }))
      expect(tab.core.self.userId).toBe(tabs[0]!.core.self.userId)
    }
  })

  it('of another version is told so', async () => {
    const relay = await startRelay()
    const profile = newProfile()
    const held = await profile.storage.open()
    const other = eavesdropper(profile)
    const opening = openTab(newPage(profile, relay))
    const announce = setInterval(() => other.postMessage({ sotto: 2, message: { kind: 'leads' } }), 5)
    await expect(opening).rejects.toMatchObject({ code: 'storage_in_use' })
    clearInterval(announce)
    other.close()
    await held.close()
  })
})

describe('when the first cannot open', () => {
  it('each has its own turn and its own error', async () => {
    const relay = await startRelay()
    await person(relay, 'alice', { storage: memoryStorage() })
    const profile = newProfile()
    const refused = openTab(newPage(profile, relay))
    const again = openTab(newPage(profile, relay))
    const begins = openTab(newPage(profile, relay, { reset: true }))
    await expect(refused).rejects.toMatchObject({ code: 'link_required' })
    await expect(again).rejects.toMatchObject({ code: 'link_required' })
    expect(await (await begins).core.call('devices')).toHaveLength(1)
    const after = await openTab(newPage(profile, relay))
    expect(after.core.self.deviceId).toBe((await begins).core.self.deviceId)
  })
})

describe('when the first ends', () => {
  it.each([
    ['is closed', (tab: Tab) => tab.core.close()],
    ['crashes', (tab: Tab) => tab.crash()],
    ['is frozen', async (tab: Tab) => tab.freeze()],
  ])('because it %s, nothing asked of it is lost or done twice', async (_how, end) => {
    const { tabs, conversationId, bob } = await scene(3)
    const [first, second, third] = tabs as [Tab, Tab, Tab]
    const texts: string[] = []
    const sending: Promise<unknown>[] = []
    const send = (tab: Tab, text: string) => {
      texts.push(text)
      sending.push(tab.core.call('send', conversationId, draft(text)))
    }
    for (let n = 0; n < 20; n++) for (const tab of [second, third]) send(tab, `${tabs.indexOf(tab)}:${n}`)
    await Promise.race(sending)
    await end(first)
    for (let n = 20; n < 30; n++) for (const tab of [second, third]) send(tab, `${tabs.indexOf(tab)}:${n}`)
    await Promise.all(sending)
    await expect.poll(() => bob.texts().length, eventually).toBe(texts.length)
    expect(bob.texts().toSorted()).toEqual(texts.toSorted())
    expect(bob.texts().filter((text) => text.startsWith('1:'))).toEqual(texts.filter((text) => text.startsWith('1:')))
    expect(bob.incidents).toEqual([])
    for (const tab of [second, third]) {
      expect((await historyOf(tab, conversationId)).map(({ text }) => text).toSorted()).toEqual(texts.toSorted())
      await expect.poll(() => tab.count('reloaded'), eventually).toBe(1)
      await expect.poll(() => tab.core.self.state, eventually).toBe('online')
    }
  })

  it('several times, the last one has everything', async () => {
    const { tabs, conversationId, bob } = await scene(3)
    const sent: string[] = []
    for (const [n, tab] of tabs.entries()) {
      for (const other of tabs.slice(n)) {
        sent.push(`${n} ${tabs.indexOf(other)}`)
        await other.core.call('send', conversationId, draft(sent.at(-1)!))
      }
      if (n < 2) await tab.crash()
    }
    expect((await historyOf(tabs[2]!, conversationId)).map(({ text }) => text)).toEqual(sent)
    await expect.poll(() => bob.texts(), eventually).toEqual(sent)
  })

  it('what is asked while nobody leads waits', async () => {
    const { tabs, conversationId } = await scene(2)
    const [first, second] = tabs as [Tab, Tab]
    second.freeze()
    await first.core.close()
    const asked = second.core.call('history', conversationId, { before: undefined, limit: 1 })
    second.resume()
    expect(await asked).toEqual([])
    expect(second.events.filter(({ type }) => type === 'reloaded')).toHaveLength(1)
  })
})

describe('a tab that is frozen', () => {
  it('hears what it has missed when it runs again, as one beside the first', async () => {
    const { tabs, conversationId, bob } = await scene(2)
    const [first, second] = tabs as [Tab, Tab]
    first.freeze()
    await second.core.call('send', conversationId, draft('meanwhile'))
    const asked = first.core.call('send', conversationId, draft('asked in its sleep'))
    first.resume()
    expect(await asked).toMatchObject({ text: 'asked in its sleep' })
    expect(first.count('reloaded')).toBe(1)
    expect((await historyOf(first, conversationId)).map(({ text }) => text)).toEqual(['meanwhile', 'asked in its sleep'])
    await expect.poll(() => bob.texts(), eventually).toEqual(['meanwhile', 'asked in its sleep'])
  })

  it('alone, leads again', async () => {
    const { tabs, conversationId } = await scene(1)
    const [tab] = tabs as [Tab]
    tab.freeze()
    const asked = tab.core.call('history', conversationId, { before: undefined, limit: 1 })
    tab.resume()
    expect(await asked).toEqual([])
    await expect.poll(() => tab.core.self.state, eventually).toBe('online')
  })

  it('keeps no more calls than there is room for, and gives them up when it is closed', async () => {
    const { tabs, conversationId } = await scene(1)
    const [tab] = tabs as [Tab]
    tab.freeze()
    const asked = Array.from({ length: callsMax }, () => tab.core.call('typing', conversationId, true))
    const outcomes = Promise.allSettled(asked)
    await expect(tab.core.call('typing', conversationId, true)).rejects.toMatchObject({ code: 'overloaded' })
    await tab.core.close()
    for (const outcome of await outcomes) expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'closed' } })
  })
})

describe('messages', () => {
  it('are handled when any tab has handled them', async () => {
    const { relay, profile, tabs, conversationId, bob } = await scene(2)
    const [first, second] = tabs as [Tab, Tab]
    await first.core.call('deliver')
    await first.core.call('send', conversationId, draft('hello'))
    await expect.poll(() => bob.texts(), eventually).toEqual(['hello'])
    for (const text of ['handled', 'left']) await bob.sotto.find(conversationId)!.send(text)
    await expect.poll(() => second.texts(), eventually).toEqual(['handled', 'left'])
    const handled = second.events.find((event) => event.type === 'message')
    await second.core.call('handled', handled!.message.id)
    await first.crash()
    const third = await openTab(newPage(profile, relay))
    await third.core.call('deliver')
    expect(third.texts()).toEqual(['left'])
  })
})

describe('a tab whose turn fails', () => {
  it('says so and tries again', async () => {
    const { profile, tabs, conversationId } = await scene(2)
    const [first, second] = tabs as [Tab, Tab]
    profile.failures.push(new Error('the disk fails'))
    await first.crash()
    const asked = second.core.call('history', conversationId, { before: undefined, limit: 1 })
    await expect(asked).rejects.toThrow('the disk fails')
    const incident = { kind: 'background_failed', detail: 'this tab could not take over: the disk fails' }
    expect(second.events).toContainEqual({ type: 'error', incident: expect.objectContaining(incident) })
    await expect.poll(() => second.count('reloaded'), eventually).toBe(1)
    expect(await second.core.call('conversations')).toHaveLength(1)
  })

  it('is another one than the one that goes on', async () => {
    const { profile, tabs, conversationId } = await scene(3)
    const [first, second, third] = tabs as [Tab, Tab, Tab]
    profile.failures.push(new Error('the disk fails'))
    await first.crash()
    expect(await third.core.call('history', conversationId, { before: undefined, limit: 1 })).toEqual([])
    await expect.poll(() => second.count('reloaded'), eventually).toBe(1)
    expect(await second.core.call('conversations')).toHaveLength(1)
  })
})

it('a tab whose storage is taken away opens it anew', async () => {
  const { tabs, conversationId } = await scene(1)
  const [tab] = tabs as [Tab]
  await tab.loseStorage()
  expect(await tab.core.call('send', conversationId, draft('after all'))).toMatchObject({ text: 'after all' })
  expect(tab.count('reloaded')).toBe(1)
})

describe('what is asked once more', () => {
  it('while it is under way is done once, and answered once', async () => {
    const { profile, tabs, bob } = await scene(1)
    const tab = eavesdropper(profile)
    const group = { groupId: crypto.randomUUID(), name: 'Team', members: ['bob'] }
    const call = { kind: 'call', from: 'another tab', id: 7, again: true, method: 'createGroup', args: [group] } as const
    for (let n = 0; n < 3; n++) tab.postMessage(pack(call))
    const answers = () => tab.heard.map(unpack).filter((one) => typeof one === 'object' && one.kind === 'answer')
    await expect.poll(() => bob.sotto.find(group.groupId)?.state, eventually).toBe('active')
    await tabs[0]!.core.call('devices')
    expect(answers()).toMatchObject([{ to: 'another tab', id: 7, outcome: { ok: true, value: { id: group.groupId } } }])
    tab.close()
  })

  it('has been done: a reaction, a failed message retried or discarded, a device linked or revoked', async () => {
    const { relay, profile, tabs, conversationId, bob } = await scene(1)
    const { core } = tabs[0]!
    const tab = eavesdropper(profile)
    let nextId = 1
    const again = async (method: CoreMethod, ...args: unknown[]) => {
      const id = nextId++
      tab.postMessage(pack({ kind: 'call', from: 'another tab', id, again: true, method, args }))
      const answer = () => tab.heard.map(unpack).find((one) => typeof one === 'object' && one.kind === 'answer' && one.id === id)
      await expect.poll(answer, eventually).toBeDefined()
      return answer()
    }
    const { id } = await core.call('send', conversationId, draft('hello'))
    const reaction = { ...draft(''), content: { kind: 'reaction', to: id, emoji: '👍' } } as const
    const reacted = await core.call('send', conversationId, reaction)
    expect(await again('send', conversationId, reaction)).toMatchObject({ outcome: { ok: true, value: reacted } })

    await expect(core.call('retry', conversationId, id)).rejects.toMatchObject({ code: 'invalid_content' })
    expect(await again('retry', conversationId, id)).toMatchObject({ outcome: { ok: true } })
    expect(await again('retry', conversationId, 'unheard of')).toMatchObject({ outcome: { ok: false } })
    expect(await again('discard', conversationId, id)).toMatchObject({ outcome: { ok: true, value: false } })
    expect(await again('discard', conversationId, 'discarded')).toMatchObject({ outcome: { ok: true, value: true } })

    const code = Promise.withResolvers<string>()
    const linking = person(relay, 'alice', { link: { onCode: code.resolve } })
    const linked = await core.call('linkDevice', await code.promise)
    expect(await again('linkDevice', await code.promise)).toMatchObject({ outcome: { ok: true, value: linked } })
    const { sotto } = await linking
    await sotto.close()
    await core.call('revokeDevice', linked.deviceId)
    expect(await again('revokeDevice', linked.deviceId)).toMatchObject({ outcome: { ok: true } })
    await expect.poll(() => bob.messages.map(({ reactions }) => reactions), eventually).toEqual([{ alice: '👍' }])
    expect(bob.incidents.filter(({ kind }) => kind === 'replayed')).toEqual([])
    tab.close()
  })
})

it('tabs that are closed leave nothing behind', async () => {
  const { profile, tabs } = await scene(3)
  for (const tab of tabs.toReversed()) await tab.core.close()
  expect(tabs.map((tab) => tab.leaks())).toEqual([0, 0, 0])
  expect(tabs.map(({ core }) => core.self.state)).toEqual(['closed', 'closed', 'closed'])
  await expect(tabs[0]!.core.call('conversations')).rejects.toMatchObject({ code: 'closed' })
  const free = await profile.storage.open()
  await free.close()
})
