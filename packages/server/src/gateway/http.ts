import { isUtf8 } from 'node:buffer'
import { once } from 'node:events'
import type { Server } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { type Limits, type Route, type RouteInput, type RouteName, routeNames, routeOf, SottoError } from '@sotto/protocol'
import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from 'fastify'
import type { Caller } from '../caller.ts'
import type { Clock } from '../clock.ts'
import type { Config } from '../config.ts'
import type { Log } from '../observability/log.ts'
import type { Metrics } from '../observability/metrics.ts'
import { allowedMethods } from './allowed-methods.ts'
import { JsonText, TextAnswer } from './answers.ts'
import { corsHeaders, preflightHeaders } from './cors.ts'
import type { Handlers, Visitor } from './handlers.ts'
import { clientRefusal, problemHeaders, problemText, rawProblem, refusalOf } from './http-errors.ts'
import { type Credentials, type IdentifyWith, identify } from './identify.ts'
import { LargeBodies, largeBodyBytes, requestsFor } from './large-bodies.ts'
import { TokenBuckets } from './rate.ts'
import { inputOf, namesDevice, queryOf } from './read-input.ts'

export interface HttpDeps extends Pick<IdentifyWith, 'authenticator' | 'store'> {
  readonly clock: Clock
  readonly limits: Limits
  readonly corsOrigins: Config['corsOrigins']
  readonly trustProxy: Config['trustProxy']
  readonly handlers: Handlers
  readonly log: Pick<Log, 'error'>
  readonly metrics: Pick<Metrics, 'answered'>
}

export interface HttpGateway {
  /** For the sockets: `server.on('upgrade', …)`. */
  readonly server: Server
  /** Resolves with the port, once it accepts connections. */
  listen(options: { readonly host: string; readonly port: number }): Promise<number>
  /**
   * Refuses new requests with `overloaded`, ends long polls and idle connections, and after 3 s those whose request is
   * still under way; resolves when the last connection is closed, sockets that were upgraded included.
   */
  close(): Promise<void>
}

const headersTimeoutMs = 10_000
const requestTimeoutMs = 30_000
/** How often the two above are looked at. */
const connectionsCheckMs = 5_000
/** Longer than the idle time of usual load balancers (60 s), so that they never use a connection that is being closed. */
const keepAliveMs = 65_000
/** A connection on which nothing moves: longer than any poll waits. */
const idleMs = 120_000
const headerBytes = 16_384
/** Connections that are not sockets: beside SOCKETS. */
const plainConnections = 2_000
const usersMax = 100_000
/** A user id of 128 characters, each of three bytes, percent-encoded. */
const paramLength = 1_200
const stoppingRetryMs = 1_000
const largeBodyRetryMs = 1_000
const reapMs = 50
/** How long requests under way may take to be answered when the server stops. */
const stopMsMax = 3_000

const jsonType = 'application/json; charset=utf-8'
/**
 * Of every answer. Nothing is to be kept by caches: most answers are for one user, tokens and states among them. Nothing
 * but the page of the docs is to be rendered, and that brings its own policy.
 */
const ownHeaders = {
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Of routes that need a token. */
    caller: Caller | null
  }
}

