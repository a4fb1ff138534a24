/** What of the engine changes or enters groups: loaded when it is first needed, with HPKE. */
export { createGroup } from './create-group.ts'
export { joinExternal } from './external-join.ts'
export { makeHpke } from './hpke.ts'
export { join } from './join.ts'
export { createKeyPackage, readKeyPackage } from './key-packages.ts'
export { commitAsMember } from './member-commit.ts'
export { receiveCommit } from './received-commit.ts'
