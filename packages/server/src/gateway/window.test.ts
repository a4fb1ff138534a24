import { defaultLimits, type Limits } from '@sotto/protocol'
import { describe, expect, test } from 'vitest'
import { type Load, room } from './window.ts'

const nothing: Load = { entries: 0, bytes: 0 }

function limitsOf(entries: number, bytes: number): Limits {
  return { ...defaultLimits, WINDOW_ENTRIES: entries, WINDOW_BYTES: bytes }
}

/** How much of one kind several mailboxes may have unacknowledged, each filled in its turn. */
function filled(limits: Limits, mailboxes: readonly ('device' | 'other')[]): number[] {
  const session = { entries: 0, bytes: 0 }
  return mailboxes.map((kind) => {
    const mailbox = { entries: 0, bytes: 0 }
    while (room(limits, kind === 'device', session, mailbox).entries > 0) {
      mailbox.entries++
      session.entries++
    }
    return mailbox.entries
  })
}

describe('room', () => {
  test('is half of the window for one mailbox', () => {
    expect(room(limitsOf(256, 1_000), false, nothing, nothing)).toEqual({ entries: 128, bytes: 500 })
    expect(room(limitsOf(256, 1_000), true, nothing, nothing)).toEqual({ entries: 128, bytes: 500 })
  })

  test('shrinks with what the mailbox has unacknowledged', () => {
    const load = { entries: 100, bytes: 450 }
    expect(room(limitsOf(256, 1_000), false, load, load)).toEqual({ entries: 28, bytes: 50 })
  })

  test('is what the session has left where that is less', () => {
    const session = { entries: 220, bytes: 870 }
    expect(room(limitsOf(256, 1_000), false, session, nothing)).toEqual({ entries: 4, bytes: 5 })
  })

  test('keeps an eighth of the window for the device mailbox', () => {
    const session = { entries: 224, bytes: 875 }
    expect(room(limitsOf(256, 1_000), false, session, nothing)).toEqual({ entries: 0, bytes: 0 })
    expect(room(limitsOf(256, 1_000), true, session, nothing)).toEqual({ entries: 32, bytes: 125 })
  })

  test('adds up to the window over all mailboxes, the last eighth for the device mailbox alone', () => {
    expect(filled(limitsOf(16, 1_000), ['other', 'other', 'other', 'device'])).toEqual([8, 6, 0, 2])
    expect(filled(limitsOf(16, 1_000), ['device', 'other', 'other', 'other'])).toEqual([8, 6, 0, 0])
  })

  test.each([1, 2, 3])('is at least one entry and one byte for a session that has nothing, with a window of %i', (window) => {
    const { entries, bytes } = room(limitsOf(window, window), false, nothing, nothing)
    expect(entries).toBeGreaterThanOrEqual(1)
    expect(bytes).toBeGreaterThanOrEqual(1)
    expect(entries).toBeLessThanOrEqual(window)
  })

  test('is none beside an entry that is larger than the whole window', () => {
    const load = { entries: 1, bytes: 5_000 }
    const left = room(limitsOf(256, 1_000), false, load, nothing)
    expect(left.bytes).toBeLessThan(0)
  })
})
