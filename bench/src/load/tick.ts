/** Something that has output to write. */
export interface Gathered {
  /** Set and cleared by `onceATick`. */
  marked: boolean
  /** Writes everything that has gathered since the last time, in one write. */
  flush(): void
}

let waiting: Gathered[] = []

/** Has `thing.flush()` called once, after everything that has arrived in this turn of the event loop was handled. */
export function onceATick(thing: Gathered): void {
  if (thing.marked) return
  thing.marked = true
  if (waiting.length === 0) setImmediate(flushAll)
  waiting.push(thing)
}

function flushAll(): void {
  const things = waiting
  waiting = []
  for (const thing of things) {
    thing.marked = false
    thing.flush()
  }
}
