/**
 * What changes and enters groups. Loaded when it is first needed, with what the engine needs for it: a device that only
 * exchanges messages opens without it.
 */
export { Changes } from './changes.ts'
export * as intents from './intents.ts'
export { receiveCommit, usersOfCommit } from './receive-commit.ts'
export { receiveWelcome, usersOfWelcome } from './receive-welcome.ts'
