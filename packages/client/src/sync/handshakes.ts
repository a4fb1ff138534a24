import { Changes } from './changes.ts'
import { adding, freshening, givingRole, removing, removingDevice, tidying } from './intents.ts'
import { KeyPackages } from './key-packages.ts'
import { wonCommit } from './own-commits.ts'
import type { Parts } from './parts.ts'
import { noteDeparted, receiveChange } from './receive-changes.ts'
import { receiveCommit, usersOfCommit } from './receive-commit.ts'
import { receiveWelcome, usersOfWelcome } from './receive-welcome.ts'
import { Tidiness } from './tidiness.ts'

export type Handshakes = ReturnType<typeof handshakesOf>

/**
 * What changes and enters groups. Loaded when it is first needed, with what the engine needs for it: a device that only
 * exchanges messages opens without it.
 */
export function handshakesOf(parts: Parts) {
  const changes = new Changes(parts)
  return {
    changes,
    intents: { adding, freshening, givingRole, removing, removingDevice, tidying },
    keyPackages: new KeyPackages(parts),
    noteDeparted,
    receiveChange,
    receiveCommit,
    receiveWelcome,
    tidiness: new Tidiness(parts, changes),
    usersOfCommit,
    usersOfWelcome,
    wonCommit,
  }
}
