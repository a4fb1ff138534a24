import { groupName } from './bytes.ts'
import { type MessageHeader, MlsFailure } from './engine.ts'

/** Numbers of RFC 9420 section 17.2. */
const wireFormats = { 1: 'public', 2: 'private', 3: 'welcome', 4: 'groupInfo', 5: 'keyPackage' } as const
/** Section 6. */
const contentTypes = { 1: 'application', 2: 'proposal', 3: 'commit' } as const

/**
 * What an MLSMessage (RFC 9420 section 6) says in the clear: no key is needed, nothing is verified.
 * @throws MlsFailure `malformed`; `unsupported` for another protocol version.
 */
export function readHeader(message: Uint8Array): MessageHeader {
  const reader = new HeaderReader(message)
  if (reader.number(2) !== 1) throw new MlsFailure('unsupported', 'not MLS 1.0')
  const wireFormat = oneOf(wireFormats, reader.number(2))
  switch (wireFormat) {
    case 'private': {
      const groupId = reader.groupId()
      const epoch = reader.epoch()
      return { wireFormat, groupId, epoch, contentType: oneOf(contentTypes, reader.number(1)) }
    }
    case 'public': {
      const groupId = reader.groupId()
      const epoch = reader.epoch()
      reader.sender()
      reader.vector()
      return { wireFormat, groupId, epoch, contentType: oneOf(contentTypes, reader.number(1)) }
    }
    case 'groupInfo': {
      if (reader.number(2) !== 1) throw new MlsFailure('unsupported', 'not MLS 1.0')
      reader.number(2)
      const groupId = reader.groupId()
      return { wireFormat, groupId, epoch: reader.epoch(), contentType: undefined }
    }
    default:
      return { wireFormat, groupId: undefined, epoch: undefined, contentType: undefined }
  }
}

function oneOf<T extends Readonly<Record<number, string>>>(names: T, value: number): T[keyof T] {
  if (!Object.hasOwn(names, value)) throw new MlsFailure('malformed')
  return names[value as keyof T]
}

class HeaderReader {
  readonly #bytes: Uint8Array
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  number(bytes: number): number {
    let value = 0
    for (const byte of this.#take(bytes)) value = value * 256 + byte
    return value
  }

  /** A vector with a variable-size length (RFC 9420 section 2.1.2), which has to be the shortest. */
  vector(): Uint8Array {
    const first = this.number(1)
    const size = 1 << (first >> 6)
    if (size === 8) throw new MlsFailure('malformed')
    const length = (first & 0x3f) * 256 ** (size - 1) + this.number(size - 1)
    if ((size === 2 && length < 64) || (size === 4 && length < 16_384)) throw new MlsFailure('malformed')
    return this.#take(length)
  }

  groupId(): string {
    const name = groupName(this.vector())
    if (name === undefined || name === '') throw new MlsFailure('malformed')
    return name
  }

  epoch(): number {
    const epoch = this.number(8)
    if (!Number.isSafeInteger(epoch)) throw new MlsFailure('malformed')
    return epoch
  }

  /** Member and external senders are followed by an index. */
  sender(): void {
    const type = this.number(1)
    if (type < 1 || type > 4) throw new MlsFailure('malformed')
    if (type <= 2) this.number(4)
  }

  #take(bytes: number): Uint8Array {
    const end = this.#at + bytes
    if (end > this.#bytes.length) throw new MlsFailure('malformed')
    const taken = this.#bytes.subarray(this.#at, end)
    this.#at = end
    return taken
  }
}
