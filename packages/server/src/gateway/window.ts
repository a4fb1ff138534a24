import type { Limits } from '@sotto/protocol'

/** What a session, and each of its mailboxes, has unacknowledged. */
export interface Load {
  entries: number
  bytes: number
}

/** The share of the window that only the device mailbox may use: an eighth. */
const reservedShare = 8

/**
 * How many entries and bytes may still be sent from a mailbox (docs/socket.md): at most half of the window for one
 * mailbox, some of it kept for the device mailbox, and always at least one entry.
 */
export function room(limits: Limits, isDevice: boolean, session: Load, mailbox: Load): Load {
  if (session.entries === 0)
    return { entries: Math.max(1, half(limits.WINDOW_ENTRIES)), bytes: Math.max(1, half(limits.WINDOW_BYTES)) }
  return {
    entries: Math.min(half(limits.WINDOW_ENTRIES) - mailbox.entries, usable(limits.WINDOW_ENTRIES, isDevice) - session.entries),
    bytes: Math.min(half(limits.WINDOW_BYTES) - mailbox.bytes, usable(limits.WINDOW_BYTES, isDevice) - session.bytes),
  }
}

/** Whether an entry needs a session with nothing unacknowledged: it has no place beside others. */
export function isLarge(limits: Limits, bytes: number): boolean {
  return bytes > half(limits.WINDOW_BYTES)
}

function half(window: number): number {
  return Math.floor(window / 2)
}

function usable(window: number, isDevice: boolean): number {
  return isDevice ? window : window - Math.floor(window / reservedShare)
}
