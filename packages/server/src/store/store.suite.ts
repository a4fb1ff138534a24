import { describe } from 'vitest'
import { accountTests } from './suite/accounts.suite.ts'
import { appendTests } from './suite/appends.suite.ts'
import { cursorTests } from './suite/cursors.suite.ts'
import { deviceTests } from './suite/devices.suite.ts'
import { expiryTests } from './suite/expiry.suite.ts'
import { groupTests } from './suite/groups.suite.ts'
import { idempotencyTests } from './suite/idempotency.suite.ts'
import { identityTests } from './suite/identity.suite.ts'
import { keyPackageTests } from './suite/key-packages.suite.ts'
import { keyTests } from './suite/keys.suite.ts'
import { limitTests } from './suite/limits.suite.ts'
import { mlsDepartureTests } from './suite/mls-departures.suite.ts'
import { mlsGroupTests } from './suite/mls-groups.suite.ts'
import { readTests } from './suite/reads.suite.ts'
import { ticketTests } from './suite/tickets.suite.ts'
import { type NewWorld, type OpenStore, type Pause, World } from './suite/world.suite.ts'

/**
 * The conformance suite of `Store`: what its contract and the wire promise, on a real engine. Each test runs several
 * times, with something else between what it does and what it looks at: what is under way, what was swept, and what
 * was found again after a restart must look the same.
 */
export function storeSuite(name: string, open: OpenStore): void {
  for (const { about, tests, pauses } of parts) {
    for (const pause of pauses) {
      describe(`${name}: ${about}, with ${pause} in between`, { timeout: 30_000 }, () => {
        tests((limits = {}) => new World(open, pause, limits).start())
      })
    }
  }
}

interface Part {
  readonly about: string
  readonly tests: (open: NewWorld) => void
  readonly pauses: readonly Pause[]
}

/** Opening a store is what takes time: each part has the pauses that can make a difference to it. */
const parts: readonly Part[] = [
  { about: 'appends', tests: appendTests, pauses: ['nothing', 'reopening', 'a sweep and reopening'] },
  { about: 'reads', tests: readTests, pauses: ['nothing', 'a sweep', 'reopening', 'a sweep and reopening'] },
  { about: 'idempotency', tests: idempotencyTests, pauses: ['nothing', 'a sweep', 'reopening', 'a sweep and reopening'] },
  { about: 'cursors', tests: cursorTests, pauses: ['nothing', 'a sweep', 'reopening', 'a sweep and reopening'] },
  { about: 'limits', tests: limitTests, pauses: ['nothing', 'a sweep', 'reopening', 'a sweep and reopening'] },
  { about: 'expiry', tests: expiryTests, pauses: ['nothing', 'reopening'] },
  { about: 'groups', tests: groupTests, pauses: ['nothing', 'reopening', 'a sweep and reopening'] },
  { about: 'MLS groups', tests: mlsGroupTests, pauses: ['nothing', 'reopening', 'a sweep and reopening'] },
  { about: 'departures', tests: mlsDepartureTests, pauses: ['nothing', 'a sweep', 'reopening'] },
  { about: 'devices', tests: deviceTests, pauses: ['nothing', 'reopening'] },
  { about: 'keys', tests: keyTests, pauses: ['reopening'] },
  { about: 'key packages', tests: keyPackageTests, pauses: ['nothing', 'a sweep and reopening'] },
  { about: 'device lists', tests: identityTests, pauses: ['nothing', 'reopening'] },
  { about: 'tickets', tests: ticketTests, pauses: ['reopening'] },
  { about: 'accounts', tests: accountTests, pauses: ['nothing', 'reopening'] },
]
