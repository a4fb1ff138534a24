import { inspect } from 'node:util'

const shown = '[secret]'

/** A text that must never be printed: JSON, `String()`, templates and `util.inspect` show `[secret]`. */
export class Secret {
  readonly #text: string

  constructor(text: string) {
    this.#text = text
  }

  /** The text itself. Keep the result out of objects that may be logged. */
  reveal(): string {
    return this.#text
  }

  toJSON(): string {
    return shown
  }

  toString(): string {
    return shown
  }

  [inspect.custom](): string {
    return shown
  }
}
