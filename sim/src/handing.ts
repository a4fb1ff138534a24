/** A handler of an application was called with a message, or is about to resolve. */
export interface HandingStep {
  /** Rises each time that the device is opened. */
  readonly opening: number
  readonly id: string
  readonly event: 'handed' | 'handled'
}

/** Messages that may have been handled and not noted as such on disk when a device is closed or killed. */
const unnotedMax = 40

/**
 * What is wrong with the calls of one device's handler, in their order. A message is handed over until a call has resolved,
 * and never after that, with one exception: the last ones that were handled before an opening ended may not have been noted.
 * They are noted in the order in which they were handled, so that all behind one that comes again come again.
 */
export function* wronglyHanded(steps: readonly HandingStep[]): Iterable<string> {
  const handledIn = new Map<string, number>()
  const handledOf = new Map<number, string[]>()
  const again = new Map<number, Set<string>>()
  for (const { opening, id, event } of steps) {
    if (event === 'handled') {
      handledIn.set(id, opening)
      handledOf.set(opening, [...(handledOf.get(opening) ?? []), id])
      continue
    }
    const before = handledIn.get(id)
    if (before === opening) yield `${id} was handed over again in the opening in which it was handled`
    if (before !== undefined && before < opening) again.set(before, (again.get(before) ?? new Set()).add(id))
  }
  for (const [opening, repeated] of again) {
    const handled = handledOf.get(opening)!
    const first = handled.findIndex((id) => repeated.has(id))
    const noted = handled.slice(first).filter((id) => !repeated.has(id))
    if (noted.length > 0) yield `${handled[first]} was handed over again, and ${noted[0]}, handled after it, was not`
    if (handled.length - first > unnotedMax)
      yield `${handled[first]} was handed over again, ${handled.length - first} others after it`
  }
}
