/** Chance that can be repeated: the same seed gives the same numbers. */
export interface Seeded {
  /** A whole number from 0 to below `bound`. */
  below(bound: number): number
  /** True with this probability. */
  chance(probability: number): boolean
  /** One of `items`, which must not be empty. */
  pick<item>(items: readonly item[]): item
}

/** A multiply-and-shift mixer over a counter: good enough to choose, useless for secrets. */
export function seeded(seed: number): Seeded {
  let counter = Math.imul(seed ^ 0x5bd1e995, 0x27d4eb2f)

  function next(): number {
    counter = (counter + 0x61c88647) | 0
    let mixed = Math.imul(counter ^ (counter >>> 15), 0x2c1b3c6d)
    mixed = Math.imul(mixed ^ (mixed >>> 12), 0x297a2d39)
    return ((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 32
  }

  return {
    below: (bound) => Math.floor(next() * bound),
    chance: (probability) => next() < probability,
    pick(items) {
      if (items.length === 0) throw new Error('nothing to pick from')
      return items[Math.floor(next() * items.length)]!
    },
  }
}
