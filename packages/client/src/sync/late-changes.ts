import type { Changes } from './changes.ts'
import type { Intent } from './intents.ts'
import type { Handshakes, Parts } from './parts.ts'

/**
 * `Changes`, loaded with the first of them. Nothing is begun before the code is there.
 * @throws SottoClientError `code_unavailable`, beside what `Changes` throws.
 */
export class LateChanges {
  private readonly parts: Parts
  private changes: Changes | undefined

  constructor(parts: Parts) {
    this.parts = parts
  }

  async change(conversationId: string, wanted: (intents: Handshakes['intents']) => Intent): Promise<void> {
    const { changes, intents } = await this.loaded()
    await changes.change(conversationId, wanted(intents))
  }

  async create(...given: Parameters<Changes['create']>): Promise<void> {
    await (await this.loaded()).changes.create(...given)
  }

  async join(conversationId: string): Promise<void> {
    await (await this.loaded()).changes.join(conversationId)
  }

  async reenter(conversationId: string): Promise<boolean> {
    return await (await this.loaded()).changes.reenter(conversationId)
  }

  async leave(conversationId: string): Promise<void> {
    await (await this.loaded()).changes.leave(conversationId)
  }

  async reset(...given: Parameters<Changes['reset']>): Promise<void> {
    await (await this.loaded()).changes.reset(...given)
  }

  async resume(): Promise<void> {
    if (this.parts.memory.pending.size > 0) (await this.loaded()).changes.resume()
  }

  private async loaded() {
    const { Changes, intents } = await this.parts.handshakes()
    this.changes ??= new Changes(this.parts)
    return { changes: this.changes, intents }
  }
}
