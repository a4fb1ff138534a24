import { text as readAll } from 'node:stream/consumers'
import type { Conversation } from '@sotto/client'
import { failureInWords } from '../device/client-error.ts'
import { groupNamed } from '../device/group-named.ts'
import { sessionEnd } from '../device/session-end.ts'
import { type Device, type DeviceOptions, withDevice } from '../device/with-device.ts'
import { durationInWords, durationMs } from '../duration.ts'
import { Refusal, UsageError } from '../refusal.ts'
import { printJson } from '../terminal.ts'

export interface SendOptions extends DeviceOptions {
  readonly group?: string
  readonly timeout: string
  readonly json?: boolean
}

/** `sotto send USER TEXT`: prints the id of the message once the server has it on disk. @throws UsageError, Refusal. */
export async function sendCommand(args: readonly string[], { group, timeout, json, ...options }: SendOptions): Promise<void> {
  const [user, words] = group === undefined ? [args[0], args.slice(1)] : [undefined, args]
  if (group === undefined && user === undefined) throw new UsageError("missing required argument 'USER'")
  if (words.length === 0) throw new UsageError("missing required argument 'TEXT': - reads it from the standard input")
  const timeoutMs = durationMs(timeout)
  if (timeoutMs === undefined || timeoutMs > 86_400_000)
    throw new UsageError('--timeout: a number and s, m or h, such as 30s, 5m or 1h')
  const text = words.join(' ') === '-' ? (await readAll(process.stdin)).replace(/\r?\n$/, '') : words.join(' ')
  if (text === '') throw new UsageError('the text is empty')
  await withDevice(options, async (device) => {
    const chat = group === undefined ? await device.sotto.conversation(user ?? '') : groupNamed(device.sotto, group)
    if (chat.blockedBy.length > 0) throw new Refusal(blocked(chat))
    const id = await accepted(device, chat, text, timeoutMs)
    if (json) printJson({ id, conversationId: chat.id })
    else process.stdout.write(`${id}\n`)
  })
}

/** Resolves with the id once the server has it. @throws Refusal. */
async function accepted(device: Device, chat: Conversation, text: string, timeoutMs: number): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const message = await chat.send(text)
  const look = () => {
    if (message.status === 'failed') reject(new Refusal(`it was not sent: ${failureInWords(message.failure)}`))
    else if (message.status !== 'queued') resolve()
    else if (chat.blockedBy.length > 0) reject(new Refusal(`${blocked(chat)}; it waits, and goes out then`))
  }
  const ended = sessionEnd(device)
  void ended.promise.then(() => reject(new Refusal(ended.refusal() ?? '')))
  const offs = [device.sotto.on('update', look), device.sotto.on('conversation', look), () => ended.off()]
  const late = () => reject(new Refusal(waits(device, timeoutMs)))
  const timer = setTimeout(late, timeoutMs)
  try {
    look()
    await promise
    return message.id
  } finally {
    clearTimeout(timer)
    for (const off of offs) off()
  }
}

function blocked({ blockedBy }: Conversation): string {
  return `${blockedBy.join(', ')} has another identity key than before: compare numbers (sotto verify USER NUMBER), or accept it in sotto chat with /accept`
}

/** It is on disk here, so that sending it again would be a second message. */
function waits({ signIn, place }: Device, timeoutMs: number): string {
  const why = signIn.problem() ?? `${place.url} has not taken it within ${durationInWords(timeoutMs)}`
  return `${why}: the message waits here and goes out with the next sotto send, chat or listen; do not send it again`
}
