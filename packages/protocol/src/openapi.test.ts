import { describe, expect, test } from 'vitest'
import { errorTable } from './error-table.ts'
import { errorCodes } from './errors.ts'
import type { JsonSchema } from './json-schema.ts'
import { errorsOf, type OpenApiOperation, type OpenApiParameter, type OpenApiResponse, openApiDocument } from './openapi.ts'
import { routeNames, routeOf } from './routes.ts'

const openapi = openApiDocument('1.2.3')

/** Every object in a JSON value, with the way to it. */
function* objectsIn(value: unknown, path = '#'): Generator<[string, Record<string, unknown>]> {
  if (typeof value !== 'object' || value === null) return
  if (!Array.isArray(value)) yield [path, value as Record<string, unknown>]
  for (const [name, part] of Object.entries(value)) yield* objectsIn(part, `${path}/${name}`)
}

function at(reference: string, document: unknown = openapi): unknown {
  if (!reference.startsWith('#/')) return undefined
  return reference
    .slice(2)
    .split('/')
    .reduce<unknown>(
      (part, name) =>
        typeof part === 'object' && part !== null && Object.hasOwn(part, name)
          ? (part as Record<string, unknown>)[name]
          : undefined,
      document,
    )
}

function resolved<part extends object>(part: part | { $ref: string }): part {
  return '$ref' in part ? (at(part.$ref as string) as part) : part
}

const unresolved = (document: unknown) =>
  [...objectsIn(document)].filter(([, part]) => typeof part.$ref === 'string' && at(part.$ref, document) === undefined)

const operations = Object.entries(openapi.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]): [string, string, OpenApiOperation] => [method, path, operation]),
)

const parametersOf = (operation: OpenApiOperation) =>
  operation.parameters.map((parameter) => resolved<OpenApiParameter>(parameter))

test('it says what it is, and is JSON through and through', () => {
  expect(openapi).toMatchObject({
    openapi: '3.1.0',
    info: { title: 'Sotto', version: '1.2.3', license: { identifier: 'Apache-2.0' } },
  })
  expect(JSON.parse(JSON.stringify(openapi))).toEqual(openapi)
})

describe('references', () => {
  test('all resolve', () => {
    expect([...objectsIn(openapi)].filter(([, part]) => '$ref' in part).length).toBeGreaterThan(100)
    expect(unresolved(openapi)).toEqual([])
  })

  test('that do not resolve would be found', () => {
    expect(unresolved({ components: { a: {} }, x: { $ref: '#/components/b' }, y: { $ref: '#/components/a' } })).toHaveLength(1)
    expect(unresolved({ x: { $ref: 'other.json' } })).toHaveLength(1)
  })

  test('leave no component unused', () => {
    const used = new Set([...objectsIn(openapi)].map(([, part]) => part.$ref))
    for (const [kind, components] of Object.entries(openapi.components)) {
      if (kind === 'securitySchemes') continue
      for (const name of Object.keys(components)) expect(used).toContain(`#/components/${kind}/${name}`)
    }
  })

  test('name components as OpenAPI permits', () => {
    for (const components of Object.values(openapi.components)) {
      for (const name of Object.keys(components)) expect(name).toMatch(/^[A-Za-z0-9._-]+$/)
    }
  })
})

describe('operations', () => {
  test('are the routes, each once', () => {
    const names = operations.map(([method, path]) => `${method.toUpperCase()} ${path.replace(/\{(\w+)\}/g, ':$1')}`)
    expect(names.sort()).toEqual([...routeNames].sort())
  })

  test('have ids of their own that are names in any language', () => {
    const ids = operations.map(([, , { operationId }]) => operationId)
    expect(new Set(ids).size).toBe(ids.length)
    for (const id of ids) expect(id).toMatch(/^[a-z][A-Za-z0-9]+$/)
  })

  test('have one tag each, and every tag is declared', () => {
    const tags = openapi.tags.map(({ name }) => name)
    expect(new Set(tags).size).toBe(tags.length)
    for (const [, , operation] of operations) {
      expect(operation.tags).toHaveLength(1)
      expect(tags).toContain(operation.tags[0])
    }
  })

  test('declare every part of their path, and no other, as required', () => {
    for (const [, path, operation] of operations) {
      const declared = parametersOf(operation).filter((parameter) => parameter.in === 'path')
      expect(declared.map(({ name }) => name)).toEqual([...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name))
      for (const { required } of declared) expect(required).toBe(true)
      expect(path).not.toContain(':')
    }
  })

  test('declare no parameter twice, and each with a schema and words', () => {
    for (const [, , operation] of operations) {
      const parameters = parametersOf(operation)
      expect(new Set(parameters.map((parameter) => `${parameter.in} ${parameter.name}`)).size).toBe(parameters.length)
      for (const { schema, description } of parameters) {
        expect(schema.type ?? schema.anyOf).toBeDefined()
        expect(description).toBeTruthy()
      }
    }
  })

  test('ask for a token and take a device id where the route does', () => {
    for (const name of routeNames) {
      const route = routeOf(name)
      const operation = openapi.paths[route.path.replace(/:(\w+)/g, '{$1}')]?.[route.method.toLowerCase()]
      expect(operation?.security).toEqual(route.auth === 'user' ? [{ bearer: [] }] : [])
      const headers = operation ? parametersOf(operation).filter((parameter) => parameter.in === 'header') : []
      expect(headers.map((parameter) => parameter.name)).toEqual(route.auth === 'user' ? ['X-Device-Id'] : [])
    }
    expect(Object.keys(openapi.components.securitySchemes)).toEqual(['bearer'])
  })

  test('have a body where the route has one, and none with GET or DELETE', () => {
    for (const [method, path, operation] of operations) {
      const route = routeNames
        .map(routeOf)
        .find((one) => one.method === method.toUpperCase() && one.path.replace(/:(\w+)/g, '{$1}') === path)
      expect(operation.requestBody !== undefined).toBe(route?.body !== undefined)
      if (method === 'get' || method === 'delete') expect(operation.requestBody).toBeUndefined()
    }
  })
})

