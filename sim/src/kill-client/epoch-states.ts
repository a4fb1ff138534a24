import type { ClientStorage } from '@sotto/client'
import { systemClock } from '../../../packages/client/src/clock.ts'
import type { GroupState, MlsEngine } from '../../../packages/client/src/mls/engine.ts'
import { MlsFailure } from '../../../packages/client/src/mls/engine.ts'
import { createMlsEngine } from '../../../packages/client/src/mls/ts-mls-engine.ts'
import type { Change, OpenStorage } from '../../../packages/client/src/storage/storage.ts'

/** Which key of which device a message was encrypted with, as a member of the group reads it. */
export interface KeyOfMessage {
  readonly group: string
  readonly epoch: number
  readonly generation: number
}

/**
 * Keeps the secrets of every epoch of a member's groups, beyond the time that the member itself keeps them, so that every
 * message can be asked for the key that it was encrypted with.
 */
export class EpochStates {
  readonly #engine: MlsEngine
  /** As each epoch began, when no key of others had been used. */
  readonly #first = new Map<string, GroupState>()
  /** After all messages that were asked about: deriving goes on from there. */
  readonly #latest = new Map<string, GroupState>()

  private constructor(engine: MlsEngine) {
    this.#engine = engine
  }

  static async begin(): Promise<EpochStates> {
    return new EpochStates(await createMlsEngine({ clock: systemClock }))
  }

  /** The member's storage, with every new epoch noted. */
  watching(storage: ClientStorage): ClientStorage {
    return {
      name: storage.name,
      sharing: storage.sharing,
      open: async (options) => {
        const open = await storage.open(options)
        const write = async (changes: readonly Change[]) => {
          await open.write(changes)
          for (const { collection, key, value } of changes) {
            if (collection === 'mls' && key.endsWith('/tree') && value !== undefined)
              await this.#note(open, key.slice(0, -'tree'.length))
          }
        }
        return { ...open, write }
      },
    }
  }

  /** Undefined: the message is of no epoch that this member was in, or by nobody in it. */
  async keyOf(group: string, ciphertext: string): Promise<KeyOfMessage | undefined> {
    const bytes = Buffer.from(ciphertext, 'base64')
    const { groupId, epoch } = this.#engine.readHeader(bytes)
    const name = `${groupId} ${epoch}`
    const states = [this.#latest.get(name), this.#first.get(name)].filter((state) => state !== undefined)
    for (const state of states) {
      try {
        const step = await this.#engine.process(state, bytes, () => 'a commit is no message')
        if (step.kind !== 'application') return undefined
        this.#latest.set(name, step.state)
        return { group, epoch: step.epoch, generation: step.generation }
      } catch (error) {
        // Its key was used by another one that was asked about: from the beginning of the epoch it shows which.
        if (!(error instanceof MlsFailure)) throw error
      }
    }
    return undefined
  }

  async #note(open: OpenStorage, prefix: string): Promise<void> {
    const items = await open.range('mls', { prefix })
    const state = this.#engine.loadGroup(new Map(items.map(({ key, value }) => [key.slice(prefix.length), value])))
    const name = `${state.groupId} ${state.epoch}`
    if (this.#first.has(name)) return
    this.#first.set(name, state)
    this.#latest.set(name, state)
  }
}
