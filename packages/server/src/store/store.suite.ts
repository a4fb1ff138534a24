import { describe } from 'vitest'
import { accountTests } from './suite/accounts.suite.ts'
import { appendTests } from './suite/appends.suite.ts'
import { cursorTests } from './suite/cursors.suite.ts'
import { deviceTests } from './suite/devices.suite.ts'
import { expiryTests } from './suite/expiry.suite.ts'
import { groupTests } from './suite/groups.suite.ts'
import { idempotencyTests } from './suite/idempotency.suite.ts'
import { keyTests } from './suite/keys.suite.ts'
import { limitTests } from './suite/limits.suite.ts'
import { readTests } from './suite/reads.suite.ts'
import { ticketTests } from './suite/tickets.suite.ts'
import { type NewWorld, type OpenStore, pauses, World } from './suite/world.suite.ts'

export type { OpenedStore, OpenStore } from './suite/world.suite.ts'

/**
 * The conformance suite of `Store`: what its contract and the wire promise, on a real engine. Each test runs several
 * times, with something else between what it does and what it looks at: nothing, a sweep, a restart, both.
 */
export function storeSuite(name: string, open: OpenStore): void {
  for (const pause of pauses) {
    describe(`${name}, with ${pause} in between`, { timeout: 30_000 }, () => {
      const world: NewWorld = (limits = {}) => new World(open, pause, limits).start()
      for (const tests of parts) tests(world)
    })
  }
}

const parts = [
  appendTests,
  readTests,
  idempotencyTests,
  cursorTests,
  limitTests,
  expiryTests,
  groupTests,
  deviceTests,
  keyTests,
  ticketTests,
  accountTests,
]
