import { readFileSync } from 'node:fs'
import type { HandingStep } from '../handing.ts'

/** What the application of the client that is killed has seen: a line counts once it is in the file. */
export type JournalLine =
  /** The device is open, for the so-many-th time. */
  | { readonly event: 'opened'; readonly opening: number }
  | { readonly event: 'calling'; readonly group: string; readonly text: string }
  | { readonly event: 'sent'; readonly group: string; readonly text: string; readonly id: string }
  | HandingStep
  | { readonly event: 'incident'; readonly kind: string; readonly detail: string }

/** A message as a device shows it in the end. */
export interface KeptMessage {
  readonly group: string
  readonly id: string
  readonly from: string
  readonly own: boolean
  readonly text: string | undefined
  readonly status: string | undefined
  readonly unreadable: string | undefined
  /** Of what is in the log: its number there. */
  readonly seq: number | undefined
}

export function readJournal(file: string): JournalLine[] {
  const lines = readFileSync(file, 'utf8').split('\n')
  if (lines.pop() !== '') throw new Error(`${file} ends within a line`)
  return lines.map((line) => JSON.parse(line) as JournalLine)
}
