import type { ClientStorage, OpenStorage } from './storage.ts'

/** What a case works on: storage of its own, empty, that nobody else has. */
export interface StorageUnderTest {
  /** Another handle on the same data. */
  storage(): ClientStorage
  /** What lies in it, past the seal, while it is closed. Undefined where nothing is sealed. */
  readonly raw: RawValues | undefined
}

export interface RawValues {
  read(collection: string, key: string): Promise<Uint8Array>
  replace(collection: string, key: string, value: Uint8Array): Promise<void>
}

/** What every storage must do. A case throws when it does not. */
export interface StorageCase {
  readonly name: string
  /** Whether the case is about seals. */
  readonly sealed?: true
  run(under: StorageUnderTest): Promise<void>
}

/** Opens, works, and closes again. */
export async function withOpen<T>({ storage }: StorageUnderTest, work: (open: OpenStorage) => Promise<T>): Promise<T> {
  const open = await storage().open()
  try {
    return await work(open)
  } finally {
    await open.close()
  }
}
