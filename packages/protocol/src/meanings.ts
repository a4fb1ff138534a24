import type { closeCodes } from './errors.ts'
import type { ClientFrameType, ServerFrameType } from './frames.ts'

/** What each frame says, in words: for the documents. A frame without words is a type error. */
export const clientFrameMeanings: Record<ClientFrameType, string> = {
  hello: 'The first frame when the handshake carried no token. Sent again later, it renews the token of an open socket.',
  msg: 'A message to a user or a group. Answered with `accepted` or `error`.',
  ack: 'Everything up to `seq` in the mailbox is stored by the device, readable or not. Cumulative; not answered.',
  signal: 'An ephemeral message (typing and the like) to those who are online now. Never stored, not answered.',
  ping: "Asks for the server's time. Answered with `pong`.",
}

export const serverFrameMeanings: Record<ServerFrameType, string> = {
  welcome: 'The first frame after authentication: who the socket is, and the limits that hold for it.',
  accepted: 'The message is on disk.',
  msg: "Entry. A message; the same bytes for every receiver. The sender's other devices get group messages too.",
  own: 'Entry, reliable only. Stands in the place of a message that this very device sent.',
  membership:
    "Entry. A change of a group's members or roles: in the group's mailbox, and in the mailbox of each user added or removed, where it names that user alone.",
  gone: 'Entry. The entries `from` to `to`, both inclusive, will not come. Acknowledge `to` like any other.',
  synced: 'Reliable only. The backlog of the moment of connecting has been sent; what follows is live.',
  signal: 'An ephemeral message.',
  keys_low: 'The device has few one-time keys left: upload more.',
  pong: 'Answers `ping`.',
  error: 'A refusal; with `id`, of the frame that carried this `id`. A fatal one is followed by a close.',
}

/** Close codes in words, and what the client should do. */
export const closeMeanings: Record<keyof typeof closeCodes, string> = {
  restarting: 'The server is restarting. Connect again after a random delay.',
  overloaded: 'The server cannot take it now. Connect again later, with growing delays.',
  badFrame: 'Frames could not be read. Correct the client; connecting again does not help.',
  unauthenticated: 'No valid token, or it has expired. Get a new token, then connect again.',
  deviceRevoked: 'The device was revoked. Forget the local state; do not connect again under this device id.',
  timeout: 'No `hello` or no native pong came in time. Connect again.',
  replaced: 'A newer reliable session of this device has begun. Do not connect again.',
  tooLarge: 'A frame was too large. Correct the client; send less at once.',
  tooMany: 'Too many sockets or too many frames. Connect again later, with growing delays.',
}

/** What a member means wherever it stands. */
const everywhere: Record<string, string> = {
  type: 'names the frame',
  userId: 'names a user',
  deviceId: 'names a device of the user',
  groupId: 'names a group',
  token: 'a token for `Authorization: Bearer`',
  expiresAt: 'when it ceases to be valid',
  ticket: "put it into `?ticket=` of the socket's address; single use",
  name: 'for people to read',
  identityKey: "the device's long-term public key",
  signedPreKey: 'a key that the identity key has signed; used when no one-time prekey is left',
  pqPreKey: 'a post-quantum prekey',
  oneTimePreKey: 'handed out to nobody else; null when none is left',
  keyId: "names the key in the client's protocol; never use it again for another key",
  publicKey: "the key, in the encoding of the client's protocol",
  signature: 'by the identity key, over the public key',
  keyPackages: 'how many key packages (MLS) are left',
  count: 'how many one-time prekeys the device now has',
  ok: 'it is done',
  createdAt: 'when it came to be',
  current: 'whether this is the calling device',
  lastSeenAt: 'when the device was last connected or made a request',
  protocol: '`opaque`: the server knows nothing of the encryption',
  ownerId: 'the user who owns the group',
  admins: 'users who may add and remove members',
  members: 'users in the group',
  role: 'owner, admin or member',
  next: 'pass it as `cursor` to read on; absent at the end',
  cursor: 'the `next` of the page before',
  limit: 'how many at most',
  mailbox: 'names the mailbox; opaque',
  seq: "the entry's number in its mailbox: 1, 2, 3…",
  receivedAt: "when it was appended, by the store's clock; never falls as `seq` rises",
  id: "the message's id, chosen by its sender",
  from: 'the sending user, from its token',
  fromDevice: 'the sending device',
  to: 'the user or the group that it is for',
  scope: '`direct`: `to` is a user; `group`: `to` is a group',
  ciphertext: 'opaque; stored and returned byte for byte',
  contentType: 'a media type, opaque to the server; `application/octet-stream` when left out',
  timestamp: "the sender's clock; the time of receipt when left out",
  expiresInMs: 'delete it after this time at the latest; as long as the retention when left out',
  duplicate: 'true: the message had been accepted before, this is the first answer again',
  serverTime: "the server's clock",
  messages: 'entries, each like the frame of its `type`',
}

