import type { Window } from '../store/store.ts'

/** What to do at a position: read on, say that some entries are not for this reader, or stop for good. */
export type Step =
  | { readonly do: 'read'; readonly to: number }
  | { readonly do: 'skip'; readonly to: number }
  | { readonly do: 'end' }

/** The next step of a reader that has passed `position` (docs/design.md: windows). */
export function nextStep(windows: readonly Window[], position: number): Step {
  for (const { from, to } of windows) {
    if (position >= to) continue
    return position < from ? { do: 'skip', to: from } : { do: 'read', to }
  }
  return { do: 'end' }
}

/**
 * The windows of a reader who was removed at `seq`: nothing after it is read until a later joining, which may be known
 * before the log has been read that far.
 */
export function closedAt(windows: readonly Window[], seq: number): Window[] {
  return windows.map(({ from, to }) => ({ from, to: from < seq ? Math.min(to, seq) : to }))
}
