import { SottoClientError } from '../errors.ts'

export type Outcome = 'won' | 'lost'

/** How commits of this device came out, for those who wait for one. */
export class Outcomes {
  private readonly waiting = new Map<string, ((outcome: Outcome | undefined) => void)[]>()
  private readonly arrivals: { readonly mailbox: string; readonly seq: number; readonly arrived: () => void }[] = []
  private ended = false

  /** @throws `closed`. */
  of(commitId: string): Promise<Outcome> {
    return new Promise((resolve, reject) => {
      const settle = (outcome: Outcome | undefined) =>
        outcome === undefined ? reject(new SottoClientError('closed')) : resolve(outcome)
      if (this.ended) return settle(undefined)
      this.waiting.set(commitId, [...(this.waiting.get(commitId) ?? []), settle])
    })
  }

  settle(commitId: string, outcome: Outcome): void {
    const waiting = this.waiting.get(commitId) ?? []
    this.waiting.delete(commitId)
    for (const settle of waiting) settle(outcome)
  }

  /** Resolves once the mailbox has been read up to `seq`; `position` says how far it is now. */
  reached(mailbox: string, seq: number, position: number | undefined): Promise<void> {
    if (this.ended || (position ?? 0) >= seq) return Promise.resolve()
    return new Promise((arrived) => this.arrivals.push({ mailbox, seq, arrived }))
  }

  arrivedAt(mailbox: string, seq: number): void {
    for (let index = this.arrivals.length - 1; index >= 0; index--) {
      const waiting = this.arrivals[index]!
      if (waiting.mailbox !== mailbox || waiting.seq > seq) continue
      this.arrivals.splice(index, 1)
      waiting.arrived()
    }
  }

  end(): void {
    this.ended = true
    for (const waiting of this.waiting.values()) for (const settle of waiting) settle(undefined)
    this.waiting.clear()
    for (const { arrived } of this.arrivals.splice(0)) arrived()
  }
}
