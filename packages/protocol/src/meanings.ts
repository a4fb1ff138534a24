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
  commit: 'Entry, in the mailbox of an MLS group. A commit that ended `epoch`; the group is in the next one after it.',
  welcome_mls:
    'Entry, in the mailbox of a device that a commit has added. Read the group on from the entry after `groupSeq` in `groupMailbox`.',
  departed:
    'Entry, in the mailbox of an MLS group. A user, or with `deviceId` one device of a user, is gone; until a commit removes its leaves, messages are refused with `removal_pending`.',
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
  protocol: '`opaque`: the server knows nothing of the encryption; `mls`: RFC 9420',
  epoch: 'the epoch that the MLS group is in',
  generation: 'of the MLS group: 0, one more with each reset',
  commit: 'an MLSMessage with the commit (RFC 9420 section 12.4), base64',
  welcome: 'an MLSMessage with the Welcome (RFC 9420 section 12.4.3.1) of all who are added, base64',
  welcomeTo: 'devices that get the Welcome; all of them are in `add`',
  groupInfo: 'an MLSMessage with the GroupInfo (RFC 9420 section 12.4.3) of the epoch after the commit, base64',
  add: 'devices that the commit adds',
  remove: 'devices that the commit removes',
  left: 'users who cease to be members: none of their devices is in the group after the commit; left out: nobody',
  external: 'an external commit: the calling device joins by it',
  ciphersuite: 'a number of the IANA registry of MLS cipher suites',
  lastResort: 'handed out when there is no other, and never consumed',
  endorsement: 'by the identity key before this one, over that key and this one: where the key has changed',
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
  'server commit': {
    generation: 'of the group',
    epoch: 'the epoch that the commit ends: the group is in the next one after it',
    added: 'devices added',
    removed: 'devices removed',
    roles: 'new roles by user',
    id: "the commit's id, chosen by its sender",
    external: 'an external commit: `fromDevice` has joined by it',
  },
  'server welcome_mls': {
    epoch: 'the epoch after the commit: the first one of the device',
    groupMailbox: 'the mailbox of the group',
    groupSeq: "the commit's `seq` in `groupMailbox`: read on after it",
    from: 'the user who committed, from its token',
    fromDevice: 'the device that committed',
  },
  'server departed': {
    userId: 'the user who left, was erased, or whose device is gone',
    deviceId: 'the device that is gone; left out: all devices of the user',
    goodbye: 'what the user has signed for the others, as it was given with the leaving',
  },
  'server keys_low': { oneTimePreKeys: 'how many one-time prekeys are left' },
  'server error': {
    id: 'the `id` of the frame that is refused',
    code: 'one of the error table',
    message: 'for people to read; may change',
    retryAfterMs: 'wait this long before sending again',
  },
  'POST /auth/dev-token': { userId: 'the user to mint a token for', deviceId: 'bind the token to this device' },
  'GET /me': { limits: 'limits by name', userId: 'who the token says you are', deviceId: 'the acting device' },
  'POST /keys/prekeys': { oneTimePreKeys: 'one-time prekeys to add' },
  'GET /keys/prekeys/:userId': {
    userId: 'whose keys',
    device: 'a device, or `*` for all; left out: `default`, else the one that uploaded last',
    devices: 'with `device=*`: the keys of each device',
  },
  'GET /keys/count': { oneTimePreKeys: 'how many one-time prekeys are left' },
  'GET /devices': { devices: "the caller's devices" },
  'POST /groups': {
    members: 'users to add beside the caller',
    groupId:
      'in the request: of an MLS group, 16 to 31 random bytes in base64url, left out where `direct` is given; in the answer: the id of the group',
    direct: 'the other of a pair: the group is the one conversation of the two, with the id of `GET /direct/:userId`',
    id: 'yours, fresh for each bundle; a resend with the same id is harmless',
    roles: 'roles of others by user; the caller is owner',
  },
  'GET /groups': { groups: 'in the order of their ids', role: "the caller's" },
  'POST /groups/:groupId/members': { members: 'in the request: users to add; in the answer: all members' },
  'POST /groups/:groupId/roles': { userId: 'the member', role: 'its new role' },
  'POST /groups/:groupId/commits': {
    id: 'yours, fresh for each bundle; a resend with the same id is harmless',
    epoch: 'in the request: the epoch that the commit ends; in the answer: the one after it',
    roles: 'new roles by user',
  },
  'POST /groups/:groupId/reset': {
    id: 'yours, fresh for each bundle; a resend with the same id is harmless',
    generation: 'the next one: one more than that of the group',
  },
  'GET /groups/:groupId/group-info': { seq: 'of the commit that led to the epoch: read on after it' },
  'POST /key-packages': {
    keyPackages: 'MLSMessages with a KeyPackage each (RFC 9420 section 10), base64, each to be handed out once',
    lastResort: 'an MLSMessage with a KeyPackage, in the place of the last-resort one of this ciphersuite',
    count: 'how many key packages the device now has, last-resort ones not counted',
  },
  'POST /key-packages/claim': {
    userIds: 'whose devices; one named twice counts once',
    except: 'devices that nothing is claimed of',
    keyPackages: 'one of each device',
    keyPackage: 'as it was uploaded',
    missing: 'devices that have none to give; a user without devices stands alone',
  },
  'PUT /identity': {
    version: 'one more than that of the current list; the first is 1',
    identityKey: "the user's identity key",
    devices: 'what is signed, in the encoding of the client: opaque',
    signature: 'by the identity key, over the list',
  },
  'GET /identity/:userId': {
    userId: 'whose list',
    version: 'rises by one with each change',
    identityKey: "the user's identity key",
    devices: 'what is signed, in the encoding of the client: opaque',
    signature: 'by the identity key, over the list',
  },
  'GET /direct/:userId': {
    userId: 'the other of the pair',
    groupId: 'the id of their one conversation, the same for both',
    exists: 'whether it was created',
  },
  'GET /messages/cursors': {
    cursors: 'one for each mailbox that the device holds entries back in',
    seq: 'up to here everything was acknowledged; 0: nothing was yet',
    now: "the store's clock",
  },
  'DELETE /groups/:groupId/members/:userId': {
    goodbye: 'of who leaves an MLS group: what it signs for the others, who find it in `departed`',
  },
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
