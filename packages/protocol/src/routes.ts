import { z } from 'zod'
import type { ErrorCode } from './errors.ts'
import { acceptedFrame, deliveredFrame, goneFrame, membershipFrame, msgBody, ownFrame } from './frames.ts'
import {
  type ciphertext,
  deviceId,
  deviceName,
  groupId,
  groupName,
  keyId,
  mailboxId,
  publicKey,
  role,
  seq,
  signature,
  timestamp,
  userId,
} from './ids.ts'
import { wire } from './limits.ts'
import { commitFrame, committed, createMlsGroup, departedFrame, epoch, generation, goodbye, welcomeMlsFrame } from './mls.ts'
import { mlsRoutes } from './mls-routes.ts'

/** A signed prekey in the seed's short form, or with the number and signature that X3DH and PQXDH need. */
export const signedPreKey = z.union([publicKey, z.strictObject({ keyId, publicKey, signature })])

export const oneTimePreKey = z.strictObject({ keyId, publicKey })

export const claimedKeys = z.object({
  userId,
  deviceId,
  identityKey: publicKey,
  signedPreKey: signedPreKey.nullable(),
  pqPreKey: signedPreKey.nullable(),
  oneTimePreKey: oneTimePreKey.nullable(),
})

export const device = z.object({
  deviceId,
  name: deviceName.nullable(),
  createdAt: timestamp,
  lastSeenAt: timestamp,
  current: z.boolean(),
})

const groupSummary = {
  groupId,
  name: groupName.nullable(),
  protocol: z.enum(['opaque', 'mls']),
  ownerId: userId,
  admins: z.array(userId),
  createdAt: timestamp,
}

/** `epoch` and `generation`: of an MLS group. */
export const group = z.object({
  ...groupSummary,
  members: z.array(userId),
  epoch: epoch.optional(),
  generation: generation.optional(),
})

const createOpaqueGroup = z.strictObject({
  name: groupName.optional(),
  members: z.array(userId).max(1_000).default([]),
  protocol: z.literal('opaque').optional(),
})

const mlsEntries = [commitFrame, welcomeMlsFrame, departedFrame] as const
const entry = z.union([deliveredFrame, membershipFrame, ...mlsEntries])
const reliableEntry = z.union([deliveredFrame, ownFrame, membershipFrame, ...mlsEntries, goneFrame])

const ok = z.object({ ok: z.literal(true) })
const memberList = z.array(userId).min(1).max(1_000)
const pageLimit = (max: number) => z.coerce.number().int().min(1).max(max)

/** One HTTP request that the server answers: schemas, who may ask, and the errors to expect. */
export interface Route {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  readonly path: string
  readonly summary: string
  /** `user`: a token is required. `none`: anybody may ask. */
  readonly auth: 'user' | 'none'
  readonly params?: z.ZodObject
  readonly query?: z.ZodObject
  readonly body?: z.ZodType
  readonly status: number
  /** Absent: the answer is not JSON. */
  readonly answer?: z.ZodType
  readonly errors: readonly ErrorCode[]
}

const userParams = z.strictObject({ userId })
const groupParams = z.strictObject({ groupId })
const memberParams = z.strictObject({ groupId, userId })
const deviceParams = z.strictObject({ deviceId })

