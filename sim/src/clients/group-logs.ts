import type { ClientFrame, MemberDevice, MsgFrame, ServerFrame, WelcomeMlsFrame } from '@sotto/protocol'
import { readHeader } from '../../../packages/client/src/mls/header.ts'
import type { DeviceName } from '../history.ts'
import type { Witness } from '../wire-tap.ts'
import type { LogEntry } from './record.ts'

const mlsContentType = 'message/mls'
const recentMax = 60

/** A commit as its device offered it, until the server says where it stands. */
type Offer = { readonly by: DeviceName | undefined } & Pick<
  Extract<LogEntry, { readonly kind: 'commit' }>,
  'group' | 'generation' | 'epoch' | 'added' | 'removed' | 'external'
>

/**
 * The logs of all groups, put together from what passes between the devices and the server: each device sees its own part,
 * and of what it sent itself the server only says where it stands.
 */
export class GroupLogs {
  readonly conflicts: string[] = []
  /** How many frames and requests have passed, but for the socket's own. */
  passed = 0
  /** The last of them. */
  readonly recent: string[] = []
  /** As devices were shown it that had not sent it. */
  readonly #shown = new Map<string, Map<number, LogEntry>>()
  /** By the sender's own word and the number that the server gave it. */
  readonly #own = new Map<string, Map<number, LogEntry>>()
  readonly #groups = new Map<string, string>()
  readonly #offers = new Map<string, Offer>()
  readonly #messages = new Map<string, ReturnType<typeof headerOf>>()
  readonly #delivered = new Map<string, number>()

  /** Everything that stands in the logs, group by group, in order. */
  entries(): LogEntry[] {
    const groups = new Set([...this.#shown.keys(), ...this.#own.keys()])
    return [...groups].flatMap((group) => {
      // A message may have been encrypted anew before it was accepted: what others were shown is certain.
      const log = new Map([...(this.#own.get(group) ?? []), ...(this.#shown.get(group) ?? [])])
      return [...log.values()].sort((a, b) => a.seq - b.seq)
    })
  }

  /** The last number of the group's mailbox that was delivered to the device. */
  deliveredTo(device: DeviceName, group: string): number {
    return this.#delivered.get(`${device} ${group}`) ?? 0
  }

  /** Of one device's traffic. The server says whose it is, with the first frame of each socket. */
  witness(): Witness {
    let name: DeviceName | undefined
    const device = () => name
    return {
      sent: (text) => {
        const frame = JSON.parse(text) as ClientFrame
        if (frame.type === 'msg') this.#offeredMessage(device(), frame)
        if (frame.type !== 'ping') this.#pass(device(), `> ${frame.type}`)
      },
      received: (text) => {
        const frame = JSON.parse(text) as ServerFrame
        if (frame.type === 'welcome') name = nameOf(frame)
        if (frame.type !== 'pong') this.#pass(device(), `< ${frame.type}`)
        this.#received(device(), frame)
      },
      asked: ({ method, path, body }) => {
        this.#pass(device(), `${method} ${path}`)
        if (method !== 'POST') return
        if (path === '/messages') this.#offeredMessage(device(), JSON.parse(body) as MsgFrame)
        else if (isBundle(path)) this.#offeredCommit(device(), JSON.parse(body) as Partial<Bundle>)
      },
      answered: ({ method, path, body }, status, answer) => {
        if (status >= 300) this.#pass(device(), `${method} ${path} ${status} ${answer.slice(0, 200)}`)
        if (method !== 'POST' || status >= 300) return
        if (isBundle(path)) this.#committed(device(), JSON.parse(body) as { id: string }, JSON.parse(answer) as Place)
      },
    }
  }

  #pass(device: DeviceName | undefined, what: string): void {
    this.passed++
    this.recent.push(`${device} ${what}`)
    if (this.recent.length > recentMax) this.recent.shift()
  }

  #offeredMessage(device: DeviceName | undefined, { id, ciphertext, contentType }: MsgFrame): void {
    if (contentType === mlsContentType && device !== undefined) this.#messages.set(`${device} ${id}`, headerOf(ciphertext))
  }

  #offeredCommit(
    by: DeviceName | undefined,
    { id, commit, epoch = 0, add = [], remove = [], external = false }: Partial<Bundle>,
  ): void {
    // Other groups are created without a commit.
    if (id === undefined || commit === undefined) return
    const { group, generation } = headerOf(commit)
    this.#offers.set(id, { by, group, generation, epoch, added: add.map(nameOf), removed: remove.map(nameOf), external })
  }

  #committed(device: DeviceName | undefined, { id }: { readonly id: string }, { groupId, mailbox, seq }: Place): void {
    this.#groups.set(mailbox, groupId)
    if (device !== undefined) this.#ownCommit(device, id, groupId, seq)
  }

  #ownCommit(device: DeviceName, id: string, group: string, seq: number): void {
    const offer = this.#offers.get(id)
    if (offer === undefined) return
    const { generation, epoch, added, removed, external } = offer
    this.#put(this.#own, { group, seq, kind: 'commit', generation, epoch, by: device, added, removed, external })
  }

