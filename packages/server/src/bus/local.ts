import type { Bus, BusEvent } from './bus.ts'

/** The bus of a single process: a list of listeners. */
export function localBus(): Bus {
  const listeners = new Set<(event: BusEvent) => void>()
  return {
    publish(event) {
      for (const listener of listeners) listener(event)
    },
    subscribe(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    ping: async () => {},
    close: async () => listeners.clear(),
  }
}
