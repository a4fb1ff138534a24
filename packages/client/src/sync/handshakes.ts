import { Changes } from './changes.ts'
import { adding, freshening, givingRole, removing, removingDevice, tidying } from './intents.ts'
import { receiveCommit, usersOfCommit } from './receive-commit.ts'
import { receiveWelcome, usersOfWelcome } from './receive-welcome.ts'

/**
 * What changes and enters groups. Loaded when it is first needed, with what the engine needs for it: a device that only
 * exchanges messages opens without it.
 */
export const handshakes = {
  Changes,
  intents: { adding, freshening, givingRole, removing, removingDevice, tidying },
  receiveCommit,
  receiveWelcome,
  usersOfCommit,
  usersOfWelcome,
}
