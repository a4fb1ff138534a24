import type { z } from 'zod'
import { closeCodes, type Refusal, refusals } from './errors.ts'
import { clientFrames, reliableProtocol, serverFrames } from './frames.ts'
import { canonicalJson, type JsonSchema, jsonSchemaOf } from './json-schema.ts'
import { defaultLimits, wire } from './limits.ts'
import { type RouteName, routeNames, routeOf } from './routes.ts'

/**
 * The lock on the wire: a hash over all that crosses the network, compared with the newest entry of
 * wire-history.json, so that no change of it goes unnoticed or unexplained.
 */

/** One entry of wire-history.json. */
export interface WireChange {
  /** 1, 2, 3… */
  readonly version: number
  /** YYYY-MM-DD. */
  readonly date: string
  /** SHA-256 of `wireText` after the change, hexadecimal. */
  readonly hash: string
  /** What changed, in a sentence. */
  readonly change: string
}

function schemas(of: Readonly<Record<string, z.ZodType>>, io: 'input' | 'output'): Record<string, JsonSchema> {
  return Object.fromEntries(Object.entries(of).map(([name, schema]) => [name, jsonSchemaOf(schema, io)]))
}

function wireRoute(name: RouteName) {
  const { params, query, body, answer, auth, status, errors } = routeOf(name)
  const request = { ...(params && { params }), ...(query && { query }), ...(body && { body }) }
  return {
    auth,
    status,
    errors: [...errors].sort(),
    request: schemas(request, 'input'),
    answer: schemas(answer ? { answer } : {}, 'output'),
  }
}

/** All that crosses the network, without the words that explain it. */
function wireContents(): unknown {
  const errors = Object.entries<Refusal>(refusals).map(([code, { status, close }]) => [code, { status, close }])
  return {
    routes: Object.fromEntries(routeNames.map((name) => [name, wireRoute(name)])),
    clientFrames: schemas(clientFrames, 'input'),
    serverFrames: schemas(serverFrames, 'output'),
    errors: Object.fromEntries(errors),
    limits: defaultLimits,
    closeCodes,
    wire,
    reliableProtocol,
  }
}

/** The contents as text: equal contents give equal text, whatever the order of their members. Its SHA-256 is the lock. */
export function wireText(contents: unknown = wireContents()): string {
  return canonicalJson(contents)
}

/** What is wrong with the history, given the hash of the wire as it is; undefined when nothing is. */
export function whatIsUnrecorded(history: readonly WireChange[], hash: string): string | undefined {
  const how = 'record the change with: npm run wire:record -- "what changed"'
  const newest = history.at(-1)
  if (newest === undefined) return `the wire has no history; ${how}`
  const misnumbered = history.findIndex(({ version }, index) => version !== index + 1)
  if (misnumbered !== -1) return `entry ${misnumbered + 1} of wire-history.json is not version ${misnumbered + 1}`
  if (history.some(({ change }) => change.trim() === '')) return 'a change in wire-history.json says nothing'
  if (newest.hash === hash) return undefined
  return `what crosses the network is no longer version ${newest.version} (${newest.hash.slice(0, 12)}…, now ${hash.slice(0, 12)}…); ${how}`
}
