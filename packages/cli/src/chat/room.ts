import type { Conversation, Message } from '@sotto/client'
import type { Device } from '../device/with-device.ts'
import type { Paint } from '../terminal.ts'
import { changeLines, type Facts, factsOf } from './changes.ts'
import { contentOf, conversationLine, type LineParts, messageLine, titleOf } from './lines.ts'
import { printableName } from './printable.ts'
import type { Screen } from './screen.ts'
import { type ShownMessage, shownChanges, shownOf } from './shown.ts'

const historyOnOpen = 20
/** Messages whose changes are still told. */
const shownMax = 500
/** Who has not said for this long that it is typing has stopped. */
const typingMsMax = 8_000
/** How often one's own typing is told. */
const typingEveryMs = 3_000

/** What is on the screen: one conversation in full, of the others a line when something happens. */
export class Room {
  readonly device: Device
  readonly screen: Screen
  readonly paint: Paint
  private open: Conversation | undefined
  private readonly facts = new Map<string, Facts>()
  private readonly numbers = new Map<string, number>()
  private readonly ids: { readonly id: string; readonly conversationId: string; readonly own: boolean }[] = []
  private readonly shown = new Map<string, ShownMessage>()
  /** Order of the newest message that the history has shown: what is known and not shown above it is new. */
  private floor = ''
  private readonly queued = new Set<string>()
  private readonly settled: (() => void)[] = []
  private readonly typing = new Map<string, NodeJS.Timeout>()
  private toldTypingAt = 0
  private lastOwn: string | undefined
  private wasOffline = false

  constructor(device: Device, screen: Screen, paint: Paint) {
    this.device = device
    this.screen = screen
    this.paint = paint
    for (const conversation of device.sotto.conversations()) this.facts.set(conversation.id, factsOf(conversation))
    screen.onKey(() => this.tellTyping())
  }

  get current(): Conversation | undefined {
    return this.open
  }

  /** Shows everything that happens from now on, beginning with what waits. The answer ends it. */
  watch(): () => void {
    const { sotto } = this.device
    const offs = [
      sotto.on('message', (message) => this.received(message)),
      sotto.on('update', (message) => this.updated(message)),
      sotto.on('unreadable', ({ message }) => this.received(message)),
      sotto.on('conversation', (conversation) => this.changed(conversation)),
      sotto.on('typing', ({ conversationId, userId, active }) => this.typed(conversationId, userId, active)),
      sotto.on('state', (state) => this.connection(state)),
      sotto.on('deviceAdded', ({ userId, device }) => {
        const whose = userId === sotto.userId ? 'you have' : `${printableName(userId)} has`
        this.notice(`${whose} a new device: ${printableName(device.name ?? device.deviceId)}`)
      }),
      sotto.on('error', ({ kind, detail }) => {
        if (kind !== 'background_failed' && kind !== 'handler_failed' && kind !== 'session_ended')
          this.warning(`${kind.replaceAll('_', ' ')}: ${printableName(detail)}`)
      }),
    ]
    return () => {
      for (const off of offs) off()
      for (const timer of this.typing.values()) clearTimeout(timer)
      this.typing.clear()
    }
  }

  /** Goes to a conversation: who is there, and what was said last. */
  async enter(conversation: Conversation): Promise<void> {
    this.open = conversation
    this.lastOwn = undefined
    this.facts.set(conversation.id, factsOf(conversation))
    const { members, kind, peer } = conversation
    const verified = members.some(({ userId, verified }) => userId === peer && verified)
    const standing =
      kind === 'group'
        ? members.map(({ userId }) => printableName(userId)).join(', ')
        : verified
          ? 'verified'
          : 'not verified: /verify'
    this.screen.print(this.paint('bold', `${titleOf(conversation)} (${standing})`))
    await this.history(historyOnOpen)
    this.floor = [...this.shown.values()].reduce(
      (newest, { order, isPlaced, conversationId }) =>
        isPlaced && conversationId === conversation.id && order > newest ? order : newest,
      '',
    )
    this.warnBlocked(conversation)
    await conversation.markRead().catch(() => {})
    this.renewPrompt()
  }

  async history(limit: number): Promise<void> {
    if (this.open === undefined) return
    const messages: Message[] = []
    for await (const message of this.open.messages({ limit })) messages.unshift(message)
    for (const message of messages) this.show(message)
  }

  /** Says something that is no message. */
  notice(text: string): void {
    this.screen.print(this.paint('dim', `* ${text}`))
  }

  warning(text: string): void {
    this.screen.print(this.paint('yellow', `! ${text}`))
  }

  /** The message that is called by this number here. */
  find(number: number): { readonly id: string; readonly conversationId: string } | undefined {
    return this.ids[number - 1]
  }

  /** The newest message of the open conversation that was shown. */
  newest({ own = false } = {}): string | undefined {
    const conversationId = this.open?.id
    return this.ids.findLast((one) => one.conversationId === conversationId && (!own || one.own))?.id
  }

  conversationLines(): string[] {
    return this.device.sotto.conversations().map((conversation, index) => conversationLine(conversation, index + 1))
  }

  warnBlocked({ blockedBy }: Conversation): void {
    for (const userId of blockedBy) this.warning(blockedWords(userId))
  }

