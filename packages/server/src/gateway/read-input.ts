import { parse, type Route, SottoError } from '@sotto/protocol'

interface Received {
  readonly params: unknown
  readonly query: unknown
  readonly body: unknown
}

/** Characters of a name that the sender chose, in an answer. */
const nameLength = 64

/** Whether `?device=` is a parameter of the route itself, and does not name the acting device. */
export function namesDevice(route: Pick<Route, 'query'>): boolean {
  return route.query !== undefined && Object.hasOwn(route.query.shape, 'device')
}

export function queryOf({ query }: Pick<Received, 'query'>): Readonly<Record<string, unknown>> {
  return query as Record<string, unknown>
}

/** What a handler is given: every part checked, nothing beside it. Throws `bad_request`, naming what is wrong. */
export function inputOf(received: Received, route: Route): { params: unknown; query: unknown; body: unknown } {
  return {
    params: route.params === undefined ? undefined : parse(route.params, received.params),
    query: readQuery(queryOf(received), route),
    body: readBody(received.body, route),
  }
}

function readQuery(query: Readonly<Record<string, unknown>>, route: Route): unknown {
  const { device, ...rest } = query
  const own = device === undefined || (route.auth === 'user' && !namesDevice(route)) ? rest : { ...rest, device }
  if (route.query !== undefined) return parse(route.query, own)
  const [unknown] = Object.keys(own)
  if (unknown !== undefined) throw new SottoError('bad_request', `unknown parameter ${quoted(unknown)}`)
  return undefined
}

function readBody(body: unknown, route: Route): unknown {
  if (route.body !== undefined) {
    if (body === undefined) throw new SottoError('bad_request', 'the request has no body')
    return parse(route.body, body)
  }
  // Many clients send an empty object with every POST.
  const isEmpty = body === undefined || (typeof body === 'object' && body !== null && Object.keys(body).length === 0)
  if (!isEmpty) throw new SottoError('bad_request', 'this request takes no body')
  return undefined
}

function quoted(name: string): string {
  return JSON.stringify(name.length <= nameLength ? name : `${name.slice(0, nameLength).toWellFormed()}…`)
}
