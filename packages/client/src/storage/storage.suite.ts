import { describe, test } from 'vitest'
import { storageCases } from './storage-cases.suite.ts'
import type { StorageUnderTest } from './storage-under-test.suite.ts'

/**
 * The conformance suite of every storage. `make` gives each case storage of its own. `sealed`: whether it seals values.
 */
export function describeStorage(name: string, make: () => StorageUnderTest, { sealed }: { readonly sealed: boolean }): void {
  describe(name, () => {
    const cases = storageCases.filter((one) => sealed || !one.sealed)
    test.each(cases.map((one) => [one.name, one] as const))('%s', (_, one) => one.run(make()))
  })
}
