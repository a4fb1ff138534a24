import type { HistoryEvent } from './history.ts'

/** What a run was, and what it found. */
export interface RunReport {
  readonly wallMs: number
  /** Events of the history by kind. */
  readonly counts: Readonly<Record<string, number>>
  /** What must not have been; empty when all is well. */
  readonly problems: readonly string[]
}

export function countsOf(events: readonly HistoryEvent[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const event of events) counts[kindOf(event)] = (counts[kindOf(event)] ?? 0) + 1
  return counts
}

function kindOf(event: HistoryEvent): string {
  if ('op' in event) return `${event.op} ${event.event}`
  return event.event === 'deliver' ? `deliver ${event.type}` : event.event
}
