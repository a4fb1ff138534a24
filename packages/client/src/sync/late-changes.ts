import type { Changes } from './changes.ts'
import type { Handshakes } from './handshakes.ts'
import type { Intent } from './intents.ts'
import type { Parts } from './parts.ts'

/**
 * `Changes`, loaded with the first of them. Nothing is begun before the code is there.
 * @throws SottoClientError `code_unavailable`, beside what `Changes` throws.
 */
export class LateChanges {
  private readonly parts: Parts

  constructor(parts: Parts) {
    this.parts = parts
  }

  async change(conversationId: string, wanted: (intents: Handshakes['intents']) => Intent): Promise<void> {
    const { changes, intents } = await this.parts.handshakes()
    await changes.change(conversationId, wanted(intents))
  }

  async create(...given: Parameters<Changes['create']>): Promise<void> {
    await (await this.parts.handshakes()).changes.create(...given)
  }

  async join(conversationId: string): Promise<void> {
    await (await this.parts.handshakes()).changes.join(conversationId)
  }

  async reenter(conversationId: string): Promise<boolean> {
    return await (await this.parts.handshakes()).changes.reenter(conversationId)
  }

  async leave(conversationId: string): Promise<void> {
    await (await this.parts.handshakes()).changes.leave(conversationId)
  }

  async reset(...given: Parameters<Changes['reset']>): Promise<void> {
    await (await this.parts.handshakes()).changes.reset(...given)
  }

  async resume(): Promise<void> {
    if (this.parts.memory.pending.size > 0) (await this.parts.handshakes()).changes.resume()
  }
}