  /** Waits until what was written here is at the server, for so long at most. @returns how many messages still wait. */
  async settle(timeoutMs: number): Promise<number> {
    if (this.queued.size === 0 || this.wasOffline) return this.queued.size
    const { promise, resolve } = Promise.withResolvers<void>()
    this.settled.push(resolve)
    const timer = setTimeout(resolve, timeoutMs)
    await promise
    clearTimeout(timer)
    return this.queued.size
  }

  private show(message: Message): void {
    if (!this.numbers.has(message.id)) {
      const { id, conversationId, own } = message
      this.numbers.set(id, this.ids.push({ id, conversationId, own }))
    }
    this.remember(message)
    this.screen.print(messageLine(message, this.lineParts))
    if (message.own) this.lastOwn = message.id
  }

  private remember(message: Message): void {
    this.shown.delete(message.id)
    this.shown.set(message.id, shownOf(message))
    const [oldest] = this.shown.keys()
    if (this.shown.size > shownMax && oldest !== undefined) this.shown.delete(oldest)
  }

  private get lineParts(): LineParts {
    return { paint: this.paint, numberOf: (id) => this.numbers.get(id), quiet: this.screen.isTerminal }
  }

  private async received(message: Message): Promise<void> {
    if (this.shown.has(message.id)) return
    const conversation = this.device.sotto.find(message.conversationId)
    if (conversation === undefined || conversation !== this.open) {
      const where = conversation === undefined ? '' : ` in ${titleOf(conversation)}`
      this.notice(`${printableName(message.from)}${where}: ${contentOf(message)}`)
      return
    }
    this.stopTyping(message.from)
    this.show(message)
    this.renewPrompt()
    await conversation.markRead().catch(() => {})
  }

  private updated(message: Message): void {
    const { id, own, status, conversationId } = message
    if (own && status === 'queued') this.queued.add(id)
    else if (this.queued.delete(id) && this.queued.size === 0) for (const done of this.settled.splice(0)) done()
    const before = this.shown.get(id)
    if (before !== undefined) {
      const changes = shownChanges(before, message, this.numbers.get(id) ?? 0, this.screen.isTerminal)
      this.remember(message)
      for (const change of changes) change.startsWith('!') ? this.warning(change.slice(2)) : this.notice(change)
    } else if (own && conversationId === this.open?.id && message.order > this.floor && !message.deleted) {
      this.show(message)
    }
    this.renewPrompt()
  }

  private changed(conversation: Conversation): void {
    const before = this.facts.get(conversation.id)
    const after = factsOf(conversation)
    this.facts.set(conversation.id, after)
    const title = conversation === this.open ? undefined : titleOf(conversation)
    for (const line of changeLines(before, after, this.device.sotto.userId))
      this.notice(title === undefined ? line : `${title}: ${line}`)
    for (const userId of after.blockedBy) if (!before?.blockedBy.includes(userId)) this.warning(blockedWords(userId))
    this.renewPrompt()
  }

  private typed(conversationId: string, userId: string, active: boolean): void {
    if (conversationId !== this.open?.id) return
    const isNew = active && !this.typing.has(userId)
    this.stopTyping(userId)
    if (active) {
      const over = () => {
        this.typing.delete(userId)
        this.renewPrompt()
      }
      this.typing.set(userId, setTimeout(over, typingMsMax))
    }
    if (this.screen.isTerminal) this.renewPrompt()
    else if (isNew) this.notice(`${printableName(userId)} is typing`)
  }

  private stopTyping(userId: string): void {
    clearTimeout(this.typing.get(userId))
    this.typing.delete(userId)
  }

  private tellTyping(): void {
    const now = performance.now()
    if (this.open === undefined || now - this.toldTypingAt < typingEveryMs) return
    this.toldTypingAt = now
    this.open.typing()
  }

  private connection(state: 'connecting' | 'online' | 'offline' | 'closed'): void {
    if (state === 'offline' && !this.wasOffline) {
      this.wasOffline = true
      const problem = this.device.signIn.problem()
      this.notice(`offline: what you write waits here and goes out later${problem === undefined ? '' : ` (${problem})`}`)
    } else if (state === 'online' && this.wasOffline) {
      this.wasOffline = false
      this.notice('online')
    }
    this.renewPrompt()
  }

  /** Where one is, what became of one's last message, who is typing. */
  private renewPrompt(): void {
    if (!this.screen.isTerminal) return
    const status = this.lastOwn === undefined ? undefined : this.shown.get(this.lastOwn)?.status
    const typing = [...this.typing.keys()].map(printableName)
    const parts = [
      ...(this.wasOffline ? ['offline'] : []),
      ...(this.open === undefined ? [] : [titleOf(this.open)]),
      ...(status === undefined ? [] : [`[${status}]`]),
      ...(typing.length === 0
        ? []
        : [`${this.open?.kind === 'direct' ? '' : `${typing.join(', ')} `}${typing.length === 1 ? 'is' : 'are'} typing`]),
    ]
    this.screen.prompt(`${this.paint('dim', parts.join(' '))}> `)
  }
}

function blockedWords(userId: string): string {
  const name = printableName(userId)
  return `${name} has another identity key than before: a new phone, or somebody in between. Nothing is sent until you compare numbers (/verify ${name}) or accept it (/accept ${name})`
}
