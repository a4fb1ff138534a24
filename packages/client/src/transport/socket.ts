import type { ServerFrame } from '@sotto/protocol'
import type { SottoError } from '@sotto/protocol/errors'
import { ceilingMs } from './backoff.ts'
import { hangUp } from './hang-up.ts'
import { type Received, readFrame } from './received.ts'
import { refusalOf } from './refusal.ts'
import type { Timers } from './timers.ts'
import type { Tokens } from './tokens.ts'

/** WebSocket subprotocol of reliable delivery. */
const reliableProtocol = 'sotto.v1'
/** For the handshake, and again for the welcome. */
const connectMsMax = 10_000
/** Silence after which the other side is asked whether it is there, and how long its answer may take. */
const silenceMs = 25_000
const answerMsMax = 10_000
/** How long the other side may take to answer a close. */
const closeMsMax = 2_000
/** Tokens are looked at again after this: clocks jump, computers sleep. */
const renewalMsMax = 3_600_000
const renewalMsMin = 250
const ping = '{"type":"ping"}'

type Welcome = Extract<ServerFrame, { type: 'welcome' }>

export interface SocketParts {
  readonly address: string
  readonly deviceId: string
  readonly token: string
  readonly tokens: Tokens
  readonly timers: Timers
  /** The handshake was answered, and the session is about to begin, in the place of any other. */
  readonly opened: () => void
  readonly welcomed: (welcome: Welcome) => void
  readonly received: (received: Received) => void
}

/** How a socket has ended. */
export interface SocketEnd {
  /** The server's close code (docs/socket.md); undefined when it did not say. */
  readonly code: number | undefined
  /** What the server said last, or what is known of the failure. */
  readonly error: Error | undefined
  /** How far it had come. */
  readonly stage: Stage
  /** The one that the server knew of last. */
  readonly token: string
  /** It may still be on its way to a server that then takes it for new: nobody has heard of its end. */
  readonly isAdrift: boolean
}

export type Stage = 'handshake' | 'hello' | 'open'

export interface OpenSocket {
  readonly ended: Promise<SocketEnd>
  send(text: string): void
  /** Asks now whether the other side is there. */
  probe(): void
  /** Ends it for a reason of this side. */
  fail(error: Error): void
  /** Sends what was sent, then closes; resolves once that is done, or takes too long. */
  close(): Promise<void>
}

