import { type ErrorCode, type Refusal, refusals } from './errors.ts'

/**
 * The one error table: every refusal, what it means and what to do about it.
 * The table is the manual: docs/errors.md and the OpenAPI document are made from it.
 */

interface Explanation {
  readonly meaning: string
  /** What the caller should do about it. */
  readonly action: string
}

export interface ErrorMeaning extends Refusal, Explanation {}

const explanations = {
  bad_request: {
    meaning: 'The body, a parameter or a frame member is missing, of the wrong shape, or unknown.',
    action: 'Correct what `detail` names; sending the same again gives the same answer.',
  },
  bad_frame: {
    meaning: 'A socket frame is not a JSON object in UTF-8 text, or its `type` is unknown.',
    action: 'Send one JSON object with a known `type` in each text frame. Three in a row close the socket.',
  },
  unauthenticated: {
    meaning: 'No token, ticket or hello came in time, or its signature, algorithm, issuer, audience or claims are not accepted.',
    action: 'Get a new token from the login and present it.',
  },
  token_expired: {
    meaning: '`exp` of the token lies in the past. Open sockets are closed at that time too.',
    action: 'Get a new token; on an open socket send it in a `hello` before the old one expires.',
  },
  forbidden: {
    meaning: 'The caller is known, but its role, device or origin does not permit this.',
    action: 'Ask somebody with the role for it, or use the device that the token names.',
  },
  dev_tokens_disabled: {
    meaning: 'Tokens are minted only with DEV_TOKENS=true for callers on the same machine, or with DEV_TOKENS=anyone.',
    action: 'Use a token of the real login; for local work start with `npm run dev`.',
  },
  device_revoked: {
    meaning: 'The user removed this device, whose id stays dead, or erased the account.',
    action: 'Forget the local state and register under a new device id.',
  },
  not_member: {
    meaning: 'The group does not exist, or the caller is not in it: the answer is the same.',
    action: 'Ask a member to add you, or correct the group id.',
  },
  not_found: {
    meaning: 'There is no such route, or no such thing that the caller may know of.',
    action: 'Correct the address or the id.',
  },
  no_prekeys: {
    meaning: 'The user has published neither a one-time prekey nor a signed prekey.',
    action: 'Try again once the user has opened the application.',
  },
  id_conflict: {
    meaning: 'This device has sent another message with the same `id`; `mailbox` and `seq` name the first.',
    action: 'Use a fresh id for each message; resend only what is equal.',
  },
  key_conflict: {
    meaning:
      'A prekey with this `keyId` and another public key was uploaded before, or this key package was handed out or uploaded for the other use.',
    action: 'Use a fresh key id for each prekey, and a fresh key package for each upload.',
  },
  stale_epoch: {
    meaning: 'Another commit was accepted for this epoch; `epoch` and `seq` say where the group stands.',
    action: 'Read on from `seq`, apply the winning commit, then build the change anew.',
  },
  stale_version: {
    meaning: 'The device list was changed by another device; the current one is in the answer.',
    action: 'Merge with the current list and put the next version.',
  },
  group_exists: {
    meaning: 'Another creation of the same group was accepted first; `groupId`, `epoch` and `seq` say where it stands.',
    action: 'Join the existing group.',
  },
  removal_pending: {
    meaning: 'Somebody has left, and no commit has removed them yet; `departed` lists whom.',
    action: 'Commit the removal, then send again.',
  },
  use_commit: {
    meaning: 'The group speaks MLS: the membership endpoints do not apply.',
    action: 'Post a commit to /groups/:groupId/commits.',
  },
  owner_must_transfer: {
    meaning: 'A group always has an owner.',
    action: 'Make another member owner first, or delete the group.',
  },
  limit_reached: {
    meaning: 'The limit that `limit` names (devices, groups, members, keys, …) is used up.',
    action: 'Remove what is no longer needed, or ask the operator to raise the limit.',
  },
  too_large: {
    meaning: 'A body, frame or ciphertext exceeds the limit that `limit` names.',
    action: 'Send less at once; keep a large file elsewhere, encrypted, and send its address and key.',
  },
  rate_limited: {
    meaning: 'The caller exceeds the rate that `limit` names.',
    action: 'Wait `retryAfterMs` (`Retry-After` over HTTP), then send the same again.',
  },
  internal: {
    meaning: 'The outcome is unknown: the request may or may not have taken effect.',
    action: 'Send the same id again; if it persists, look into the server log.',
  },
  overloaded: {
    meaning: 'The store is full, unreachable or behind, or the server is stopping. The outcome is unknown.',
    action: 'Send the same id again after `retryAfterMs`.',
  },
  mailbox_full: {
    meaning: 'The messages of this sender that the recipient has not received yet exceed the limit.',
    action: 'Try again once the recipient has been online.',
  },
} as const satisfies Record<ErrorCode, Explanation>

export const errorTable = Object.fromEntries(
  Object.entries<Refusal>(refusals).map(([code, refusal]) => [code, { ...refusal, ...explanations[code as ErrorCode] }]),
) as unknown as { readonly [code in ErrorCode]: (typeof refusals)[code] & (typeof explanations)[code] }
