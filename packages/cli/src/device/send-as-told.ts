import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { type Conversation, type MessageContent, type Sotto, SottoClientError } from '@sotto/client'

/** What a line may say. */
interface Order {
  readonly to?: unknown
  readonly conversationId?: unknown
  readonly text?: unknown
  readonly replyTo?: unknown
  readonly custom?: unknown
  readonly ref?: unknown
}

export interface Told {
  readonly input: Readable
  /** Ends it: the input is read no further. */
  readonly signal: AbortSignal
  readonly write: (line: string) => Promise<void>
}

/** Sends what the lines say, in order, until they end; each is answered with its id, or with why not. */
export async function sendAsTold(sotto: Sotto, { input, signal, write }: Told): Promise<void> {
  for await (const line of createInterface({ input, signal, crlfDelay: Number.POSITIVE_INFINITY })) {
    if (signal.aborted) return
    if (line.trim() !== '') await write(JSON.stringify(await answerTo(sotto, line)))
  }
}

async function answerTo(sotto: Sotto, line: string): Promise<object> {
  const order = orderIn(line)
  const ref = order?.ref === undefined ? {} : { ref: order.ref }
  try {
    if (order === undefined) throw new SottoClientError('invalid_content', 'a line is one JSON object')
    const chat = await conversationOf(sotto, order)
    if (chat.blockedBy.length > 0) throw new SottoClientError('identity_changed', `${chat.blockedBy.join(', ')} changed identity`)
    const { id, conversationId } = await chat.send(contentOf(order))
    return { id, conversationId, ...ref, type: 'queued' }
  } catch (error) {
    if (!(error instanceof SottoClientError)) throw error
    return { code: error.code, message: error.message, ...ref, type: 'refused' }
  }
}

function orderIn(line: string): Order | undefined {
  try {
    const order: unknown = JSON.parse(line)
    return typeof order === 'object' && order !== null && !Array.isArray(order) ? order : undefined
  } catch {
    return undefined
  }
}

async function conversationOf(sotto: Sotto, { to, conversationId }: Order): Promise<Conversation> {
  if (typeof to === 'string') return await sotto.conversation(to)
  const found = typeof conversationId === 'string' ? sotto.find(conversationId) : undefined
  if (found === undefined)
    throw new SottoClientError(
      'invalid_content',
      'a line names a user (`to`) or a conversation of this device (`conversationId`)',
    )
  return found
}

/** The SDK checks it. */
function contentOf({ text, replyTo, custom }: Order): MessageContent {
  return {
    ...(text === undefined ? {} : { text: text as string }),
    ...(replyTo === undefined ? {} : { replyTo: replyTo as string }),
    ...(custom === undefined ? {} : { custom: custom as NonNullable<MessageContent['custom']> }),
  }
}
