/** The value that `share` (0 to 1) of the sorted values do not exceed: nearest rank. NaN when there are none. */
export function percentile(sorted: Float64Array | readonly number[], share: number): number {
  const rank = Math.max(1, Math.ceil(share * sorted.length))
  return sorted[rank - 1] ?? Number.NaN
}

/** The middle value; of an even number of values the mean of the two in the middle. NaN when there are none. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length / 2
  return (percentile(sorted, 0.5) + (sorted[Math.floor(middle)] ?? Number.NaN)) / 2
}

/** Collects durations without allocating for each, and grows as needed. */
export class Durations {
  #values = new Float64Array(1 << 16)
  #count = 0

  add(value: number): void {
    if (this.#count === this.#values.length) {
      const larger = new Float64Array(this.#values.length * 2)
      larger.set(this.#values)
      this.#values = larger
    }
    this.#values[this.#count++] = value
  }

  /** Ascending. */
  sorted(): Float64Array {
    return this.#values.slice(0, this.#count).sort()
  }
}
