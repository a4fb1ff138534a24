import type { EntryFrame } from '../transport/transport.ts'

/** In the place of an entry: any, with whatever numbers; the view gives their own. `hole`: nothing, and its number is missing. */
export type Shown = readonly EntryFrame[] | 'hole'

/**
 * What one device is shown of one mailbox: entries of the real server, changed, dropped or added to, and numbered so that
 * nothing is missing. Numbers that the device tells are translated back.
 */
export class MailboxView {
  /** Shown less real, for what comes next. */
  #shift = 0
  #real = 0
  readonly #sent = new Map<number, readonly EntryFrame[]>()
  /** Where what was shown ends, against the real number up to there. */
  readonly #ends: { readonly shown: number; readonly real: number }[] = []

  /** The device reads on after this number. */
  beginAfter(real: number): void {
    this.#real = Math.max(this.#real, real)
  }

  /** What is shown for an entry of the real server: the same again when it comes again. */
  show(frame: EntryFrame, decide: () => Shown): readonly EntryFrame[] {
    const [first, last] = frame.type === 'gone' ? [frame.from, frame.to] : [frame.seq, frame.seq]
    const before = this.#sent.get(last)
    if (before !== undefined) return before
    const decided = decide()
    const numbered = decided === 'hole' ? [] : this.#number(decided, first + this.#shift)
    const count = decided === 'hole' ? last - first + 1 : numbered.reduce((sum, one) => sum + lengthOf(one), 0)
    this.#shift += count - (last - first + 1)
    this.#real = last
    // What was held back is decided anew when it comes again.
    if (decided !== 'hole') this.#sent.set(last, numbered)
    this.#ends.push({ shown: last + this.#shift, real: last })
    return numbered
  }

  /** Entries that the real server has never seen. */
  add(frames: readonly EntryFrame[]): readonly EntryFrame[] {
    const numbered = this.#number(frames, this.#real + this.#shift + 1)
    this.#shift += numbered.reduce((sum, one) => sum + lengthOf(one), 0)
    this.#ends.push({ shown: this.#real + this.#shift, real: this.#real })
    return numbered
  }

  realOf(shown: number): number {
    const end = this.#ends.findLast((one) => one.shown <= shown)
    return end === undefined ? shown : end.real + (end === this.#ends.at(-1) ? shown - end.shown : 0)
  }

  shownOf(real: number): number {
    const end = this.#ends.find((one) => one.real >= real)
    return end === undefined ? real + this.#shift : end.shown
  }

  #number(frames: readonly EntryFrame[], first: number): EntryFrame[] {
    let next = first
    return frames.map((frame) => {
      const seq = next
      next += lengthOf(frame)
      return frame.type === 'gone' ? { ...frame, from: seq, to: next - 1 } : { ...frame, seq }
    })
  }
}

const lengthOf = (frame: EntryFrame) => (frame.type === 'gone' ? frame.to - frame.from + 1 : 1)
