import { z } from 'zod'
import { deviceId, groupId, mailboxId, seq, signature, timestamp, userId } from './ids.ts'
import { wire } from './limits.ts'
import {
  ciphersuite,
  commitBundle,
  committed,
  deviceList,
  epoch,
  generation,
  keyPackage,
  memberDevice,
  mlsBytes,
  resetBundle,
} from './mls.ts'
import type { Route } from './routes.ts'

const userParams = z.strictObject({ userId })
const groupParams = z.strictObject({ groupId })

/** The routes of the MLS family: key packages, device lists, commits. */
export const mlsRoutes = {
  'POST /key-packages': {
    summary: 'Add MLS key packages of the calling device; `lastResort` replaces the one that is never consumed',
    auth: 'user',
    body: z.strictObject({
      ciphersuite,
      keyPackages: z.array(keyPackage).max(wire.keyPackagesPerRequest).default([]),
      lastResort: keyPackage.optional(),
    }),
    status: 200,
    answer: z.object({ count: z.int() }),
    errors: ['bad_request', 'key_conflict', 'limit_reached'],
  },
  'POST /key-packages/claim': {
    summary: 'Claim one key package of each device of each user; consumes them',
    auth: 'user',
    body: z.strictObject({
      userIds: z.array(userId).min(1).max(wire.claimsPerRequest),
      ciphersuite,
      except: z.array(memberDevice).max(wire.groupDevices).default([]),
    }),
    status: 200,
    answer: z.object({
      keyPackages: z.array(z.object({ userId, deviceId, keyPackage, lastResort: z.boolean() })),
      missing: z.array(z.object({ userId, deviceId: deviceId.optional() })),
    }),
    errors: ['bad_request', 'rate_limited'],
  },
  'PUT /identity': {
    summary: "Put the next version of the caller's signed device list",
    auth: 'user',
    body: z.strictObject(deviceList),
    status: 200,
    answer: z.object({ version: z.int() }),
    errors: ['bad_request', 'stale_version', 'limit_reached', 'too_large'],
  },
  'GET /identity/:userId': {
    summary: "A user's signed device list",
    auth: 'user',
    params: userParams,
    status: 200,
    answer: z.object({ userId, ...deviceList, signature }),
    errors: ['not_found'],
  },
  'GET /direct/:userId': {
    summary: 'The id of the one conversation of the caller and another user',
    auth: 'user',
    params: userParams,
    status: 200,
    answer: z.object({ groupId, exists: z.boolean() }),
    errors: ['bad_request'],
  },
  'POST /groups/:groupId/commits': {
    summary: 'Commit a change of an MLS group: at most one is accepted for each epoch',
    auth: 'user',
    params: groupParams,
    body: commitBundle,
    status: 201,
    answer: committed,
    errors: [
      'bad_request',
      'not_member',
      'not_found',
      'forbidden',
      'id_conflict',
      'stale_epoch',
      'removal_pending',
      'limit_reached',
      'owner_must_transfer',
      'too_large',
      'rate_limited',
      'mailbox_full',
      'overloaded',
    ],
  },
  'POST /groups/:groupId/reset': {
    summary: 'Begin a new generation of an MLS group (owner or admin)',
    auth: 'user',
    params: groupParams,
    body: resetBundle,
    status: 201,
    answer: committed,
    errors: [
      'bad_request',
      'not_member',
      'not_found',
      'forbidden',
      'id_conflict',
      'stale_epoch',
      'limit_reached',
      'owner_must_transfer',
      'too_large',
      'rate_limited',
      'mailbox_full',
      'overloaded',
    ],
  },
  'GET /groups/:groupId/group-info': {
    summary: 'The GroupInfo of the newest epoch, for an external commit (members)',
    auth: 'user',
    params: groupParams,
    status: 200,
    answer: z.object({ groupInfo: mlsBytes, generation, epoch, mailbox: mailboxId, seq }),
    errors: ['not_member', 'bad_request'],
  },
  'GET /messages/cursors': {
    summary: 'What the calling device has acknowledged, by mailbox: a client that knows less was restored from an old copy',
    auth: 'user',
    status: 200,
    answer: z.object({ cursors: z.array(z.object({ mailbox: mailboxId, seq: z.int().min(0) })), now: timestamp }),
    errors: [],
  },
} as const satisfies Record<string, Omit<Route, 'method' | 'path'>>
