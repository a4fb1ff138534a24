import type { Message, Sotto } from '@sotto/client'
import { eventLine, messageEvent } from '../chat/event-lines.ts'
import { messageLine } from '../chat/lines.ts'
import { sendAsTold } from '../device/send-as-told.ts'
import { sessionEnd } from '../device/session-end.ts'
import { type DeviceOptions, withDevice } from '../device/with-device.ts'
import { Refusal, UsageError } from '../refusal.ts'
import { paintFor } from '../terminal.ts'

export interface ListenOptions extends DeviceOptions {
  readonly json?: boolean
  readonly all?: boolean
  readonly stdin?: boolean
}

/** `sotto listen`: prints messages until a signal, or until nobody reads any more. @throws UsageError, Refusal. */
export async function listenCommand({ json = false, all = false, stdin = false, ...options }: ListenOptions): Promise<void> {
  if (all && !json) throw new UsageError('--all goes with --json')
  if (stdin && !json) throw new UsageError('--stdin goes with --json')
  const stopping = Promise.withResolvers<void>()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => stopping.resolve())
  await withDevice(options, async (device) => {
    const { sotto } = device
    const write = (line: string) =>
      writeLine(line).catch((error: NodeJS.ErrnoException) => {
        // Nobody reads any more: what is not handled is for the next who does.
        stopping.resolve()
        throw error
      })
    const ended = sessionEnd(device)
    if (all) tellAll(sotto, (line) => void write(line).catch(() => {}))
    const paint = paintFor(process.stdout)
    // Handled once this resolves: when the line has been taken by whoever reads it.
    sotto.on('message', (message) =>
      write(json ? lineOf(sotto, message) : messageLine(message, { paint, numberOf: () => undefined })),
    )
    const reading = new AbortController()
    if (stdin) void sendAsTold(sotto, { input: process.stdin, signal: reading.signal, write }).catch(() => {})
    await Promise.race([stopping.promise, ended.promise])
    reading.abort()
    const refusal = ended.refusal()
    if (refusal !== undefined) throw new Refusal(refusal)
  })
}

function lineOf(sotto: Sotto, message: Message): string {
  return eventLine('message', messageEvent(message, sotto.find(message.conversationId)?.kind))
}

function tellAll(sotto: Sotto, write: (line: string) => void): void {
  sotto.on('update', (message) => write(eventLine('update', message.toJSON())))
  sotto.on('conversation', (conversation) => write(eventLine('conversation', conversation.toJSON())))
  sotto.on('unreadable', ({ message, reason }) => write(eventLine('unreadable', { reason, ...message.toJSON() })))
  sotto.on('identityChanged', ({ userId, endorsed }) => write(eventLine('identityChanged', { userId, endorsed })))
  for (const name of ['receipt', 'typing', 'deviceAdded', 'deviceRemoved', 'error'] as const)
    sotto.on(name, (event) => write(eventLine(name, event)))
  sotto.on('state', (state) => write(eventLine('state', { state })))
  write(eventLine('state', { state: sotto.state }))
}

/** Resolves once the line is out of this process. @throws EPIPE. */
function writeLine(line: string): Promise<void> {
  return new Promise((resolve, reject) => {
    process.stdout.write(`${line}\n`, (error) => (error ? reject(error) : resolve()))
  })
}