/** The HTTP side of the gateway: every route of the table, and nothing else. */
export function createHttp(deps: HttpDeps): HttpGateway {
  const { limits, clock } = deps
  const waiting = new Set<AbortController>()
  const state = { stopping: false }
  const requests = new TokenBuckets({ burst: limits.REQUESTS_BURST, perSecond: limits.REQUESTS_PER_SECOND }, clock, usersMax)
  const largeBodies = new LargeBodies(limits.COMMIT_BYTES)
  const app = fastify({
    trustProxy: deps.trustProxy,
    bodyLimit: limits.BODY_BYTES,
    connectionTimeout: idleMs,
    keepAliveTimeout: keepAliveMs,
    requestTimeout: requestTimeoutMs,
    http: {
      headersTimeout: headersTimeoutMs,
      connectionsCheckingInterval: connectionsCheckMs,
      maxHeaderSize: headerBytes,
      // Offers of other protocols (h2c) are passed over, as HTTP wants it.
      shouldUpgradeCallback: ({ headers }) => headers.upgrade?.toLowerCase() === 'websocket',
    },
    routerOptions: { maxParamLength: paramLength },
    // A HEAD that runs the handler of a GET would claim keys.
    exposeHeadRoutes: false,
    return503OnClosing: false,
    frameworkErrors: (error, _request, reply) => sendProblem(reply, refusalOf(error) ?? new SottoError('bad_request')),
    clientErrorHandler: (error, socket) => {
      if (socket.writable && error.code !== 'ECONNRESET') socket.end(rawProblem(clientRefusal(error)))
      else socket.destroy()
    },
  })
  app.server.maxConnections = limits.SOCKETS + plainConnections
  const connections = new Set<Socket>()
  app.server.on('connection', (connection) => {
    connections.add(connection)
    connection.once('close', () => connections.delete(connection))
  })
  app.decorateRequest('caller', null)
  readJsonOnly(app)

  app.addHook('onRequest', async (request, reply) => {
    reply.headers({ ...ownHeaders, ...corsHeaders(deps.corsOrigins, request.headers.origin) })
    if (state.stopping) {
      reply.header('connection', 'close')
      throw new SottoError('overloaded', 'the server is stopping', { retryAfterMs: stoppingRetryMs })
    }
    if (!request.is404) return
    if (isPreflight(request, deps.corsOrigins)) return reply.code(204).headers(preflightHeaders).send()
    throw notFound(request, reply)
  })
  app.setErrorHandler((error, request, reply) => {
    const limit = request.routeOptions.bodyLimit === limits.COMMIT_BYTES ? 'COMMIT_BYTES' : 'BODY_BYTES'
    return sendProblem(reply, refusalOf(error, limit) ?? fault(error, request))
  })
  app.setNotFoundHandler(() => {
    throw new Error('unreachable: onRequest refuses what no route answers')
  })
  app.addHook('onResponse', async ({ method, routeOptions }, { statusCode, elapsedTime }) => {
    deps.metrics.answered(method, routeOptions.url, statusCode, elapsedTime)
  })
  for (const name of routeNames) register(name, routeOf(name))

  function register<name extends RouteName>(name: name, route: Route): void {
    const handler = deps.handlers[name] as unknown as (input: unknown, asker: Caller | Visitor) => Promise<unknown>
    app.route({
      method: route.method,
      url: route.path,
      exposeHeadRoute: route.method === 'GET' && route.auth === 'none',
      ...(takesCommit(name) ? { bodyLimit: limits.COMMIT_BYTES } : {}),
      onRequest: async (request, reply) => {
        if (route.auth === 'user') request.caller = await identify({ ...deps, requests }, credentialsOf(request, reply, route))
        if (request.caller !== null && takesCommit(name)) admitLarge(request, reply, request.caller.userId)
      },
      handler: async (request, reply) => {
        const input = inputOf(request, route)
        if (request.caller !== null) charge(request.caller.userId, requestsOf(name, input) - 1)
        sendAnswer(reply, route.status, await handler(input, request.caller ?? visitorOf(request)))
        return reply
      },
    })
  }

  /** What is more than one request's work counts as several. Throws `rate_limited`. */
  function charge(userId: string, more: number): void {
    const retryAfterMs = more <= 0 ? 0 : requests.take(userId, more)
    if (retryAfterMs > 0) throw new SottoError('rate_limited', undefined, { limit: 'REQUESTS_PER_SECOND', retryAfterMs })
  }

  /** Before anything of a large body is read. Throws `rate_limited`, `overloaded`. */
  function admitLarge({ headers }: FastifyRequest, { raw }: FastifyReply, userId: string): void {
    if (headers['content-length'] === undefined && headers['transfer-encoding'] === undefined) return
    const sizes = { ordinary: limits.BODY_BYTES, max: limits.COMMIT_BYTES }
    const bytes = largeBodyBytes(headers['content-length'], sizes)
    if (bytes === null) return
    charge(userId, requestsFor(bytes) - 1)
    const give = largeBodies.take(userId, bytes)
    if (typeof give !== 'string') {
      if (raw.destroyed) give()
      else raw.once('close', give)
    } else if (give === 'process') throw new SottoError('overloaded', undefined, { retryAfterMs: largeBodyRetryMs })
    else
      throw new SottoError('rate_limited', 'too many large requests of this user are under way', {
        retryAfterMs: largeBodyRetryMs,
      })
  }

  function credentialsOf(request: FastifyRequest, reply: FastifyReply, route: Route): Credentials {
    return {
      authorization: request.headers.authorization,
      devices: [request.headers['x-device-id'], namesDevice(route) ? undefined : queryOf(request).device],
      signal: () => abortsWith(reply),
    }
  }

  function abortsWith({ raw }: FastifyReply): AbortSignal {
    const controller = new AbortController()
    if (state.stopping || raw.destroyed) controller.abort()
    else waiting.add(controller)
    raw.once('close', () => {
      waiting.delete(controller)
      controller.abort()
    })
    return controller.signal
  }

  function fault(error: unknown, request: FastifyRequest): SottoError {
    deps.log.error({ err: error, method: request.method, route: request.routeOptions.url }, 'request failed')
    return new SottoError('internal')
  }

  return {
    server: app.server,
    async listen({ host, port }) {
      await app.ready()
      // Not by the framework: given a name with two addresses it opens a second server, which would have no sockets.
      app.server.listen({ host, port })
      await once(app.server, 'listening')
      return (app.server.address() as AddressInfo).port
    },
    async close() {
      state.stopping = true
      for (const controller of waiting) controller.abort()
      // Browsers open connections in advance: those do not count as idle.
      for (const connection of connections) if (connection.bytesRead === 0) connection.destroy()
      // Connections that are answering now fall idle later.
      const reaper = setInterval(() => app.server.closeIdleConnections(), reapMs)
      const deadline = setTimeout(() => app.server.closeAllConnections(), stopMsMax)
      try {
        await app.close()
      } finally {
        clearInterval(reaper)
        clearTimeout(deadline)
      }
    },
  }
}