describe('responses', () => {
  const responsesOf = (operation: OpenApiOperation) =>
    Object.entries(operation.responses).map(([status, response]): [string, OpenApiResponse] => [
      status,
      resolved<OpenApiResponse>(response),
    ])

  /** The codes that a response with problem details may carry. */
  function codesOf(response: OpenApiResponse): string[] {
    const schema = response.content['application/problem+json']?.schema
    return (schema?.allOf?.[1]?.properties?.code?.enum ?? []) as string[]
  }

  test('document every status that a route may answer with, and no other', () => {
    for (const name of routeNames) {
      const route = routeOf(name)
      const operation = openapi.paths[route.path.replace(/:(\w+)/g, '{$1}')]?.[route.method.toLowerCase()]
      const statuses = new Set([route.status, ...errorsOf(route).map((code) => errorTable[code].status)])
      expect(Object.keys(operation?.responses ?? {}).sort()).toEqual([...statuses].map(String).sort())
      const codes = operation ? responsesOf(operation).flatMap(([, response]) => codesOf(response)) : []
      expect(codes.sort()).toEqual([...errorsOf(route)].sort())
    }
  })

  test('with an error stand at the status of its code', () => {
    for (const [, , operation] of operations) {
      for (const [status, response] of responsesOf(operation)) {
        for (const code of codesOf(response)) expect(String(errorTable[code as keyof typeof errorTable].status)).toBe(status)
        expect(response.description).not.toBe('')
        expect(Object.keys(response.content)).toHaveLength(1)
      }
    }
  })

  test('tell how long to wait where waiting helps', () => {
    for (const [, , operation] of operations) {
      for (const [status, { headers }] of responsesOf(operation)) {
        expect(headers !== undefined && 'Retry-After' in headers).toBe(status === '429' || status === '503')
      }
    }
  })

  test('every route with a token may be refused for the token, the device, the rate and a failure', () => {
    const common = [
      'bad_request',
      'unauthenticated',
      'token_expired',
      'forbidden',
      'device_revoked',
      'rate_limited',
      'internal',
      'overloaded',
    ]
    for (const route of routeNames.map(routeOf)) {
      const errors: string[] = errorsOf(route)
      if (route.auth === 'user') expect(errors).toEqual(expect.arrayContaining(common))
      else expect(errors).not.toContain('unauthenticated')
      expect(errors.includes('too_large')).toBe(route.body !== undefined)
      expect(errors).not.toContain('bad_frame')
    }
  })

  test('the problem schema knows every code', () => {
    expect(openapi.components.schemas.Problem?.properties?.code?.enum).toEqual(errorCodes)
  })
})

describe('schemas', () => {
  const known = [
    '$ref',
    'type',
    'const',
    'enum',
    'default',
    'description',
    'minimum',
    'maximum',
    'minLength',
    'maxLength',
    'pattern',
    'minItems',
    'maxItems',
    'items',
    'properties',
    'required',
    'additionalProperties',
    'propertyNames',
    'anyOf',
    'allOf',
    'format',
  ]

  function* schemasIn(schema: JsonSchema): Generator<JsonSchema> {
    yield schema
    const { items, properties = {}, additionalProperties, anyOf = [], allOf = [] } = schema
    const parts = [...Object.values(properties), ...anyOf, ...allOf, ...(items ? [items] : [])]
    if (typeof additionalProperties === 'object') parts.push(additionalProperties)
    for (const part of parts) yield* schemasIn(part)
  }

  const roots = [...objectsIn(openapi)].flatMap(([, part]) => ('schema' in part ? [part.schema as JsonSchema] : []))
  const all = [...roots, ...Object.values(openapi.components.schemas)].flatMap((schema) => [...schemasIn(schema)])

  test('use the words of JSON Schema alone', () => {
    expect(all.length).toBeGreaterThan(200)
    for (const schema of all) for (const word of Object.keys(schema)) expect(known).toContain(word)
  })

  test('require only members that they have', () => {
    for (const { properties, required = [] } of all) {
      for (const name of required) expect(Object.keys(properties ?? {})).toContain(name)
    }
  })

  test('have patterns that are regular expressions', () => {
    const patterns = all.flatMap(({ pattern }) => pattern ?? [])
    expect(patterns.length).toBeGreaterThan(5)
    for (const pattern of patterns) expect(() => new RegExp(pattern, 'u')).not.toThrow()
  })

  test('of bodies are closed, of answers open', () => {
    for (const [, , { requestBody, responses }] of operations) {
      const body = requestBody?.content['application/json']?.schema
      if (body) for (const schema of schemasIn(body)) if (schema.properties) expect(schema.additionalProperties).toBe(false)
      for (const response of Object.values(responses)) {
        const answer = resolved<OpenApiResponse>(response).content['application/json']?.schema
        if (answer) for (const schema of schemasIn(answer)) expect(schema.additionalProperties).not.toBe(false)
      }
    }
    for (const schema of Object.values(openapi.components.schemas)) {
      for (const part of schemasIn(schema)) expect(part.additionalProperties).not.toBe(false)
    }
  })
})
