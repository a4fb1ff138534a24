import type { StatementSync } from 'node:sqlite'
import { addToFilter, filterBytesFor, filterScale, lineOffset } from './filter.ts'
import { compareKeys, keyBytes, receivedAtOf, recordBytes, recordWords, viewOf } from './record.ts'

/** Records of one block, about 12 KiB: with SQLite's own bytes just under three pages of 4 KiB, or one and a half of 8. */
export const blockRecords = 252
const filterPartBytes = 64 * 1024

export interface OutputStatements {
  /** (run, first, records) */
  readonly insertBlock: StatementSync
  /** (run, part, bytes) */
  readonly insertFilterPart: StatementSync
}

/** Writes one run: takes ascending records, inserts blocks as they fill and parts of the filter as they are complete. */
export class RunOutput {
  readonly runId: number
  readonly filter: Uint8Array<ArrayBuffer>
  readonly #statements: OutputStatements
  readonly #scale: number
  /** One record more than a block: the last one stays at hand to be compared with the next. */
  readonly #block = new Uint8Array((blockRecords + 1) * recordBytes)
  readonly #blockWords = new Uint32Array(this.#block.buffer)
  #inBlock = 0
  #records = 0
  #filterWritten = 0

  /** `recordsMax`: at most so many records will come. */
  constructor(runId: number, recordsMax: number, statements: OutputStatements) {
    this.runId = runId
    this.filter = new Uint8Array(filterBytesFor(recordsMax))
    this.#scale = filterScale(this.filter.length)
    this.#statements = statements
  }

  /** Records written so far. */
  get records(): number {
    return this.#records
  }

  /** Takes the record at word `from` of `words`; its key is not below the last one. Of equal keys the earlier record stays. */
  append(words: Uint32Array, from: number): void {
    const at = this.#inBlock * recordBytes
    this.#copy(words, from, at)
    if (at > 0 && compareKeys(this.#block, at - recordBytes, this.#block, at) === 0) {
      const view = viewOf(this.#block)
      if (receivedAtOf(view, at) < receivedAtOf(view, at - recordBytes)) this.#copy(words, from, at - recordBytes)
      return
    }
    addToFilter(this.filter, this.#scale, this.#block, at)
    this.#records++
    this.#inBlock++
    if (this.#inBlock > blockRecords) {
      this.#flush(blockRecords)
      this.#block.copyWithin(0, at, at + recordBytes)
      this.#inBlock = 1
    }
  }

  /** Writes what is left. */
  finish(): void {
    if (this.#inBlock > 0) this.#flush(this.#inBlock)
    this.#inBlock = 0
    this.#writeFilter(this.filter.length)
  }

  #copy(words: Uint32Array, from: number, at: number): void {
    const to = at / 4
    for (let i = 0; i < recordWords; i++) this.#blockWords[to + i] = words[from + i]!
  }

  #flush(count: number): void {
    const bytes = this.#block.subarray(0, count * recordBytes)
    this.#statements.insertBlock.run(this.runId, bytes.subarray(0, keyBytes), bytes)
    // Keys ascend, and lines with them: what lies before the last key's line will not change any more.
    const complete = lineOffset(this.#scale, bytes, bytes.length - recordBytes)
    this.#writeFilter(complete - (complete % filterPartBytes))
  }

  #writeFilter(upTo: number): void {
    while (this.#filterWritten < upTo) {
      const from = this.#filterWritten
      const to = Math.min(from + filterPartBytes, upTo)
      this.#statements.insertFilterPart.run(this.runId, from / filterPartBytes, this.filter.subarray(from, to))
      this.#filterWritten = to
    }
  }
}
