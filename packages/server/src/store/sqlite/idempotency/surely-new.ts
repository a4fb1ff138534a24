import { filterLineBytes, filterScale, firstSuspect } from './filter.ts'

export const defaultFilterBytesMax = 64 * 1024 * 1024

/** The filter of a run; null: too large to be held, the run may contain any key. */
export interface RunFilter {
  readonly runId: number
  /** Stands in a buffer of its own, which may be transferred to another thread. */
  readonly filter: Uint8Array<ArrayBuffer> | null
}

/**
 * Says of most new keys, without I/O, that no run contains them: the filters of all live runs.
 *
 * Memory: the filters held take at most `filterBytesMax` bytes (default 64 MiB, enough for about 40 million records).
 * Beyond it the filters of the largest runs, of equally large ones the oldest, are let go. Such a run answers "maybe" to
 * every key: still correct, but each message then costs a read of one block of that run. A filter that was let go comes
 * back through `add`, or at the next start.
 */
export class SurelyNew {
  readonly #filterBytesMax: number
  readonly #held = new Map<number, Uint8Array>()
  readonly #unheld = new Set<number>()
  /** `#held` in the form that a check reads fastest. */
  #runIds: readonly number[] = []
  #filters: readonly Uint8Array[] = []
  #scales = new Float64Array(0)

  constructor(options: { readonly filterBytesMax?: number } = {}) {
    this.#filterBytesMax = options.filterBytesMax ?? defaultFilterBytesMax
  }

  /** Bytes of the filters held. */
  get filterBytes(): number {
    return this.#filters.reduce((sum, filter) => sum + filter.length, 0)
  }

  /** The runs whose filters are not held. */
  get unheld(): readonly number[] {
    return [...this.#unheld]
  }

  /** `false`: no run contains the key. `true`: look it up. */
  mayContain(key: Uint8Array): boolean {
    return this.#unheld.size > 0 || firstSuspect(this.#filters, this.#scales, key, 0) >= 0
  }

  /** The runs that may contain the key, for `IdempotencyReader.find`. */
  suspects(key: Uint8Array): number[] {
    const runIds = [...this.#unheld]
    let at = -1
    while (true) {
      at = firstSuspect(this.#filters, this.#scales, key, at + 1)
      if (at < 0) return runIds
      runIds.push(this.#runIds[at]!)
    }
  }

  add(runId: number, filter: Uint8Array | null): void {
    this.replace([], runId, filter)
  }

  /** One run takes the place of others. Throws RangeError when the filter is none. */
  replace(removedRunIds: readonly number[], runId: number, filter: Uint8Array | null): void {
    if (filter !== null && (filter.length === 0 || filter.length % filterLineBytes !== 0)) {
      throw new RangeError(`a filter consists of lines of ${filterLineBytes} bytes`)
    }
    this.#forget([...removedRunIds, runId])
    if (filter === null) this.#unheld.add(runId)
    else this.#held.set(runId, filter)
    this.#settle()
  }

  /** Runs that have expired. */
  drop(runIds: readonly number[]): void {
    this.#forget(runIds)
    this.#settle()
  }

  #forget(runIds: readonly number[]): void {
    for (const runId of runIds) {
      this.#held.delete(runId)
      this.#unheld.delete(runId)
    }
  }

  #settle(): void {
    const sizes = [...this.#held].map(([runId, filter]) => ({ runId, filterBytes: filter.length }))
    const holdable = withinMemory(sizes, this.#filterBytesMax)
    for (const runId of this.#held.keys()) {
      if (holdable.has(runId)) continue
      this.#held.delete(runId)
      this.#unheld.add(runId)
    }
    this.#runIds = [...this.#held.keys()]
    this.#filters = [...this.#held.values()]
    this.#scales = Float64Array.from(this.#filters, (filter) => filterScale(filter.length))
  }
}

/** The runs whose filters fit: the smallest, of equal ones the newest. */
export function withinMemory(
  runs: readonly { readonly runId: number; readonly filterBytes: number }[],
  filterBytesMax: number,
): ReadonlySet<number> {
  const bySize = runs.toSorted((a, b) => a.filterBytes - b.filterBytes || b.runId - a.runId)
  const fitting = new Set<number>()
  let bytes = 0
  for (const run of bySize) {
    bytes += run.filterBytes
    if (bytes > filterBytesMax) break
    fitting.add(run.runId)
  }
  return fitting
}