export const routes = {
  'POST /auth/dev-token': {
    summary: 'Mint a token for local work (DEV_TOKENS=true, loopback only)',
    auth: 'none',
    body: z.strictObject({ userId, name: z.string().max(256).optional(), deviceId: deviceId.optional() }),
    status: 200,
    answer: z.object({ token: z.string(), expiresAt: timestamp }),
    errors: ['bad_request', 'dev_tokens_disabled'],
  },
  'POST /auth/ticket': {
    summary: 'A single-use ticket, valid for 30 s, for a socket that cannot set headers',
    auth: 'user',
    status: 200,
    answer: z.object({ ticket: z.string(), expiresAt: timestamp }),
    errors: [],
  },
  'GET /me': {
    summary: 'Who the token says that the caller is, and the limits that hold: what `welcome` says on a socket',
    auth: 'user',
    status: 200,
    answer: z.object({ userId, deviceId, serverTime: timestamp, limits: z.record(z.string(), z.int()) }),
    errors: [],
  },
  'POST /keys/identity': {
    summary: "Publish the calling device's identity key, signed prekey and post-quantum prekey",
    auth: 'user',
    body: z.strictObject({ identityKey: publicKey, signedPreKey: signedPreKey.optional(), pqPreKey: signedPreKey.optional() }),
    status: 200,
    answer: ok,
    errors: ['bad_request', 'limit_reached'],
  },
  'POST /keys/prekeys': {
    summary: 'Add one-time prekeys of the calling device',
    auth: 'user',
    body: z.strictObject({ oneTimePreKeys: z.array(oneTimePreKey).min(1).max(wire.preKeysPerRequest) }),
    status: 200,
    answer: z.object({ count: z.int() }),
    errors: ['bad_request', 'key_conflict', 'limit_reached'],
  },
  'GET /keys/prekeys/:userId': {
    summary: "Claim a user's keys: consumes one one-time prekey of one device, or of each with device=*",
    auth: 'user',
    params: userParams,
    query: z.strictObject({ device: z.union([deviceId, z.literal('*')]).optional() }),
    status: 200,
    answer: z.union([claimedKeys, z.object({ userId, devices: z.array(claimedKeys) })]),
    errors: ['no_prekeys', 'rate_limited'],
  },
  'GET /keys/count': {
    summary: 'How many one-time keys the calling device has left',
    auth: 'user',
    status: 200,
    answer: z.object({ oneTimePreKeys: z.int(), keyPackages: z.int() }),
    errors: [],
  },
  'GET /devices': {
    summary: "The caller's devices",
    auth: 'user',
    status: 200,
    answer: z.object({ devices: z.array(device) }),
    errors: [],
  },
  'PATCH /devices/:deviceId': {
    summary: 'Name a device of the caller',
    auth: 'user',
    params: deviceParams,
    body: z.strictObject({ name: deviceName }),
    status: 200,
    answer: ok,
    errors: ['bad_request', 'not_found'],
  },
  'DELETE /devices/:deviceId': {
    summary: 'Revoke a device of the caller: its sessions end at once, its keys and mailbox are dropped',
    auth: 'user',
    params: deviceParams,
    status: 200,
    answer: ok,
    errors: ['not_found'],
  },
  'POST /groups': {
    summary: 'Create a group, opaque or MLS; the caller is its owner',
    auth: 'user',
    body: z.union([createOpaqueGroup, createMlsGroup]),
    status: 201,
    answer: z.union([committed, z.object({ groupId })]),
    errors: [
      'bad_request',
      'limit_reached',
      'rate_limited',
      'not_member',
      'not_found',
      'forbidden',
      'group_exists',
      'id_conflict',
      'owner_must_transfer',
      'too_large',
      'overloaded',
    ],
  },
  'GET /groups': {
    summary: "The caller's groups, without their members",
    auth: 'user',
    query: z.strictObject({ cursor: z.string().max(128).optional(), limit: pageLimit(wire.groupsPerPage).optional() }),
    status: 200,
    answer: z.object({ groups: z.array(z.object({ ...groupSummary, role })), next: z.string().optional() }),
    errors: ['bad_request'],
  },
  'GET /groups/:groupId': {
    summary: 'A group with its members',
    auth: 'user',
    params: groupParams,
    status: 200,
    answer: group,
    errors: ['not_member'],
  },
  'DELETE /groups/:groupId': {
    summary: 'Delete a group (owner)',
    auth: 'user',
    params: groupParams,
    status: 200,
    answer: ok,
    errors: ['not_member', 'forbidden'],
  },
  'POST /groups/:groupId/members': {
    summary: 'Add members (owner or admin)',
    auth: 'user',
    params: groupParams,
    body: z.strictObject({ members: memberList }),
    status: 200,
    answer: z.object({ ok: z.literal(true), members: z.array(userId) }),
    errors: ['bad_request', 'not_member', 'forbidden', 'limit_reached', 'rate_limited', 'use_commit'],
  },
  'DELETE /groups/:groupId/members/:userId': {
    summary: 'Remove a member (owner or admin), or leave',
    auth: 'user',
    params: memberParams,
    query: z.strictObject({ goodbye: goodbye.optional() }),
    status: 200,
    answer: z.object({ ok: z.literal(true), members: z.array(userId) }),
    errors: ['bad_request', 'not_member', 'not_found', 'forbidden', 'owner_must_transfer', 'use_commit'],
  },
  'POST /groups/:groupId/roles': {
    summary: 'Give a member a role; `owner` hands the group over (owner)',
    auth: 'user',
    params: groupParams,
    body: z.strictObject({ userId, role }),
    status: 200,
    answer: ok,
    errors: ['bad_request', 'not_member', 'not_found', 'forbidden', 'owner_must_transfer', 'use_commit'],
  },
  'GET /messages/since/:timestamp': {
    summary: 'Entries readable by the caller, received at or after a time',
    auth: 'user',
    params: z.strictObject({ timestamp: z.coerce.number().int().min(0).max(Number.MAX_SAFE_INTEGER) }),
    query: z.strictObject({ cursor: z.string().max(65_536).optional(), limit: pageLimit(wire.messagesPerPage).optional() }),
    status: 200,
    answer: z.object({ messages: z.array(entry), now: timestamp, next: z.string().optional() }),
    errors: ['bad_request'],
  },
  'GET /messages': {
    summary: 'The reliable stream for those who cannot hold a socket (long poll)',
    auth: 'user',
    query: z.strictObject({
      limit: pageLimit(wire.messagesPerPage).optional(),
      waitMs: z.coerce.number().int().min(0).max(wire.longPollMs).optional(),
    }),
    status: 200,
    answer: z.object({ messages: z.array(reliableEntry), more: z.boolean() }),
    errors: ['bad_request'],
  },
  'POST /messages': {
    summary: 'Send a message',
    auth: 'user',
    body: msgBody,
    status: 201,
    answer: acceptedFrame,
    errors: [
      'bad_request',
      'not_member',
      'not_found',
      'id_conflict',
      'mailbox_full',
      'stale_epoch',
      'removal_pending',
      'too_large',
      'rate_limited',
      'overloaded',
    ],
  },
  'POST /messages/ack': {
    summary: 'Acknowledge entries',
    auth: 'user',
    body: z.strictObject({
      acks: z
        .array(z.strictObject({ mailbox: mailboxId, seq }))
        .min(1)
        .max(wire.acksPerRequest),
    }),
    status: 200,
    answer: ok,
    errors: ['bad_request', 'forbidden'],
  },
  ...mlsRoutes,
  'GET /account/export': {
    summary: 'Everything held about the caller',
    auth: 'user',
    status: 200,
    answer: z.looseObject({ userId, exportedAt: timestamp }),
    errors: [],
  },
  'DELETE /account': {
    summary: 'Erase the caller, at once and everywhere',
    auth: 'user',
    status: 200,
    answer: ok,
    errors: [],
  },
  'GET /health': {
    summary: 'Liveness: the process answers',
    auth: 'none',
    status: 200,
    answer: z.object({ status: z.literal('ok') }),
    errors: [],
  },
  'GET /ready': {
    summary: 'Readiness: store and bus answer',
    auth: 'none',
    status: 200,
    answer: z.object({ status: z.enum(['ready', 'unready']), store: z.string(), bus: z.string() }),
    errors: ['overloaded'],
  },
  'GET /metrics': {
    summary: 'Prometheus metrics',
    auth: 'none',
    status: 200,
    errors: [],
  },
  'GET /openapi.json': {
    summary: 'This interface as OpenAPI 3.1',
    auth: 'none',
    status: 200,
    answer: z.looseObject({ openapi: z.string() }),
    errors: [],
  },
  'GET /docs': {
    summary: 'This interface as a page',
    auth: 'none',
    status: 200,
    errors: [],
  },
} as const satisfies Record<string, Omit<Route, 'method' | 'path'>>

export type RouteName = keyof typeof routes

export const routeNames = Object.keys(routes) as RouteName[]

/** A route with its method and path taken from its name. */
export function routeOf(name: RouteName): Route {
  const [method, path] = name.split(' ') as [Route['method'], string]
  return { method, path, ...routes[name] }
}

type Parsed<name extends RouteName, part extends 'params' | 'query' | 'body'> =
  (typeof routes)[name] extends Record<part, infer schema extends z.ZodType> ? z.output<schema> : undefined

/** What a handler of a route is given, after the checks. */
export interface RouteInput<name extends RouteName> {
  readonly params: Parsed<name, 'params'>
  readonly query: Parsed<name, 'query'>
  readonly body: Parsed<name, 'body'>
}

/** What a handler of a route answers. */
export type RouteAnswer<name extends RouteName> = (typeof routes)[name] extends { answer: infer schema extends z.ZodType }
  ? z.input<schema>
  : undefined

export type SignedPreKey = z.infer<typeof signedPreKey>
export type OneTimePreKey = z.infer<typeof oneTimePreKey>
export type ClaimedKeys = z.infer<typeof claimedKeys>
export type Ciphertext = z.infer<typeof ciphertext>
