import { type ClientErrorCode, clientErrorMeanings } from './errors.ts'

const actions = {
  link_required: 'Open with `link` and confirm the code on a device that is linked, or with `reset: true` when none is left.',
  link_refused: 'Begin linking again on the new device.',
  no_such_user: 'Try again once the user has opened the application.',
  not_a_member: 'Ask a member to add you.',
  not_permitted: 'Ask the owner or an admin.',
  identity_changed:
    'Compare safety numbers, then call `accept()` of the `identityChanged` event or `verify()` of the safety number.',
  not_verified: 'Compare once more, both on their own screens. If it differs again, somebody is in between.',
  invalid_content: 'Correct what the detail names.',
  content_too_large: 'Send less at once; keep a large file elsewhere, encrypted, and send its address and key.',
  offline: 'Try again when `state` is `online`. Messages wait in the outbox by themselves.',
  closed: 'Open a new one.',
  storage_in_use: 'Use the instance that is open, close it, or give each its own storage.',
  storage_unreadable: 'Use the right key. If it is lost, begin with new storage: the device links anew and history stays behind.',
  storage_newer: 'Update the application.',
  storage_full: 'Free space; the same messages will come again.',
  storage_closed: 'Open it again.',
  code_unavailable:
    'Try again with a network. If the detail says so, or the application was deployed anew and its earlier files are gone, load the page again.',
  invalid_option: 'Correct what the detail names.',
} as const satisfies Record<ClientErrorCode, string>

/**
 * Refusals of the SDK itself (docs/sdk-errors.md); those of the server keep their own codes (docs/errors.md). No part of a
 * page that does not use it.
 *
 * @example console.log(clientErrorTable.link_required.action)
 */
export const clientErrorTable = Object.fromEntries(
  Object.entries(clientErrorMeanings).map(([code, meaning]) => [code, { meaning, action: actions[code as ClientErrorCode] }]),
) as Readonly<Record<ClientErrorCode, { readonly meaning: string; readonly action: string }>>
