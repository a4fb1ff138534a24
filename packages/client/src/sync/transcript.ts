import { concatBytes, utf8ToBytes } from '@noble/hashes/utils.js'
import type { MlsEngine } from '../mls/engine.ts'
import type { Transcript } from './conversation-state.ts'

/**
 * The log of a group within one epoch, rolled into a digest that members tell each other inside the encryption: whom the
 * server shows another log than the others finds out with the next message (docs/threats.md, T15).
 */
export function beginTranscript(engine: MlsEngine, epoch: number, commitSeq: number, epochAuthenticator: Uint8Array): Transcript {
  const digest = engine.sha256(concatBytes(utf8ToBytes('sotto transcript v1'), number64(commitSeq), epochAuthenticator))
  return { epoch, seq: commitSeq, digest }
}

/** `payload`: what was delivered at `seq`, as the sender sent it. */
export function extendTranscript(
  engine: MlsEngine,
  before: Transcript | undefined,
  seq: number,
  payload: string,
): Transcript | undefined {
  if (before === undefined || seq !== before.seq + 1) return undefined
  const digest = engine.sha256(concatBytes(before.digest, number64(seq), engine.sha256(utf8ToBytes(payload))))
  return { epoch: before.epoch, seq, digest }
}

function number64(value: number): Uint8Array {
  const bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value))
  return bytes
}

/** Digests of the newest entries of each group, to compare with what others say that they have seen. */
export class SeenDigests {
  private readonly byConversation = new Map<string, Map<string, Uint8Array>>()
  private readonly entriesMax: number

  constructor(entriesMax: number) {
    this.entriesMax = entriesMax
  }

  note(conversationId: string, { epoch, seq, digest }: Transcript): void {
    const digests = this.byConversation.get(conversationId) ?? new Map<string, Uint8Array>()
    this.byConversation.set(conversationId, digests)
    digests.set(`${epoch} ${seq}`, digest)
    if (digests.size > this.entriesMax) digests.delete(digests.keys().next().value!)
  }

  /** `undefined`: nothing is known of that place any more. */
  agrees(conversationId: string, epoch: number, seq: number, digest: Uint8Array): boolean | undefined {
    const own = this.byConversation.get(conversationId)?.get(`${epoch} ${seq}`)
    if (own === undefined) return undefined
    return own.length === digest.length && own.every((byte, index) => byte === digest[index])
  }
}
