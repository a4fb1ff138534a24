import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { ServerFrame } from '@sotto/protocol'
import { onTestFinished } from 'vitest'
import { type Relay, startRelay } from '../transport/relay.suite.ts'
import type { EntryFrame } from '../transport/transport.ts'
import { MailboxView, type Shown } from './mailbox-view.suite.ts'
import { acceptSocket, type TextSocket } from './socket-frames.suite.ts'

/**
 * A server that lies: a man in the middle between clients and a real server. Without rules it is honest. Entries are
 * numbered anew for each device, so that what is dropped or added leaves no trace in the numbers.
 */
export interface HostileServer {
  readonly url: string
  readonly relay: Relay
  userToken(userId: string): Promise<string>
  /** What devices are shown in the place of an entry; undefined: the entry itself. The answer ends the rule. */
  entries(rule: EntryRule): () => void
  /** What they are answered; undefined: what the real server says. */
  answers(rule: AnswerRule): () => void
  /** All rules end. What was shown until now keeps its numbers. */
  becomeHonest(): void
  /** Shows entries of the server's own making, numbered as the next ones of their mailbox. */
  add(device: Device, ...entries: EntryFrame[]): void
  /** Sends a frame as it is. */
  tell(device: Device, frame: ServerFrame | Readonly<Record<string, unknown>>): void
  /** Cuts the connections of these users, or of all. */
  cut(...userIds: string[]): void
  /** A server that holds this token asks as a client does. */
  ask(userId: string, deviceId: string, method: string, path: string, body?: unknown): Promise<Answer>
  /** Entries that the real server has delivered, to whomever, by mailbox and number. */
  readonly log: readonly { readonly to: Device; readonly frame: EntryFrame }[]
  readonly requests: readonly Asked[]
  /** Everything that passed, as text. */
  readonly texts: readonly string[]
  /** Of a group that somebody was let into. */
  mailboxOf(groupId: string): string
  /** Whether the text went over the wire, in the clear or in base64. */
  saw(text: string): boolean
}

export interface Device {
  readonly userId: string
  readonly deviceId: string
}

export interface Asked extends Device {
  readonly method: string
  readonly path: string
  readonly body: unknown
}

export interface Answer {
  readonly status: number
  readonly body?: unknown
  /** In the place of `body`. */
  readonly text?: string
}

export type EntryRule = (frame: EntryFrame, to: Device) => Shown | undefined
/** `forward` asks the real server, with another body if one is given. */
export type AnswerRule = (
  asked: Asked,
  forward: (body?: unknown) => Promise<Answer>,
) => Answer | 'hang' | undefined | Promise<Answer | 'hang' | undefined>

interface Session extends Device {
  readonly near: TextSocket
  readonly far: WebSocket
}

const entryTypes = new Set<string>(['msg', 'own', 'membership', 'commit', 'welcome_mls', 'departed', 'gone'])

/** Claims, uploads and groups are not limited, so that a test meets no limit but the one it is about. */
const limits = { CLAIMS_PAIR_BURST: 10_000, CLAIMS_TARGET_BURST: 10_000, ADDS_PAIR_PER_DAY: 10_000 } as const

