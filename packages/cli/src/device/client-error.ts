import { clientErrorTable, type SottoClientError } from '@sotto/client'
import { errorTable } from '@sotto/protocol'

/** Where an error came up, for the advice that goes with it. */
export interface ErrorPlace {
  readonly userId: string
  readonly url: string
  readonly directory: string
}

type Advice = (place: ErrorPlace) => string

/** What to do about an error of the SDK here, where its table speaks to programmers. */
const advice: Readonly<Record<string, Advice>> = {
  link_required: ({ userId }) =>
    `${userId} has another device: let it confirm this one with --link (it shows a code), or begin anew with --reset if no other device is left`,
  link_refused: () => 'begin again with --link on the new device, and confirm its code before ten minutes are over',
  no_such_user: () => 'try again once they have opened Sotto, and look at how the name is written',
  not_a_member: () => 'ask a member to add you',
  not_permitted: () => 'ask the owner or an admin',
  identity_changed: () => 'compare numbers (sotto verify USER), or accept it in sotto chat with /accept',
  not_verified: () => 'compare once more, each from the own screen; if it differs again, somebody is in between',
  invalid_content: () => 'correct that',
  owner_must_transfer: () => 'make another member the owner first: /role USER owner',
  offline: ({ url }) => `look whether ${url} can be reached, then try again`,
  closed: () => 'start it again',
  storage_in_use: ({ directory }) =>
    `another sotto is running on ${directory}: do it there, end it first, or give this one a directory of its own with --data DIR, as a further device (--link)`,
  storage_unreadable: ({ directory }) =>
    `use the key or --passphrase-file that ${directory} was made with; without it, begin with another --data DIR and --link`,
  storage_newer: () => 'update sotto',
  storage_full: () => 'free space on the disk',
  invalid_option: () => 'correct that',
  device_revoked: ({ directory }) => `this device was taken out for good: delete ${directory}, and link it anew with --link`,
  unauthenticated: () => 'give a valid token (SOTTO_TOKEN or --token-command)',
  not_found: () => 'sotto devices lists what there is',
}

/** Advice that says everything by itself. */
const complete = new Set(['link_required', 'storage_in_use', 'device_revoked'])

/** One line: what is wrong, and what to do. */
export function clientErrorInWords({ code, message, cause }: SottoClientError, place: ErrorPlace): string {
  const known = Object.hasOwn(advice, code) ? advice[code] : undefined
  if (known !== undefined && complete.has(code)) return known(place)
  const because = cause instanceof Error && cause.name === 'Refusal' ? cause.message : withoutStop(message)
  return `${because}: ${known?.(place) ?? lowered(actionOf(code))}`.replace(/\s*\n\s*/g, ' ')
}

function actionOf(code: SottoClientError['code']): string {
  if (code in clientErrorTable) return clientErrorTable[code as keyof typeof clientErrorTable].action
  return errorTable[code as keyof typeof errorTable].action
}

/** Why a message was not sent, in words. */
export function failureInWords(code: string | undefined): string {
  const tables: Readonly<Record<string, { readonly meaning: string }>> = { ...errorTable, ...clientErrorTable }
  const known = code !== undefined && Object.hasOwn(tables, code) ? tables[code] : undefined
  return known === undefined ? (code ?? 'unknown') : lowered(withoutStop(known.meaning))
}

function lowered(sentence: string): string {
  return withoutStop(sentence.charAt(0).toLowerCase() + sentence.slice(1))
}

function withoutStop(sentence: string): string {
  return sentence.replace(/\.$/, '')
}
