import type { Clock } from '../clock.ts'
import type { SottoOptions } from '../options.ts'
import type { CoreApi } from '../sync/core-api.ts'
import { openDevice } from '../sync/open-device.ts'

/** The writer of this storage: in this page or process. */
export async function openCore(options: SottoOptions, clock: Clock): Promise<CoreApi> {
  const storage = await options.storage.open()
  try {
    return await openDevice(options, clock, storage)
  } catch (error) {
    await storage.close()
    throw error
  }
}
