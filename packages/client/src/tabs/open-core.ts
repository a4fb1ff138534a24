import type { Clock } from '../clock.ts'
import type { SottoOptions } from '../options.ts'
import type { CoreApi } from '../sync/core-api.ts'
import { openDevice } from '../sync/open-device.ts'
import { TabCore } from './tab-core.ts'
import { browserPorts, type TabPorts } from './web.ts'

/** The writer of this storage, in this process or page; of a storage that tabs share, a way to it wherever it is. */
export async function openCore(options: SottoOptions, clock: Clock, ports: TabPorts = browserPorts): Promise<CoreApi> {
  const { name, sharing } = options.storage
  if (sharing === 'tabs' && ports.channel !== undefined)
    return await TabCore.open(options, clock, ports.channel(`sotto ${name}`), ports)
  const storage = await options.storage.open()
  try {
    return await openDevice(options, clock, storage)
  } catch (error) {
    await storage.close()
    throw error
  }
}
