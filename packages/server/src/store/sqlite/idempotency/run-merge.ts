import type { StatementSync } from 'node:sqlite'
import { compareKeys } from './record.ts'
import { RunInput } from './run-input.ts'
import type { RunOutput } from './run-output.ts'

/**
 * Merges runs into one, in steps. It lives in memory between steps; what it has written counts for nothing until the
 * catalogue says so.
 */
export class RunMerge {
  readonly level: number
  readonly inputs: readonly number[]
  readonly output: RunOutput
  readonly #inputs: readonly RunInput[]
  #consumed = 0
  #finished = false

  constructor(level: number, inputs: readonly number[], output: RunOutput, nextBlock: StatementSync) {
    this.level = level
    this.inputs = inputs
    this.output = output
    this.#inputs = inputs.map((runId) => new RunInput(runId, nextBlock))
  }

  /** Records taken from the inputs so far. */
  get consumed(): number {
    return this.#consumed
  }

  /** All is written; the output may take the place of the inputs. */
  get finished(): boolean {
    return this.#finished
  }

  /** Consumes at most `records` records; how many it has. */
  step(records: number): number {
    const before = this.#consumed
    while (this.#consumed - before < records) {
      const input = lowest(this.#inputs)
      if (input.head === Number.POSITIVE_INFINITY) {
        this.output.finish()
        this.#finished = true
        break
      }
      this.#consumed++
      this.output.append(input.words, input.at / 4)
      input.advance()
    }
    return this.#consumed - before
  }
}

function lowest(inputs: readonly RunInput[]): RunInput {
  let found = inputs[0]!
  for (let i = 1; i < inputs.length; i++) {
    const input = inputs[i]!
    if (input.head < found.head || (input.head === found.head && isBelow(input, found))) found = input
  }
  return found
}

function isBelow(input: RunInput, found: RunInput): boolean {
  return input.head !== Number.POSITIVE_INFINITY && compareKeys(input.block, input.at, found.block, found.at) < 0
}