/** What a member means in one place: a frame or a route. */
const inPlace: Record<string, Record<string, string>> = {
  'client hello': { token: 'the token, when the handshake carried none', device: 'names the device, when the token does not' },
  'client msg': {
    id: 'yours, fresh for each message; a resend with the same id is harmless. The server makes one when left out',
    device: 'direct only: for this device of the recipient alone',
  },
  'client ack': { seq: 'the last entry that is stored by the device' },
  'server accepted': { seq: 'where the message stands', receivedAt: "when it was accepted, by the store's clock" },
  'server welcome': { limits: 'limits by name', userId: 'who the token says you are', deviceId: 'the acting device' },
  'server membership': {
    by: 'the user who made the change',
    added: 'users added',
    removed: 'users removed, or who have left',
    roles: 'new roles by user',
  },
  'server gone': {
    from: 'the first `seq` that will not come',
    to: 'the last `seq` that will not come',
    reason:
      '`expired`: its time was up; `erased`: its sender erased the account; `limit`: the device fell too far behind; `notMember`: it lies outside your time in the group',
  },
  'server keys_low': { oneTimePreKeys: 'how many one-time prekeys are left' },
  'server error': {
    id: 'the `id` of the frame that is refused',
    code: 'one of the error table',
    message: 'for people to read; may change',
    retryAfterMs: 'wait this long before sending again',
  },
  'POST /auth/dev-token': { userId: 'the user to mint a token for', deviceId: 'bind the token to this device' },
  'POST /keys/prekeys': { oneTimePreKeys: 'one-time prekeys to add' },
  'GET /keys/prekeys/:userId': {
    userId: 'whose keys',
    device: 'a device, or `*` for all; left out: `default`, else the one that uploaded last',
    devices: 'with `device=*`: the keys of each device',
  },
  'GET /keys/count': { oneTimePreKeys: 'how many one-time prekeys are left' },
  'GET /devices': { devices: "the caller's devices" },
  'POST /groups': { members: 'users to add beside the caller' },
  'GET /groups': { groups: 'in the order of their ids', role: "the caller's" },
  'POST /groups/:groupId/members': { members: 'in the request: users to add; in the answer: all members' },
  'POST /groups/:groupId/roles': { userId: 'the member', role: 'its new role' },
  'GET /messages/since/:timestamp': {
    timestamp: '0, or the `now` of the answer before',
    now: 'pass it as `timestamp` next time',
  },
  'GET /messages': {
    waitMs: 'wait this long for an entry when there is none',
    more: 'whether there is more to read at once',
  },
  'POST /messages': {
    type: 'may be left out',
    id: 'yours, fresh for each message; a resend with the same id is harmless',
    device: 'direct only: for this device of the recipient alone',
  },
  'POST /messages/ack': { acks: 'one for each mailbox', seq: 'the last entry that is stored by the device' },
  'GET /account/export': { userId: 'the caller', exportedAt: 'when this was written' },
  'GET /health': { status: 'always `ok`' },
  'GET /ready': { status: 'whether requests can be served', store: 'state of the store', bus: 'state of the bus' },
  'GET /openapi.json': { openapi: 'version of OpenAPI' },
}

/** What a member means. `place`: `client ` or `server ` and a frame's type, or a route's name. */
export function memberMeaning(place: string, member: string): string | undefined {
  const here = Object.hasOwn(inPlace, place) ? inPlace[place] : undefined
  if (here !== undefined && Object.hasOwn(here, member)) return here[member]
  return Object.hasOwn(everywhere, member) ? everywhere[member] : undefined
}

/** Every meaning that is written down, as `place member` or `* member`: so that a test finds the unused ones. */
export function meaningNames(): string[] {
  return [
    ...Object.keys(everywhere).map((member) => `* ${member}`),
    ...Object.entries(inPlace).flatMap(([place, members]) => Object.keys(members).map((member) => `${place} ${member}`)),
  ]
}
