/** Why bytes of others, or of an older or newer version, could not be read. */
export const contentFailureReasons = {
  malformed: 'The bytes are not what they should be: damaged, or made by software that is wrong or hostile.',
  unsupported: 'The bytes are of a newer version whose meaning cannot be told here.',
} as const

export type ContentFailureReason = keyof typeof contentFailureReasons

/** What every decoder of this folder throws, and nothing else. */
export class ContentFailure extends Error {
  readonly reason: ContentFailureReason

  constructor(reason: ContentFailureReason, detail?: string, options?: ErrorOptions) {
    super(detail ?? contentFailureReasons[reason], options)
    this.name = 'ContentFailure'
    this.reason = reason
  }
}
