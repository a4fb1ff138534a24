/** Reads the text messages out of one direction of a WebSocket (RFC 6455 section 5): uncompressed, as the server speaks it. */
export class WebSocketTexts {
  readonly #text: (text: string) => void
  #rest: Buffer = Buffer.alloc(0)
  #message: Buffer[] = []

  /** `text`: told each whole text message. */
  constructor(text: (text: string) => void) {
    this.#text = text
  }

  push(bytes: Buffer): void {
    this.#rest = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes])
    for (let frame = this.#next(); frame !== undefined; frame = this.#next()) this.#take(frame)
  }

  #next(): { opcode: number; final: boolean; payload: Buffer } | undefined {
    const rest = this.#rest
    if (rest.length < 2) return undefined
    const [first, second] = [rest.readUInt8(0), rest.readUInt8(1)]
    const short = second & 0x7f
    const lengthBytes = short === 126 ? 2 : short === 127 ? 8 : 0
    const maskAt = 2 + lengthBytes
    const isMasked = (second & 0x80) !== 0
    const payloadAt = maskAt + (isMasked ? 4 : 0)
    if (rest.length < payloadAt) return undefined
    const length = lengthBytes === 0 ? short : lengthBytes === 2 ? rest.readUInt16BE(2) : Number(rest.readBigUInt64BE(2))
    const end = payloadAt + length
    if (rest.length < end) return undefined
    const payload = Buffer.from(rest.subarray(payloadAt, end))
    if (isMasked) for (let index = 0; index < length; index++) payload[index]! ^= rest[maskAt + (index & 3)]!
    this.#rest = rest.subarray(end)
    return { opcode: first & 0x0f, final: (first & 0x80) !== 0, payload }
  }

  #take({ opcode, final, payload }: { opcode: number; final: boolean; payload: Buffer }): void {
    const isControl = opcode >= 8
    if (isControl) return
    this.#message.push(payload)
    if (!final) return
    const text = Buffer.concat(this.#message).toString('utf8')
    this.#message = []
    this.#text(text)
  }
}
