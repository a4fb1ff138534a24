/**
 * What is inside the encryption: a message and what goes with it, after the model of draft-ietf-mimi-content. The server
 * sees none of it.
 */
export interface Envelope {
  /** 16 random bytes: makes the id unguessable from the text. */
  readonly salt: Uint8Array
  /** The sender's clock, milliseconds since 1970. */
  readonly sentAt: number
  /** When every reader deletes it; undefined: never. */
  readonly expiresAt?: number
  readonly content: Content
}

/** Ids are message ids: 43 characters, base64url of 32 bytes. */
export type Content =
  | { readonly kind: 'text'; readonly text: string; readonly replyTo?: string; readonly custom?: Custom }
  /** Something of the application's own, with no text. */
  | { readonly kind: 'custom'; readonly custom: Custom; readonly replyTo?: string }
  | { readonly kind: 'edit'; readonly replaces: string; readonly text: string; readonly custom?: Custom }
  | { readonly kind: 'delete'; readonly replaces: string }
  /** `emoji` undefined takes the sender's reaction away: one reaction a user and message. */
  | { readonly kind: 'reaction'; readonly to: string; readonly emoji?: string }
  | { readonly kind: 'receipt'; readonly delivered: readonly string[]; readonly read: readonly string[] }
  /** What joiners cannot read from the past: sent by who added them. `revision` rises; the highest one holds. */
  | { readonly kind: 'state'; readonly revision: number; readonly name?: string }
  /** A joiner asks for `state`. */
  | { readonly kind: 'stateRequest' }
  /** Between one's own devices: what other devices of the user should know. */
  | { readonly kind: 'sync'; readonly name: string; readonly data: Uint8Array }
  /** A kind that this version does not know: kept, shown to nobody. */
  | { readonly kind: 'unknown'; readonly mediaType: string; readonly bytes: Uint8Array }

export interface Custom {
  /** A media type, such as `application/vnd.example.poll+json`. */
  readonly type: string
  /** JSON-compatible value, carried as CBOR. */
  readonly data: unknown
}
