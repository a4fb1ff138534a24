import { SottoClientError } from '../errors.ts'
import type { CoreMethod } from '../sync/core-api.ts'

/** Calls of one tab that wait for their answers. */
export const callsMax = 10_000

export interface Call {
  readonly id: number
  readonly method: CoreMethod
  readonly args: readonly unknown[]
  /** It has been asked of some leader already. */
  asked: boolean
  readonly resolve: (value: unknown) => void
  readonly reject: (error: unknown) => void
}

/** What this tab has asked and nobody has answered yet, in the order of asking. */
export class Calls {
  private readonly waiting = new Map<number, Call>()
  private nextId = 1

  /** @throws SottoClientError `overloaded`. */
  add(method: CoreMethod, args: readonly unknown[]): { readonly call: Call; readonly answer: Promise<unknown> } {
    if (this.waiting.size >= callsMax)
      throw new SottoClientError('overloaded', `${callsMax} calls of this tab wait for an answer already`)
    const { promise, resolve, reject } = Promise.withResolvers<unknown>()
    const call = { id: this.nextId++, method, args, asked: false, resolve, reject }
    this.waiting.set(call.id, call)
    return { call, answer: promise }
  }

  /** Undefined when it was answered before. */
  take(id: number): Call | undefined {
    const call = this.waiting.get(id)
    this.waiting.delete(id)
    return call
  }

  all(): Call[] {
    return [...this.waiting.values()]
  }

  /** All are rejected. */
  fail(error: unknown): void {
    const calls = this.all()
    this.waiting.clear()
    for (const { reject } of calls) reject(error)
  }
}
