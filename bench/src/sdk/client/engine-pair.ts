import { systemClock } from '../../../../packages/client/src/clock.ts'
import { encodeEnvelope } from '../../../../packages/client/src/content/encode.ts'
import { contentLimits } from '../../../../packages/client/src/content/limits.ts'
import { paddedWithin } from '../../../../packages/client/src/content/padding.ts'
import { encodePlaintext } from '../../../../packages/client/src/content/plaintext.ts'
import type { GroupState, MlsEngine, Step } from '../../../../packages/client/src/mls/engine.ts'
import { createMlsEngine } from '../../../../packages/client/src/mls/ts-mls-engine.ts'

const utf8 = new TextEncoder()
const nothing = new Uint8Array()
/** The server's limit of a ciphertext, unless it is configured otherwise. */
const ciphertextBytes = 131_072

/** Two members of a group with nothing around them: no storage, no server, no history. The reference. */
export class EnginePair {
  private readonly engine: MlsEngine
  private readonly plaintext: Uint8Array
  private readonly padTo: number
  private sender: GroupState
  private receiver: GroupState

  private constructor(engine: MlsEngine, sender: GroupState, receiver: GroupState, plaintext: Uint8Array) {
    this.engine = engine
    this.sender = sender
    this.receiver = receiver
    this.plaintext = plaintext
    this.padTo = paddedWithin(plaintext.length, ciphertextBytes)
  }

  static async create(members: number, text: string): Promise<EnginePair> {
    const engine = await createMlsEngine({ clock: systemClock })
    const device = async (name: number) => ({
      keys: await engine.generateSignatureKeys(),
      // As long as the SDK's, which hold a certificate.
      credential: utf8.encode(`member ${name} `.padEnd(160, '.')),
    })
    const first = await engine.createGroup(await device(0), 'bench')
    const made = []
    for (let name = 1; name < members; name++) made.push(await engine.createKeyPackage(await device(name)))
    const add = made.map(({ keyPackage }) => keyPackage)
    const commit = await engine.commit(first.state, { add, remove: [], aad: nothing, roster: nothing })
    const { ref, secret } = made[0]!
    const secretOf = async (wanted: string) => (wanted === ref ? secret : undefined)
    const join = await engine.join({ welcome: commit.welcome!, secretOf, admitLeaf: () => undefined })
    return new EnginePair(engine, commit.state, join.state, plaintextOf(text))
  }

  /** Encrypts so many messages. */
  async encrypt(count: number): Promise<{ messages: Uint8Array[]; perSecond: number }> {
    const messages: Uint8Array[] = []
    const beginMs = performance.now()
    for (let made = 0; made < count; made++) {
      const step = await this.engine.encrypt(this.sender, this.plaintext, { padTo: this.padTo })
      this.sender = after(step)
      messages.push(step.message)
    }
    return { messages, perSecond: (count / (performance.now() - beginMs)) * 1_000 }
  }

  async decrypt(messages: readonly Uint8Array[]): Promise<number> {
    const beginMs = performance.now()
    for (const message of messages) {
      const step = await this.engine.process(this.receiver, message, () => 'no commit was made')
      if (step.kind !== 'application' || step.plaintext.length !== this.plaintext.length) throw new Error('another message')
      this.receiver = after(step)
    }
    return (messages.length / (performance.now() - beginMs)) * 1_000
  }
}

function after(step: Step): GroupState {
  step.wipe()
  return step.state
}

/** What the SDK encrypts for this text. */
function plaintextOf(text: string): Uint8Array {
  const salt = systemClock.random(contentLimits.saltBytes)
  const envelope = encodeEnvelope({ salt, sentAt: systemClock.now(), content: { kind: 'text', text } })
  const seen = { seq: 1, digest: new Uint8Array(32) }
  return encodePlaintext({ deviceList: { version: 1, hash: new Uint8Array(32) }, seen, envelope })
}