/** One socket from its handshake to its end: hello, heartbeat, renewal of the token. Throws nothing. */
export function openSocket(parts: SocketParts): OpenSocket {
  const { timers, tokens, deviceId } = parts
  let stage: Stage = 'handshake'
  let heardAt = timers.now()
  let lastError: SottoError | undefined
  let isOver = false
  let settle: (end: SocketEnd) => void
  const ended = new Promise<SocketEnd>((resolve) => {
    settle = resolve
  })
  const cancels: Record<'deadline' | 'silence' | 'renewal', () => void> = {
    deadline: () => {},
    silence: () => {},
    renewal: () => {},
  }
  let isProbing = false
  let token = parts.token
  /** Sent to renew the session's; that it was accepted shows in the answer to what follows it. */
  let renewed: string | undefined

  function schedule(name: keyof typeof cancels, ms: number, call: () => void): void {
    cancels[name]()
    cancels[name] = timers.after(ms, call)
  }

  function end(code: number | undefined, error: Error | undefined, isAdrift: boolean): void {
    if (isOver) return
    isOver = true
    for (const cancel of Object.values(cancels)) cancel()
    settle({ code, error: lastError ?? error, stage, isAdrift, token })
  }

  function fail(error: Error): void {
    // Of a session that has begun the server knows which one is newer.
    end(undefined, error, stage === 'hello')
    if (ws === undefined) return
    ws.close()
    hangUp(ws)
  }

  let ws: WebSocket | undefined
  try {
    ws = new WebSocket(parts.address, [reliableProtocol])
    ws.binaryType = 'arraybuffer'
  } catch (error) {
    end(undefined, new Error('the socket cannot be opened', { cause: error }), false)
  }
  ws?.addEventListener('open', () => !isOver && opened())
  ws?.addEventListener('message', ({ data }) => !isOver && heard(data))
  // The close that follows says it all.
  ws?.addEventListener('error', () => {})
  ws?.addEventListener('close', ({ code }) => {
    const isSaid = code !== 1005 && code !== 1006
    end(isSaid ? code : undefined, new Error(isSaid ? `the server closed the socket: ${code}` : 'the connection was lost'), false)
  })
  if (!isOver) schedule('deadline', connectMsMax, () => fail(new Error('the socket did not open in time')))

  function opened(): void {
    if (ws?.protocol !== reliableProtocol) {
      fail(new Error('the other side does not speak this protocol'))
      return
    }
    parts.opened()
    stage = 'hello'
    schedule('deadline', connectMsMax, () => fail(new Error('no welcome came in time')))
    hello(parts.token)
  }

  function hello(token: string): void {
    ws?.send(JSON.stringify({ type: 'hello', token, device: deviceId }))
  }

  function heard(data: unknown): void {
    heardAt = timers.now()
    if (isProbing) listen()
    const received = readFrame(data)
    if (received === undefined) return
    const { frame } = received
    if (frame.type === 'welcome') {
      if (stage === 'hello') welcomed(frame)
      return
    }
    // The last words before a close name its reason.
    lastError = frame.type === 'error' && frame.id === undefined ? refusalOf(frame) : undefined
    if (frame.type === 'pong') {
      if (renewed !== undefined) tokens.accepted(renewed)
      renewed = undefined
    } else if (stage === 'open') parts.received(received)
  }

  function welcomed(welcome: Welcome): void {
    stage = 'open'
    cancels.deadline()
    tokens.serverTime(welcome.serverTime)
    tokens.accepted(parts.token)
    listen()
    scheduleRenewal(0)
    parts.welcomed(welcome)
  }

  /** Looks at the time of the last frame only when it might have been too long ago: frames are many. */
  function listen(): void {
    isProbing = false
    const silentMs = timers.now() - heardAt
    if (silentMs >= silenceMs) probe()
    else schedule('silence', silenceMs - silentMs, listen)
  }

  function probe(): void {
    if (isOver || stage !== 'open' || isProbing) return
    isProbing = true
    ws?.send(ping)
    schedule('silence', answerMsMax, () => fail(new Error('the other side does not answer')))
  }

  function scheduleRenewal(failures: number): void {
    const dueMs = failures > 0 ? ceilingMs(failures) : tokens.renewInMs()
    schedule('renewal', Math.min(renewalMsMax, Math.max(renewalMsMin, dueMs)), () => {
      if (failures === 0 && tokens.held === token && tokens.renewInMs() > 0) scheduleRenewal(0)
      else void renew(failures)
    })
  }

  /** Tried until it succeeds, or the server closes the socket with the token's end. */
  async function renew(failures: number): Promise<void> {
    let next: string
    try {
      // Another may have been asked for already, for a request.
      next = tokens.held === token || tokens.held === undefined ? await tokens.renewed() : tokens.held
    } catch {
      if (!isOver) scheduleRenewal(failures + 1)
      return
    }
    if (isOver) return
    if (next !== token) {
      token = next
      renewed = next
      hello(next)
      ws?.send(ping)
    }
    scheduleRenewal(0)
  }

  return {
    ended,
    probe,
    fail,
    send(text) {
      if (!isOver && stage === 'open') ws?.send(text)
    },
    async close() {
      if (isOver) return
      if (stage !== 'open') {
        fail(new Error('closed'))
        return
      }
      schedule('deadline', closeMsMax, () => {
        end(undefined, undefined, false)
        if (ws !== undefined) hangUp(ws)
      })
      ws?.close(1000)
      await ended
    },
  }
}
