/** A command cannot do what it was asked to. The message is one line that says why and what to do. */
export class Refusal extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'Refusal'
  }
}

/** The call is wrong; the message is one line that names the argument. */
export class UsageError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'UsageError'
  }
}

/** What to tell a person about an error: its message alone where it was made for that, the stack where it was not. */
export function inWords(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const isForPeople = error instanceof Refusal || error.name === 'ConfigError' || error.name === 'StoreRefusal'
  return isForPeople ? error.message : (error.stack ?? error.message)
}