  /** The first commit of a group is shown to nobody but its device, and that one may never have heard that it was taken. */
  #welcomed({ groupId, generation, epoch, groupMailbox, groupSeq, from, fromDevice }: WelcomeMlsFrame): void {
    const by = `${from}/${fromDevice}`
    this.#groups.set(groupMailbox, groupId)
    for (const [id, offer] of this.#offers) {
      const isIt = offer.by === by && offer.group === groupId && offer.generation === generation && offer.epoch === epoch - 1
      if (isIt) this.#ownCommit(by, id, groupId, groupSeq)
    }
  }

  #offeredTo(device: DeviceName, id: string): string | undefined {
    return this.#offers.get(id)?.group ?? this.#messages.get(`${device} ${id}`)?.group
  }

  #received(device: DeviceName | undefined, frame: ServerFrame): void {
    if (frame.type === 'welcome_mls') return this.#welcomed(frame)
    if (device === undefined || frame.type === 'error' || !('mailbox' in frame)) return
    if (frame.type === 'commit' || frame.type === 'departed') this.#groups.set(frame.mailbox, frame.groupId)
    if (frame.type === 'msg' && frame.contentType === mlsContentType) this.#groups.set(frame.mailbox, frame.to)
    // What nobody else has seen yet: the device itself has said which group it is of.
    const offered = frame.type === 'own' || frame.type === 'accepted' ? this.#offeredTo(device, frame.id) : undefined
    if (offered !== undefined) this.#groups.set(frame.mailbox, offered)
    const group = this.#groups.get(frame.mailbox)
    if (group === undefined) return
    const last = frame.type === 'gone' ? frame.to : frame.seq
    if (frame.type !== 'accepted') {
      const key = `${device} ${group}`
      this.#delivered.set(key, Math.max(last, this.#delivered.get(key) ?? 0))
    }
    switch (frame.type) {
      case 'commit': {
        const { seq, generation, epoch, external = false } = frame
        const [added, removed] = [frame.added.map(nameOf), frame.removed.map(nameOf)]
        const by = `${frame.from}/${frame.fromDevice}`
        return this.#put(this.#shown, { group, seq, kind: 'commit', generation, epoch, by, added, removed, external })
      }
      case 'msg': {
        const { seq, id, ciphertext } = frame
        const by = `${frame.from}/${frame.fromDevice}`
        return this.#put(this.#shown, { ...headerOf(ciphertext), group, seq, kind: 'message', by, id })
      }
      case 'departed': {
        const { seq, userId, deviceId } = frame
        const gone = deviceId === undefined ? undefined : `${userId}/${deviceId}`
        return this.#put(this.#shown, { group, seq, kind: 'departed', user: userId, device: gone })
      }
      case 'own':
      case 'accepted': {
        this.#ownCommit(device, frame.id, group, frame.seq)
        const message = this.#messages.get(`${device} ${frame.id}`)
        if (message !== undefined)
          this.#put(this.#own, { ...message, group, seq: frame.seq, kind: 'message', by: device, id: frame.id })
        return
      }
      default:
        return
    }
  }

  #put(logs: Map<string, Map<number, LogEntry>>, entry: LogEntry): void {
    const log = logs.get(entry.group) ?? new Map<number, LogEntry>()
    logs.set(entry.group, log)
    const known = log.get(entry.seq)
    const [before, now] = [JSON.stringify(known), JSON.stringify(entry)]
    if (logs === this.#shown && known !== undefined && before !== now)
      this.conflicts.push(`entry ${entry.seq} of ${entry.group}: ${before} and ${now}`)
    log.set(entry.seq, entry)
  }
}

/** Of a request that commits. What a reset or the first commit leaves out is 0 or empty. */
interface Bundle {
  readonly id: string
  readonly commit: string
  readonly epoch: number
  readonly add: readonly MemberDevice[]
  readonly remove: readonly MemberDevice[]
  readonly external: boolean
}

interface Place {
  readonly groupId: string
  readonly mailbox: string
  readonly seq: number
}

function isBundle(path: string): boolean {
  return path === '/groups' || /^\/groups\/[^/]+\/(commits|reset)$/.test(path)
}

function nameOf({ userId, deviceId }: MemberDevice): DeviceName {
  return `${userId}/${deviceId}`
}

/** What an MLS message says in the clear. Its group id is the conversation's, after a reset with the generation behind it. */
function headerOf(base64: string): { readonly group: string; readonly generation: number; readonly epoch: number } {
  const { groupId = '', epoch = 0 } = readHeader(Buffer.from(base64, 'base64'))
  const [group = '', generation = 0] = groupId.split('.')
  return { group, generation: Number(generation), epoch }
}