export async function startHostileServer(): Promise<HostileServer> {
  const relay = await startRelay(limits)
  const sessions = new Set<Session>()
  const views = new Map<string, MailboxView>()
  const entryRules = new Set<EntryRule>()
  const answerRules = new Set<AnswerRule>()
  const log: { to: Device; frame: EntryFrame }[] = []
  const requests: Asked[] = []
  const traffic: string[] = []
  const groupMailboxes = new Map<string, string>()

  const viewOf = ({ userId, deviceId }: Device, mailbox: string): MailboxView => {
    const name = JSON.stringify([userId, deviceId, mailbox])
    const view = views.get(name) ?? new MailboxView()
    views.set(name, view)
    return view
  }
  const sessionOf = ({ userId, deviceId }: Device) =>
    [...sessions].findLast((one) => one.userId === userId && one.deviceId === deviceId)

  function shown(entry: EntryFrame, to: Device): readonly EntryFrame[] {
    log.push({ to, frame: entry })
    const mailbox = 'groupId' in entry && entry.type !== 'welcome_mls' && entry.mailbox.length > 0 ? entry.mailbox : undefined
    if (entry.type === 'commit' && mailbox !== undefined) groupMailboxes.set(entry.groupId, mailbox)
    let frame = entry
    if (entry.type === 'welcome_mls') {
      groupMailboxes.set(entry.groupId, entry.groupMailbox)
      const group = viewOf(to, entry.groupMailbox)
      group.beginAfter(entry.groupSeq)
      frame = { ...entry, groupSeq: group.shownOf(entry.groupSeq) }
    }
    return viewOf(to, entry.mailbox).show(frame, () => {
      for (const rule of entryRules) {
        const instead = rule(frame, to)
        if (instead !== undefined) return instead
      }
      return [frame]
    })
  }

  function fromServer(session: Session, text: string): void {
    traffic.push(text)
    const frame = JSON.parse(text) as { type: string; mailbox?: string; seq?: number }
    if (entryTypes.has(frame.type)) {
      for (const one of shown(frame as EntryFrame, session)) session.near.send(JSON.stringify(one))
      return
    }
    session.near.send(JSON.stringify(renumbered(frame, session, undefined)))
  }

  function fromClient(session: Session, text: string): void {
    traffic.push(text)
    const frame = JSON.parse(text) as { type: string; mailbox: string; seq: number }
    if (frame.type !== 'ack') return session.far.send(text)
    const seq = viewOf(session, frame.mailbox).realOf(frame.seq)
    if (seq > 0) session.far.send(JSON.stringify({ ...frame, seq }))
  }

  /** Numbers in an answer, as the device was shown them. */
  function renumbered(value: unknown, device: Device, groupId: string | undefined): unknown {
    if (typeof value !== 'object' || value === null) return value
    const members = value as Record<string, unknown>
    if (Array.isArray(members.cursors)) {
      const cursors = members.cursors.map((one) => renumbered(one, device, undefined))
      return { ...members, cursors }
    }
    const mailbox = members.mailbox ?? (groupId === undefined ? undefined : groupMailboxes.get(groupId))
    if (typeof mailbox !== 'string' || typeof members.seq !== 'number' || members.seq === 0) return value
    return { ...members, seq: viewOf(device, mailbox).shownOf(members.seq) }
  }

  async function forward(request: IncomingMessage, signal: AbortSignal, asked: Asked, body: unknown): Promise<Answer> {
    const { authorization, 'x-device-id': deviceId } = request.headers
    const response = await fetch(relay.url + request.url, {
      method: asked.method,
      headers: {
        ...(authorization === undefined ? {} : { authorization }),
        ...(typeof deviceId === 'string' ? { 'x-device-id': deviceId } : {}),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal,
    })
    const text = await response.text()
    const isJson = (response.headers.get('content-type') ?? '').includes('json')
    const groupId = /^\/groups\/([^/]+)/.exec(asked.path)?.[1]
    return isJson
      ? { status: response.status, body: renumbered(JSON.parse(text), asked, groupId) }
      : { status: response.status, text }
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    // A poll that nobody waits for any more must not hold up the real server's end.
    const gone = new AbortController()
    response.on('close', () => gone.abort())
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const text = Buffer.concat(chunks).toString('utf8')
    traffic.push(text)
    const asked: Asked = {
      userId: userIn(request.headers.authorization ?? ''),
      deviceId: String(request.headers['x-device-id'] ?? ''),
      method: request.method ?? '',
      path: decodeURI(request.url ?? ''),
      body: text === '' ? undefined : JSON.parse(text),
    }
    requests.push(asked)
    const ahead = (body: unknown = asked.body) => forward(request, gone.signal, asked, body)
    let said: Answer | 'hang' | undefined
    for (const rule of answerRules) said ??= await rule(asked, ahead)
    if (said === 'hang') return
    const { status, body, text: raw } = said ?? (await ahead())
    const sent = raw ?? JSON.stringify(body)
    traffic.push(sent)
    const type = status < 400 ? 'application/json' : 'application/problem+json'
    response.writeHead(status, { 'content-type': type }).end(sent)
  }

  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => {
      response.destroy(error instanceof Error ? error : undefined)
    })
  })
  server.on('upgrade', (request: IncomingMessage, stream, head: Buffer) => {
    const far = new WebSocket(relay.url.replace('http', 'ws') + request.url, ['sotto.v1'])
    const waiting: string[] = []
    let session: Session | undefined
    const near = acceptSocket(request, stream, head, {
      text(text) {
        const frame = JSON.parse(text) as { type: string; token?: string; device?: string }
        if (frame.type === 'hello' && session === undefined) {
          session = { userId: userIn(frame.token ?? ''), deviceId: frame.device ?? 'default', near, far }
          sessions.add(session)
        }
        if (session === undefined || far.readyState === WebSocket.CONNECTING) waiting.push(text)
        else fromClient(session, text)
      },
      ended() {
        if (session !== undefined) sessions.delete(session)
        far.close()
      },
    })
    far.addEventListener('open', () => {
      for (const text of waiting.splice(0)) fromClient(session!, text)
    })
    far.addEventListener('message', ({ data }) => {
      if (session !== undefined) fromServer(session, String(data))
    })
    far.addEventListener('close', ({ code }) => near.close(code === 1005 || code === 1006 ? 1011 : code))
    far.addEventListener('error', () => {})
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(async () => {
    for (const { near, far } of sessions) {
      near.close(1001)
      far.close()
    }
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })

  const withRule =
    <rule>(rules: Set<rule>) =>
    (rule: rule) => {
      rules.add(rule)
      return () => void rules.delete(rule)
    }
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    relay,
    log,
    requests,
    texts: traffic,
    userToken: relay.userToken,
    mailboxOf(groupId) {
      const mailbox = groupMailboxes.get(groupId)
      if (mailbox === undefined) throw new Error('nobody was let into this group')
      return mailbox
    },
    entries: withRule(entryRules),
    answers: withRule(answerRules),
    becomeHonest() {
      entryRules.clear()
      answerRules.clear()
    },
    add(device, ...entries) {
      for (const entry of entries) {
        for (const one of viewOf(device, entry.mailbox).add([entry])) sessionOf(device)?.near.send(JSON.stringify(one))
      }
    },
    tell: (device, frame) => sessionOf(device)?.near.send(JSON.stringify(frame)),
    cut(...userIds) {
      for (const { userId, near } of [...sessions]) if (userIds.length === 0 || userIds.includes(userId)) near.close(1012)
    },
    async ask(userId, deviceId, method, path, body) {
      const response = await fetch(relay.url + path, {
        method,
        headers: {
          authorization: `Bearer ${await relay.userToken(userId)}`,
          'x-device-id': deviceId,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      })
      return { status: response.status, body: await response.json() }
    },
    saw: (text) => traffic.some((one) => one.includes(text) || stringsIn(one).some((string) => isHidden(string, text))),
  }
}

/** The user whom a token names; the server behind checks it. */
function userIn(authorization: string): string {
  const [, payload = ''] = authorization.split('.')
  try {
    return String((JSON.parse(Buffer.from(payload, 'base64url').toString()) as { userId?: unknown }).userId)
  } catch {
    return ''
  }
}

/** Long strings of a JSON text. */
function stringsIn(json: string): string[] {
  return json.match(/"[A-Za-z0-9+/_=-]{16,}"/g) ?? []
}

function isHidden(quoted: string, text: string): boolean {
  const inner = quoted.slice(1, -1)
  return (['base64', 'base64url'] as const).some((encoding) => Buffer.from(inner, encoding).includes(text))
}
