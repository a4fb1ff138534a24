/**
 * Every bound in one place (docs/limits.md). `LIMIT_` + the name in the environment overrides each.
 * Units stand in the meaning; all are positive integers.
 */

const KiB = 1024
const MiB = 1024 * KiB

export const limitTable = {
  CIPHERTEXT_BYTES: [131_072, 'bytes of one ciphertext (UTF-8)'],
  FRAME_BYTES: [196_608, 'bytes of one socket frame'],
  BODY_BYTES: [1 * MiB, 'bytes of one HTTP body'],
  COMMIT_BYTES: [8 * MiB, 'bytes of one commit bundle'],
  GROUP_MEMBERS: [1_000, 'members of one group'],
  USER_DEVICES: [10, 'devices of one user'],
  USER_GROUPS: [1_000, 'groups of one user'],
  USER_SOCKETS: [20, 'open sockets of one user'],
  SOCKETS: [20_000, 'open sockets of one process'],
  MAILBOX_ENTRIES: [
    10_000,
    'entries that a device may hold back in one mailbox, or that may wait where no device holds any back',
  ],
  MAILBOX_BYTES: [64 * MiB, 'bytes that a device may hold back in one mailbox'],
  PAIR_ENTRIES: [2_000, 'undelivered messages from one user to another'],
  PAIR_BYTES: [32 * MiB, 'undelivered bytes from one user to another'],
  WINDOW_ENTRIES: [256, 'unacknowledged entries of one session'],
  WINDOW_BYTES: [1 * MiB, 'unacknowledged bytes of one session'],
  PREKEYS: [500, 'one-time prekeys held for a device'],
  KEY_PACKAGES: [200, 'key packages held for a device'],
  KEYS_LOW: [20, 'one-time keys of a kind below which a device is asked for more'],
  SENDS_BURST: [60, 'messages that a device may send at once'],
  SENDS_PER_SECOND: [30, 'messages a second that a device may send'],
  CLAIMS_PAIR_BURST: [6, 'keys of one device that one user may claim at once'],
  CLAIMS_PAIR_PER_HOUR: [6, 'keys of one device that one user may claim an hour'],
  CLAIMS_TARGET_BURST: [100, 'keys of one device that all together may claim at once'],
  CLAIMS_TARGET_PER_SECOND: [1, 'keys a second of one device that all together may claim'],
  REQUESTS_BURST: [200, 'HTTP requests that a user may make at once'],
  REQUESTS_PER_SECOND: [50, 'HTTP requests a second that a user may make'],
  HELLO_MS: [5_000, 'milliseconds until a socket must have authenticated'],
  HELLO_BYTES: [8_192, 'bytes of one frame before authentication'],
  SIGNAL_BYTES: [4_096, 'bytes of the ciphertext of one signal'],
  SIGNALS_PER_SECOND: [10, 'signals a second that a device may send'],
  ADDS_PAIR_PER_DAY: [50, 'groups a day that one user may add another to'],
} as const satisfies Record<string, readonly [number, string]>

export type LimitName = keyof typeof limitTable
export type Limits = { readonly [name in LimitName]: number }

export const limitNames = Object.keys(limitTable) as LimitName[]

export const defaultLimits: Limits = Object.freeze(
  Object.fromEntries(limitNames.map((name) => [name, limitTable[name][0]])),
) as Limits

/** Bounds that are part of the wire itself and cannot be configured. */
export const wire = {
  /** Characters of a message id. */
  messageIdLength: 64,
  userIdLength: 128,
  deviceIdLength: 64,
  groupIdLength: 64,
  groupNameLength: 256,
  deviceNameLength: 128,
  contentTypeLength: 255,
  publicKeyLengthMin: 16,
  publicKeyLength: 4_096,
  keyIdLength: 64,
  preKeysPerRequest: 200,
  keyPackagesPerRequest: 100,
  /** Base64 characters of one key package (X-Wing: about 4,000). */
  keyPackageLength: 16_384,
  goodbyeLength: 1_024,
  /** Users whose key packages one request may claim. */
  claimsPerRequest: 100,
  /** Characters of a signed device list. */
  deviceListLength: 65_536,
  /** Devices that one list of a commit bundle may name. */
  groupDevices: 10_000,
  acksPerRequest: 1_000,
  messagesPerPage: 500,
  groupsPerPage: 100,
  longPollMs: 30_000,
  ticketMs: 30_000,
  devTokenMs: 24 * 3_600_000,
  pingMs: 25_000,
} as const
