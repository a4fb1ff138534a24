import type { StatementSync } from 'node:sqlite'
import { keyBytes, keyHead, recordBytes, wordsOf } from './record.ts'

const belowAllKeys = new Uint8Array(0)

/** Reads the records of a run in ascending order, a block at a time. */
export class RunInput {
  readonly #runId: number
  readonly #nextBlock: StatementSync
  #block: Uint8Array = belowAllKeys
  #words: Uint32Array = new Uint32Array(0)
  #at = 0
  #head = 0

  /** `nextBlock`: (run, first) to `records` of the next block that begins above `first`. */
  constructor(runId: number, nextBlock: StatementSync) {
    this.#runId = runId
    this.#nextBlock = nextBlock
    this.#load(belowAllKeys)
  }

  /** Orders records by the first 48 bits of their keys; Infinity at the end. */
  get head(): number {
    return this.#head
  }

  get block(): Uint8Array {
    return this.#block
  }

  get words(): Uint32Array {
    return this.#words
  }

  /** The byte offset of the current record in `block`. */
  get at(): number {
    return this.#at
  }

  advance(): void {
    this.#at += recordBytes
    if (this.#at < this.#block.length) this.#head = keyHead(this.#block, this.#at)
    else this.#load(this.#block.subarray(0, keyBytes))
  }

  #load(after: Uint8Array): void {
    const row = this.#nextBlock.get(this.#runId, after) as { records: Uint8Array } | undefined
    this.#at = 0
    this.#block = row?.records ?? belowAllKeys
    this.#words = wordsOf(this.#block)
    this.#head = row === undefined ? Number.POSITIVE_INFINITY : keyHead(this.#block, 0)
  }
}
