import { createGroup } from './create-group.ts'
import { joinExternal } from './external-join.ts'
import { makeHpke } from './hpke.ts'
import { join } from './join.ts'
import { createKeyPackage, readKeyPackage } from './key-packages.ts'
import { commitAsMember } from './member-commit.ts'
import { receiveCommit } from './received-commit.ts'
import { adopt } from './steps.ts'

/** What of the engine changes or enters groups: loaded when it is first needed, with HPKE. */
export const handshakes = {
  adopt,
  commitAsMember,
  createGroup,
  createKeyPackage,
  join,
  joinExternal,
  makeHpke,
  readKeyPackage,
  receiveCommit,
}
