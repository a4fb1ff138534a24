import { type Limits, type RouteAnswer, type RouteInput, type RouteName, type routes, SottoError, wire } from '@sotto/protocol'
import { eraseAccount } from '../accounts/erase-account.ts'
import { exportAccount } from '../accounts/export-account.ts'
import { mintToken } from '../auth/dev-token.ts'
import { mayMintDevToken } from '../auth/rules.ts'
import type { Secret } from '../auth/secret.ts'
import { issueTicket } from '../auth/tickets.ts'
import type { Bus } from '../bus/bus.ts'
import type { Caller } from '../caller.ts'
import type { Clock } from '../clock.ts'
import type { Config } from '../config.ts'
import { listDevices } from '../devices/list-devices.ts'
import { renameDevice } from '../devices/rename-device.ts'
import { revokeDevice } from '../devices/revoke-device.ts'
import { addMembers } from '../groups/add-members.ts'
import { commitGroup } from '../groups/commit-group.ts'
import { createGroup } from '../groups/create-group.ts'
import { deleteGroup } from '../groups/delete-group.ts'
import { getDirect } from '../groups/get-direct.ts'
import { getGroup } from '../groups/get-group.ts'
import { getGroupInfo } from '../groups/get-group-info.ts'
import { listGroups } from '../groups/list-groups.ts'
import { removeMember } from '../groups/remove-member.ts'
import { resetGroup } from '../groups/reset-group.ts'
import { setRole } from '../groups/set-role.ts'
import { addKeyPackages } from '../keys/add-key-packages.ts'
import { addPreKeys } from '../keys/add-prekeys.ts'
import { claimKeyPackages } from '../keys/claim-key-packages.ts'
import { claimPreKeys } from '../keys/claim-prekeys.ts'
import { countKeys } from '../keys/count-keys.ts'
import { getDeviceList } from '../keys/get-device-list.ts'
import { publishIdentity } from '../keys/publish-identity.ts'
import { putDeviceList } from '../keys/put-device-list.ts'
import { acknowledged } from '../messages/acknowledged.ts'
import { messagesSince } from '../messages/since.ts'
import { readiness } from '../observability/health.ts'
import type { Metrics } from '../observability/metrics.ts'
import type { Store } from '../store/store.ts'
import { JsonText, messagesText, TextAnswer } from './answers.ts'
import type { Texts } from './texts.ts'

/** Who sent a request that needs no token. */
export interface Visitor {
  /** The other end of the TCP connection; never an address that a header claims. */
  readonly peer: string | undefined
  /** A proxy handed the request on. */
  readonly proxied: boolean
  /** The `Host` header. */
  readonly host: string | undefined
}

type Asker<name extends RouteName> = (typeof routes)[name]['auth'] extends 'user' ? Caller : Visitor
type Answer<name extends RouteName> = (typeof routes)[name] extends { answer: unknown }
  ? RouteAnswer<name> | JsonText
  : TextAnswer

/** Answers one route. Refuses by throwing a `SottoError`; anything else that it throws is answered as `internal`. */
export type Handler<name extends RouteName> = (input: RouteInput<name>, asker: Asker<name>) => Promise<Answer<name>>

/** One for each route of the table: none may be missing, none may be one more. */
export type Handlers = { readonly [name in RouteName]: Handler<name> }

export interface HandlerContext {
  readonly store: Store
  readonly bus: Bus
  readonly clock: Clock
  readonly limits: Limits
  readonly devTokens: Config['devTokens']
  /** What signs development tokens; undefined when keys come from a JWKS. */
  readonly secret: Secret | undefined
  readonly messages: Pick<Handlers, 'POST /messages' | 'GET /messages' | 'POST /messages/ack'>
  readonly metrics: Pick<Metrics, 'text' | 'contentType'>
  readonly texts: Texts
}

/** How long store and bus may take to answer before the server counts as not ready. */
const pingMs = 2_000
const unreadyRetryMs = 1_000

const ok = { ok: true } as const

