/**
 * Who is who, without asking the server: a user's identity key (Ed25519) signs the list of the user's devices and a
 * certificate for each; peers pin the key when they first meet it and can verify it by a safety number.
 */
export interface DeviceList {
  readonly userId: string
  /** 1, 2, 3…: only rises. */
  readonly version: number
  readonly identityKey: Uint8Array
  readonly devices: readonly ListedDevice[]
  /** The identity's private key, sealed (HPKE, RFC 9180) to devices of the list that do not have it yet. */
  readonly sealed: readonly { readonly deviceId: string; readonly sealedKey: Uint8Array }[]
  /** The identity keys before this one, newest first, each endorsing the next: who knew an old one can follow. */
  readonly formerKeys?: readonly FormerKey[]
}

export interface FormerKey {
  readonly identityKey: Uint8Array
  /** By this key, over the user id, itself and the key that came after it. `signList` fills in the newest. */
  readonly endorsement?: Uint8Array
}

export interface ListedDevice {
  readonly deviceId: string
  readonly name?: string
  /** Ed25519, raw: the leaf key of this device in every group. */
  readonly signatureKey: Uint8Array
  /** X25519, raw: to seal the identity key to this device. */
  readonly sealKey: Uint8Array
  /** Milliseconds since 1970, by the clock of the device that added it. */
  readonly addedAt: number
}

/** A list that verified. */
export interface VerifiedList extends DeviceList {
  /** SHA-256 of the signed bytes. */
  readonly hash: Uint8Array
  /** The identity key before this one, where it has endorsed this one: the first of `formerKeys`. */
  readonly endorsedBy: Uint8Array | undefined
}

/** As it crosses the network (`PUT /identity`). */
export interface SignedList {
  readonly version: number
  readonly identityKey: string
  readonly devices: string
  readonly signature: string
  readonly endorsement?: string | undefined
}

/** What a leaf's basic credential says. */
export interface Certificate {
  readonly userId: string
  readonly deviceId: string
  readonly identityKey: Uint8Array
  /** By the identity key, over user, device and the leaf's signature key. */
  readonly signature: Uint8Array
}

/** What is kept about a user, oneself included. */
export interface Contact {
  readonly userId: string
  /** The key that was pinned when the user was first met, or accepted since. */
  readonly identityKey: Uint8Array
  /** The newest list under that key. */
  readonly list: VerifiedList
  readonly verified: boolean
  /** A list under another key has been seen and not been accepted: nothing is sent to this user meanwhile. */
  readonly change?: { readonly list: VerifiedList; readonly endorsed: boolean; readonly seenAt: number }
  /** Keys that were pinned before this one, newest first. */
  readonly formerKeys?: readonly Uint8Array[]
  /** Ids of devices that were in a list and then were not: they never come back. Newest last. */
  readonly retired?: readonly string[]
}

/** Signature scheme and hash, as the MLS engine provides them (Ed25519, SHA-256). */
export interface Signatures {
  generateSignatureKeys(): Promise<{ readonly publicKey: Uint8Array; readonly privateKey: Uint8Array }>
  sign(privateKey: Uint8Array, bytes: Uint8Array): Promise<Uint8Array>
  verify(publicKey: Uint8Array, bytes: Uint8Array, signature: Uint8Array): Promise<boolean>
  sha256(bytes: Uint8Array): Uint8Array
}
