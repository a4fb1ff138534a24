import type { z } from 'zod'
import { errorTable } from './error-table.ts'
import { type ErrorCode, errorCodes } from './errors.ts'
import { acceptedFrame, deliveredFrame, goneFrame, membershipFrame, ownFrame } from './frames.ts'
import { deviceId } from './ids.ts'
import { canonicalJson, type JsonSchema, jsonSchemaOf, mapSchema } from './json-schema.ts'
import { memberMeaning } from './meanings.ts'
import { commitFrame, departedFrame, welcomeMlsFrame } from './mls.ts'
import { claimedKeys, device, group, type Route, type RouteName, routeNames, routeOf } from './routes.ts'

export interface OpenApiReference {
  readonly $ref: string
}

export interface OpenApiParameter {
  readonly name: string
  readonly in: 'path' | 'query' | 'header'
  readonly required: boolean
  readonly description?: string
  readonly schema: JsonSchema
}

export interface OpenApiResponse {
  readonly description: string
  readonly headers?: Readonly<Record<string, { readonly description: string; readonly schema: JsonSchema }>>
  readonly content: Readonly<Record<string, { readonly schema: JsonSchema }>>
}

export interface OpenApiOperation {
  readonly operationId: string
  readonly summary: string
  readonly tags: readonly string[]
  readonly security: readonly Readonly<Record<string, readonly string[]>>[]
  readonly parameters: readonly (OpenApiParameter | OpenApiReference)[]
  readonly requestBody?: { readonly required: true; readonly content: OpenApiResponse['content'] }
  readonly responses: Readonly<Record<string, OpenApiResponse | OpenApiReference>>
}

/** The part of OpenAPI 3.1 that the document uses. */
export interface OpenApiDocument {
  readonly openapi: '3.1.0'
  readonly info: {
    readonly title: string
    readonly version: string
    readonly description: string
    readonly license: { readonly name: string; readonly identifier: string }
  }
  readonly tags: readonly { readonly name: string }[]
  readonly paths: Readonly<Record<string, Readonly<Record<string, OpenApiOperation>>>>
  readonly components: {
    readonly securitySchemes: Readonly<Record<string, Readonly<Record<string, string>>>>
    readonly parameters: Readonly<Record<string, OpenApiParameter>>
    readonly responses: Readonly<Record<string, OpenApiResponse>>
    readonly schemas: Readonly<Record<string, JsonSchema>>
  }
}

const description = `An end-to-end encrypted messaging relay: it stores and delivers ciphertext that it cannot read.
Times are milliseconds since 1970. Unknown members of requests are refused; ignore unknown members of answers.
Errors are RFC 9457 problem details whose \`code\` comes from one table. Live delivery is the WebSocket at \`/ws\`.`

/** What any request of a route may be refused with, beside the errors of its own. */
function commonErrors(route: Route): ErrorCode[] {
  const body: ErrorCode[] = route.body === undefined ? [] : ['bad_request', 'too_large']
  if (route.auth === 'none') return [...body, 'internal']
  const caller: ErrorCode[] = ['unauthenticated', 'token_expired', 'forbidden', 'device_revoked', 'rate_limited']
  return ['bad_request', ...caller, ...body, 'internal', 'overloaded']
}

/** Every error that a route may answer with, in the order of the table. */
export function errorsOf(route: Route): ErrorCode[] {
  const codes = new Set<ErrorCode>([...route.errors, ...commonErrors(route)])
  return errorCodes.filter((code) => codes.has(code))
}

/** Media types of the answers that are not JSON. */
const mediaTypes: Partial<Record<RouteName, string>> = { 'GET /metrics': 'text/plain', 'GET /docs': 'text/html' }

const problemSchema: JsonSchema = {
  type: 'object',
  description: 'RFC 9457 problem details. Some errors carry further members, such as `limit`, `mailbox`, `seq`.',
  properties: {
    type: { type: 'string', description: '`urn:sotto:error:` and the code' },
    title: { type: 'string', description: 'a short, fixed summary' },
    status: { type: 'integer', description: 'the HTTP status' },
    code: { type: 'string', enum: errorCodes, description: 'one of the error table' },
    detail: { type: 'string', description: 'for people to read; may change' },
    retryAfterMs: { type: 'integer', minimum: 0, description: 'wait this long before sending again' },
  },
  required: ['type', 'title', 'status', 'code', 'detail'],
}

/** As a client may be answered: newer servers may add members, so none are excluded. */
function open(part: JsonSchema): JsonSchema {
  if (part.additionalProperties !== false) return part
  const { additionalProperties: _, ...rest } = part
  return rest
}

const answerSchema = (schema: z.ZodType) => mapSchema(jsonSchemaOf(schema, 'output'), open)

/** Schemas that have a name of their own, and where the meanings of their members stand. */
const named = (
  [
    ['Accepted', acceptedFrame, 'server accepted'],
    ['Message', deliveredFrame, 'server msg'],
    ['Own', ownFrame, 'server own'],
    ['Membership', membershipFrame, 'server membership'],
    ['Commit', commitFrame, 'server commit'],
    ['WelcomeMls', welcomeMlsFrame, 'server welcome_mls'],
    ['Departed', departedFrame, 'server departed'],
    ['Gone', goneFrame, 'server gone'],
    ['ClaimedKeys', claimedKeys, ''],
    ['Device', device, ''],
    ['Group', group, ''],
  ] as const
).map(([name, schema, place]) => ({ name, place, schema: answerSchema(schema) }))

const namesByJson = new Map<string, string>(named.map(({ name, schema }) => [canonicalJson(schema), name]))

