/**
 * The store cannot be opened as it is. The message is one line for the operator: what is wrong and what to do.
 */
export class StoreRefusal extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message.replace(/\s*\n\s*/g, ' '), options)
    this.name = 'StoreRefusal'
  }
}
