import { lockCases } from './storage-lock-cases.suite.ts'
import { sealCases } from './storage-seal-cases.suite.ts'
import type { StorageCase } from './storage-under-test.suite.ts'
import { valueCases } from './storage-value-cases.suite.ts'

/** The conformance suite of storage, without a test runner. */
export const storageCases: readonly StorageCase[] = [...valueCases, ...lockCases, ...sealCases]
