/** JSON that is ready to send: for answers made of stored frames, which are not parsed to be written again. */
export class JsonText {
  readonly bytes: Buffer

  constructor(bytes: Buffer) {
    this.bytes = bytes
  }
}

/** An answer that is not JSON. */
export class TextAnswer {
  /** With the charset. */
  readonly contentType: string
  readonly text: string
  readonly headers: Readonly<Record<string, string>>

  constructor(contentType: string, text: string, headers: Readonly<Record<string, string>> = {}) {
    this.contentType = contentType
    this.text = text
    this.headers = headers
  }
}

const comma = Buffer.from(',')

/**
 * `{"messages":[…],…}` from frames as they are stored; `rest` follows the messages.
 * @param rest at least one member, so that it can be appended.
 */
export function messagesText(frames: readonly Buffer[], rest: Readonly<Record<string, unknown>>): JsonText {
  const parts: Buffer[] = [Buffer.from('{"messages":[')]
  for (const [index, frame] of frames.entries()) {
    if (index > 0) parts.push(comma)
    parts.push(frame)
  }
  parts.push(Buffer.from(`],${JSON.stringify(rest).slice(1)}`))
  return new JsonText(Buffer.concat(parts))
}
