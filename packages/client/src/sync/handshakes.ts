import { Changes } from './changes.ts'
import { adding, freshening, givingRole, removing, removingDevice, tidying } from './intents.ts'
import { KeyPackages } from './key-packages.ts'
import { wonCommit } from './own-commits.ts'
import type { Parts } from './parts.ts'
import { noteDeparted, receiveChange } from './receive-changes.ts'
import { receiveCommit, usersOfCommit } from './receive-commit.ts'
import { receiveWelcome, usersOfWelcome } from './receive-welcome.ts'

export type Handshakes = ReturnType<typeof handshakesOf>

/**
 * What changes and enters groups. Loaded when it is first needed, with what the engine needs for it: a device that only
 * exchanges messages opens without it.
 */
export function handshakesOf(parts: Parts) {
  return {
    changes: new Changes(parts),
    intents: { adding, freshening, givingRole, removing, removingDevice, tidying },
    keyPackages: new KeyPackages(parts),
    noteDeparted,
    receiveChange,
    receiveCommit,
    receiveWelcome,
    usersOfCommit,
    usersOfWelcome,
    wonCommit,
  }
}