/** Whether a request carries a commit of an MLS group: it may be larger than others. */
function takesCommit(name: RouteName): boolean {
  return name === 'POST /groups' || name === 'POST /groups/:groupId/commits' || name === 'POST /groups/:groupId/reset'
}

/** How many requests one counts for: claiming the keys of many users is as much work as asking for those of each. */
function requestsOf(name: RouteName, input: unknown): number {
  if (name !== 'POST /key-packages/claim') return 1
  return (input as RouteInput<'POST /key-packages/claim'>).body.userIds.length
}

/** Bodies are JSON in UTF-8 or absent. Members that would reach a prototype are refused. */
function readJsonOnly(app: FastifyInstance): void {
  const parseJson = app.getDefaultJsonParser('error', 'error')
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, bytes: Buffer, done) => {
    if (bytes.length === 0) done(null, undefined)
    else if (isUtf8(bytes)) parseJson(request, bytes.toString('utf8'), done)
    else done(new SottoError('bad_request', 'the body is not UTF-8'), undefined)
  })
}

function visitorOf({ headers, socket }: FastifyRequest): Visitor {
  const proxied = ['forwarded', 'x-forwarded-for', 'via'].some((name) => headers[name] !== undefined)
  return { peer: socket.remoteAddress, proxied, host: headers.host }
}

function isPreflight({ method, headers }: FastifyRequest, origins: readonly string[]): boolean {
  return method === 'OPTIONS' && headers['access-control-request-method'] !== undefined && origins.includes(headers.origin ?? '')
}

function notFound(request: FastifyRequest, reply: FastifyReply): SottoError {
  const methods = allowedMethods(request.url.split('?', 1)[0] ?? '')
  if (methods.length === 0) return new SottoError('not_found', 'there is no such route')
  reply.header('allow', methods.join(', '))
  return new SottoError('not_found', `this address answers ${methods.join(' and ')} only`)
}

function sendAnswer(reply: FastifyReply, status: number, answer: unknown): void {
  reply.code(status)
  if (answer instanceof JsonText) reply.header('content-type', jsonType).send(answer.bytes)
  else if (answer instanceof TextAnswer) {
    reply.headers({ ...answer.headers, 'content-type': answer.contentType }).send(answer.text)
  } else reply.header('content-type', jsonType).send(JSON.stringify(answer))
}

function sendProblem(reply: FastifyReply, error: SottoError): void {
  reply
    .code(error.status)
    .headers({ ...ownHeaders, ...problemHeaders(error) })
    .send(problemText(error))
}
