import type { RouteName } from '@sotto/protocol'
import { SottoClientError } from '../errors.ts'

/** Where a server is. */
export interface ServerAddress {
  /** `https://host/prefix`, without a slash at its end. */
  readonly http: string
  /** `wss://host/prefix/ws`. */
  readonly socket: string
}

/** Throws `invalid_option` for what is no address of a server. */
export function addressOf(url: string): ServerAddress {
  const parsed = URL.parse(url)
  const isHttp = parsed !== null && (parsed.protocol === 'http:' || parsed.protocol === 'https:')
  if (!isHttp || parsed.username !== '' || parsed.password !== '' || parsed.search !== '' || parsed.hash !== '') {
    throw new SottoClientError('invalid_option', '`url` must be an address such as https://chat.example.org')
  }
  const http = parsed.href.replace(/\/+$/, '')
  return { http, socket: `${http.replace(/^http/, 'ws')}/ws` }
}

interface Parts {
  readonly params?: Readonly<Record<string, unknown>> | undefined
  readonly query?: Readonly<Record<string, unknown>> | undefined
}

/** `GET /groups/:groupId` with its parameters as `['GET', '/groups/g1']`. Throws `invalid_option` for what no path can say. */
export function requestLine(name: RouteName, { params = {}, query = {} }: Parts): readonly [method: string, path: string] {
  const [method = '', pattern = ''] = name.split(' ')
  const path = pattern.replace(/:(\w+)/g, (_, param: string) => segment(param, params[param]))
  const search = Object.entries(query)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => `${key}=${encodeURIComponent(String(value).toWellFormed())}`)
    .join('&')
  return [method, search === '' ? path : `${path}?${search}`]
}

function segment(param: string, value: unknown): string {
  const text = typeof value === 'number' ? `${value}` : value
  // A dot segment (RFC 3986 section 3.3) would lead to another path, however it is written.
  if (typeof text !== 'string' || text === '' || text === '.' || text === '..' || !text.isWellFormed()) {
    throw new SottoClientError('invalid_option', `${param} cannot be part of an address`)
  }
  return encodeURIComponent(text)
}
