import type { Facts } from './facts.ts'
import { positionKey } from './facts.ts'

/**
 * WIRE gives acknowledgements a second to reach the disk. A busy machine is given more, so that the verdict does not
 * depend on it.
 */
const ackPersistedMs = 5_000

interface Acked {
  readonly seq: number
  readonly at: number
}

interface Cursor {
  /** Survives a crash. */
  persisted: number
  /** Acknowledged in this life of the server. */
  recent: Acked[]
}

/**
 * A cursor never moves back: what the server has taken as acknowledged is not sent in a later session, unless a crash
 * has cost the last acknowledgements before it.
 */
export function* cursorForward(facts: Facts): Iterable<string> {
  const cursors = new Map<string, Cursor>()
  /** Lives of the server, and in which of them each session began. */
  let life = 0
  const sessions = new Map<string, { readonly life: number; readonly floors: ReadonlyMap<string, number> }>()

  for (const event of facts.events) {
    if (event.event === 'crash' || event.event === 'stop') {
      life++
      for (const cursor of cursors.values()) {
        const kept = event.event === 'stop' ? cursor.recent : cursor.recent.filter((ack) => ack.at <= event.at - ackPersistedMs)
        cursor.persisted = kept.reduce((most, ack) => Math.max(most, ack.seq), cursor.persisted)
        cursor.recent = []
      }
    } else if (event.event === 'connect') {
      const floors = new Map<string, number>()
      for (const [key, cursor] of cursors) {
        if (!key.startsWith(`${event.device} `)) continue
        floors.set(
          key,
          cursor.recent.reduce((most, ack) => Math.max(most, ack.seq), cursor.persisted),
        )
      }
      sessions.set(event.session, { life, floors })
    } else if (event.event === 'ok' && event.op === 'ack') {
      // An answer that was read only after the crash speaks of the life before it.
      if (sessions.get(event.session)?.life !== life) continue
      const key = `${event.device} ${event.mailbox}`
      const cursor = cursors.get(key) ?? { persisted: 0, recent: [] }
      cursors.set(key, cursor)
      cursor.recent.push({ seq: event.seq, at: event.at })
    } else if (event.event === 'deliver') {
      const floor = sessions.get(event.session)?.floors.get(`${event.device} ${event.mailbox}`) ?? 0
      if (event.seq <= floor) yield `${event.device} got ${positionKey(event.mailbox, event.seq)} again, acknowledged to ${floor}`
    }
  }
}
