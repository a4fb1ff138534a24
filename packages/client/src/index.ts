export type { Clock } from './clock.ts'
export type { Custom } from './content/content.ts'
export { Conversation } from './conversation.ts'
export { clientErrorTable } from './error-table.ts'
export { type ClientErrorCode, SottoClientError } from './errors.ts'
export type * from './events.ts'
export type { Role } from './membership/membership.ts'
export { Message, type MessageContent } from './message.ts'
export type { SottoOptions } from './options.ts'
export { SafetyNumber } from './safety-number.ts'
export { Sotto } from './sotto.ts'
export { indexedDbStorage } from './storage/indexeddb.ts'
export { memoryStorage } from './storage/memory.ts'
export type { ClientStorage } from './storage/storage.ts'
export {
  type ConversationSnapshot,
  type DeviceSnapshot,
  type Incident,
  type IncidentKind,
  incidentKinds,
  type MemberSnapshot,
  type MessageSnapshot,
  type MessageStatus,
} from './sync/core-api.ts'
export type { LinkOptions } from './sync/kept-device.ts'
