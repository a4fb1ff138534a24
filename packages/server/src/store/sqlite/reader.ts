import { SottoError } from '@sotto/protocol'
import type { Arguments, ReadName, Result } from './operations.ts'
import type { Thread } from './thread.ts'
import { type Outcome, type ReaderReply, type ReaderRequest, unwrap } from './threads.ts'

/** The main thread's side of the reader thread. */
export class Reader {
  private readonly waiting = new Map<number, (outcome: Outcome) => void>()
  private readonly thread: Thread<ReaderRequest | 'close', ReaderReply>
  private next = 1
  private hasEnded = false

  constructor(thread: Thread<ReaderRequest | 'close', ReaderReply>) {
    this.thread = thread
    thread.onMessage(({ no, outcome }) => {
      const settle = this.waiting.get(no)
      this.waiting.delete(no)
      settle?.(outcome)
    })
    thread.onEnd((why) => {
      this.hasEnded = true
      for (const settle of this.waiting.values()) settle({ failure: `the reader thread ended: ${why}` })
      this.waiting.clear()
    })
  }

  /** Asks for something as of now: everything committed before this call is seen. */
  run<name extends ReadName>(name: name, args: Arguments<name>): Promise<Result<name>> {
    if (this.hasEnded) return Promise.reject(new SottoError('overloaded', 'the store has closed'))
    const no = this.next++
    return new Promise((resolve, reject) => {
      this.waiting.set(no, (outcome) => {
        try {
          resolve(unwrap(outcome) as Result<name>)
        } catch (error) {
          reject(error)
        }
      })
      this.thread.post({ no, name, args })
    })
  }

  async close(): Promise<void> {
    this.hasEnded = true
    await this.thread.close('close')
  }
}