/** Replaces each part that has a name by a reference to it. */
function withReferences(schema: JsonSchema): JsonSchema {
  return mapSchema(schema, (part) => {
    const name = namesByJson.get(canonicalJson(part))
    return name === undefined ? part : { $ref: `#/components/schemas/${name}` }
  })
}

/** Adds to each member what it means in a route. */
function described(schema: JsonSchema, place: string): JsonSchema {
  return mapSchema(schema, (part) => {
    if (part.properties === undefined) return part
    const properties = Object.entries(part.properties).map(([name, member]): [string, JsonSchema] => {
      const words = memberMeaning(place, name)
      return [name, words === undefined || member.$ref !== undefined ? member : { ...member, description: words }]
    })
    return { ...part, properties: Object.fromEntries(properties) }
  })
}

function parametersOf(name: RouteName, route: Route): (OpenApiParameter | OpenApiReference)[] {
  const from = (where: 'path' | 'query', schema: z.ZodObject | undefined): OpenApiParameter[] => {
    if (schema === undefined) return []
    const { properties = {}, required = [] } = jsonSchemaOf(schema, 'input')
    return Object.entries(properties).map(([member, part]) => {
      const words = memberMeaning(name, member)
      return { name: member, in: where, required: required.includes(member), ...(words && { description: words }), schema: part }
    })
  }
  const device = route.auth === 'user' ? [{ $ref: '#/components/parameters/DeviceId' }] : []
  return [...from('path', route.params), ...from('query', route.query), ...device]
}

/** The codes of each status: one response a status. */
function codesByStatus(codes: readonly ErrorCode[]): Map<number, ErrorCode[]> {
  return Map.groupBy(codes, (code) => errorTable[code].status)
}

function errorResponse(codes: readonly ErrorCode[]): OpenApiResponse {
  const schema: JsonSchema = {
    allOf: [{ $ref: '#/components/schemas/Problem' }, { type: 'object', properties: { code: { enum: codes } } }],
  }
  const seconds = { description: 'Seconds to wait before sending again', schema: { type: 'integer', minimum: 0 } }
  return {
    description: codes.map((code) => `\`${code}\`: ${errorTable[code].meaning}`).join('\n\n'),
    ...(codes.some((code) => code === 'rate_limited' || code === 'overloaded') && { headers: { 'Retry-After': seconds } }),
    content: { 'application/problem+json': { schema } },
  }
}

const responseName = (codes: readonly ErrorCode[]) => codes.join('.')

function operationId({ method, path }: Route): string {
  const words = path.split(/[/.-]/).filter((word) => word !== '')
  const capital = (word: string) => word.charAt(0).toUpperCase() + word.slice(1)
  return (
    method.toLowerCase() + words.map((word) => (word.startsWith(':') ? `By${capital(word.slice(1))}` : capital(word))).join('')
  )
}

const singlePages = ['health', 'ready', 'metrics', 'openapi.json', 'docs']

function tagOf({ path }: Route): string {
  const first = path.split('/')[1] ?? ''
  return singlePages.includes(first) ? 'server' : first
}

function operationOf(name: RouteName, route: Route): OpenApiOperation {
  const answer = route.answer && described(withReferences(answerSchema(route.answer)), name)
  const media = answer === undefined ? (mediaTypes[name] ?? 'application/octet-stream') : 'application/json'
  const success: OpenApiResponse = {
    description: route.status === 201 ? 'Created' : 'OK',
    content: { [media]: { schema: answer ?? { type: 'string' } } },
  }
  const refusals = [...codesByStatus(errorsOf(route))].map(([status, codes]): [string, OpenApiReference] => [
    String(status),
    { $ref: `#/components/responses/${responseName(codes)}` },
  ])
  const body = route.body && described(jsonSchemaOf(route.body, 'input'), name)
  return {
    operationId: operationId(route),
    summary: route.summary,
    tags: [tagOf(route)],
    security: route.auth === 'user' ? [{ bearer: [] }] : [],
    parameters: parametersOf(name, route),
    ...(body && { requestBody: { required: true, content: { 'application/json': { schema: body } } } }),
    responses: { [route.status]: success, ...Object.fromEntries(refusals) },
  }
}

/** The HTTP interface as OpenAPI 3.1, made from the routes and the error table. `version`: of the server. */
export function openApiDocument(version: string): OpenApiDocument {
  const paths: Record<string, Record<string, OpenApiOperation>> = {}
  const responses: Record<string, OpenApiResponse> = {}
  const tags = new Set<string>()
  for (const name of routeNames) {
    const route = routeOf(name)
    const path = route.path.replace(/:(\w+)/g, '{$1}')
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operationOf(name, route) }
    for (const codes of codesByStatus(errorsOf(route)).values()) responses[responseName(codes)] ??= errorResponse(codes)
    tags.add(tagOf(route))
  }
  return {
    openapi: '3.1.0',
    info: { title: 'Sotto', version, description, license: { name: 'Apache-2.0', identifier: 'Apache-2.0' } },
    tags: [...tags].map((name) => ({ name })),
    paths,
    components: {
      securitySchemes: {
        bearer: {
          type: 'http',
          scheme: 'bearer',
          bearerFormat: 'JWT',
          description: 'A JWT that names the user, from your login.',
        },
      },
      parameters: {
        DeviceId: {
          name: 'X-Device-Id',
          in: 'header',
          required: false,
          description: "The acting device. The token's `deviceId` claim comes first; with neither it is `default`.",
          schema: jsonSchemaOf(deviceId, 'input'),
        },
      },
      responses,
      schemas: {
        ...Object.fromEntries(named.map(({ name, place, schema }) => [name, described(schema, place)])),
        Problem: problemSchema,
      },
    },
  }
}