export function handlersOf({ store, bus, clock, limits, devTokens, secret, messages, metrics, texts }: HandlerContext): Handlers {
  return {
    'POST /auth/dev-token': async ({ body }, visitor) => {
      mayMintDevToken({ devTokens, ...visitor })
      if (secret === undefined) throw new SottoError('dev_tokens_disabled')
      return mintToken({ secret, clock, ttlMs: wire.devTokenMs, ...body })
    },
    'POST /auth/ticket': async (_, { userId, deviceId, expiresAt }) =>
      issueTicket(store, clock, { userId, deviceId, expiresAt }, deviceId),

    'GET /me': async (_, { userId, deviceId }) => ({ userId, deviceId, serverTime: clock.now(), limits }),

    'POST /keys/identity': async ({ body }, caller) => {
      await publishIdentity(store, caller, body)
      return ok
    },
    'POST /keys/prekeys': async ({ body }, caller) => ({ count: await addPreKeys(store, caller, body.oneTimePreKeys) }),
    'GET /keys/prekeys/:userId': async ({ params, query }, { userId }) =>
      claimPreKeys(store, bus, limits, userId, params.userId, query.device),
    'GET /keys/count': async (_, caller) => countKeys(store, caller),
    'POST /key-packages': async ({ body }, caller) => ({ count: await addKeyPackages(store, caller, body) }),
    'POST /key-packages/claim': async ({ body }, { userId }) => claimKeyPackages(store, bus, limits, userId, body),
    'PUT /identity': async ({ body }, caller) => {
      await putDeviceList(store, caller, body)
      return { version: body.version }
    },
    'GET /identity/:userId': async ({ params }) => getDeviceList(store, params.userId),

    'GET /devices': async (_, caller) => listDevices(store, caller),
    'PATCH /devices/:deviceId': async ({ params, body }, { userId }) => {
      await renameDevice(store, userId, params.deviceId, body.name)
      return ok
    },
    'DELETE /devices/:deviceId': async ({ params }, { userId }) => {
      await revokeDevice(store, bus, userId, params.deviceId)
      return ok
    },

    'POST /groups': async ({ body }, caller) => createGroup(store, clock, limits, caller, body),
    'GET /groups': async ({ query }, { userId }) => listGroups(store, userId, query),
    'GET /groups/:groupId': async ({ params }, { userId }) => getGroup(store, userId, params.groupId),
    'DELETE /groups/:groupId': async ({ params }, caller) => {
      await deleteGroup(store, caller, params.groupId)
      return ok
    },
    'POST /groups/:groupId/members': async ({ params, body }, caller) => {
      const { members } = await addMembers(store, limits, caller, params.groupId, body.members)
      return { ok: true, members: [...members.keys()] }
    },
    'DELETE /groups/:groupId/members/:userId': async ({ params, query }, caller) => {
      const { members } = await removeMember(store, caller, params.groupId, params.userId, query.goodbye)
      return { ok: true, members: [...members.keys()] }
    },
    'POST /groups/:groupId/roles': async ({ params, body }, caller) => {
      await setRole(store, caller, params.groupId, body.userId, body.role)
      return ok
    },
    'GET /direct/:userId': async ({ params }, { userId }) => getDirect(store, userId, params.userId),
    'POST /groups/:groupId/commits': async ({ params, body }, caller) => commitGroup(store, limits, caller, params.groupId, body),
    'POST /groups/:groupId/reset': async ({ params, body }, caller) => resetGroup(store, caller, params.groupId, body),
    'GET /groups/:groupId/group-info': async ({ params }, { userId }) => getGroupInfo(store, userId, params.groupId),

    'GET /messages/since/:timestamp': async ({ params, query }, caller) => {
      const { entries, now, next } = await messagesSince(store, caller, params.timestamp, query)
      const frames = entries.map(({ json }) => json)
      return messagesText(frames, next === undefined ? { now } : { now, next })
    },
    'GET /messages/cursors': async (_, caller) => acknowledged(store, clock, caller),
    'GET /messages': messages['GET /messages'],
    'POST /messages': messages['POST /messages'],
    'POST /messages/ack': messages['POST /messages/ack'],

    'GET /account/export': async (_, { userId }) => exportAccount(store, clock, userId),
    'DELETE /account': async (_, { userId }) => {
      await eraseAccount(store, bus, userId)
      return ok
    },

    'GET /health': async () => ({ status: 'ok' }),
    'GET /ready': async () => {
      const { ready, ...conditions } = await readiness(store, bus, pingMs)
      if (!ready) throw new SottoError('overloaded', 'the server is not ready', { retryAfterMs: unreadyRetryMs, ...conditions })
      return { status: 'ready', ...conditions }
    },
    'GET /metrics': async () => new TextAnswer(metrics.contentType, await metrics.text()),
    'GET /openapi.json': async () => new JsonText(texts.openApi),
    'GET /docs': async () => texts.docs,
  }
}
