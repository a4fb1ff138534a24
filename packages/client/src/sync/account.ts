import { readLinkCode } from '../identity/link-code.ts'
import { finishRevocations, followOwnList, linkDevice, listDevices, revokeDevice } from './own-device.ts'
import { readyDevice } from './ready-device.ts'
import { provenKey, shownNumber } from './safety-numbers.ts'

/** What is seldom done with a user's devices and identities: loaded when it is. */
export const account = {
  finishRevocations,
  followOwnList,
  linkDevice,
  listDevices,
  provenKey,
  readLinkCode,
  readyDevice,
  revokeDevice,
  shownNumber,
}
