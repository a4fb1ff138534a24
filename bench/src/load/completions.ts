/**
 * Which of a sender's messages are complete, when each needs `parts` reports (one `accepted`, or a delivery at each
 * device). Reports may come in any order: what is promised is the order of entries, not that of the answers.
 */
export class Completions {
  /** All messages below this counter are complete. */
  settled = 0
  readonly #depth: number
  readonly #parts: number
  readonly #missing: Int32Array

  /** At most `depth` messages are under way at once, from the first that is not complete. */
  constructor(depth: number, parts: number) {
    this.#depth = depth
    this.#parts = parts
    this.#missing = new Int32Array(depth).fill(parts)
  }

  /** One report for the message `counter`; true when it was the last. Throws on one that nobody waits for. */
  report(counter: number): boolean {
    const slot = counter % this.#depth
    if (counter < this.settled || counter >= this.settled + this.#depth || this.#missing[slot] === 0) {
      throw new Error(`one report too many for message ${counter}`)
    }
    this.#missing[slot]! -= 1
    if (this.#missing[slot] !== 0) return false
    while (this.#missing[this.settled % this.#depth] === 0) {
      this.#missing[this.settled % this.#depth] = this.#parts
      this.settled += 1
    }
    return true
  }
}
