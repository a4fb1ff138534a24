import { BlockList, isIP } from 'node:net'
import { SottoError } from '@sotto/protocol'

const loopback = new BlockList()
loopback.addSubnet('127.0.0.0', 8, 'ipv4')
loopback.addAddress('::1', 'ipv6')

/** Whether an address, as a socket names its peer, is this machine's own: 127.*, ::1, ::ffff:127.*. */
export function isLoopback(address: string | undefined): boolean {
  if (address === undefined) return false
  const version = isIP(address)
  return version !== 0 && loopback.check(address, version === 6 ? 'ipv6' : 'ipv4')
}

export interface DevTokenRequest {
  /** DEV_TOKENS. */
  readonly devTokens: 'off' | 'loopback' | 'anyone'
  /** The other end of the TCP connection; never an address that a header claims. */
  readonly peer: string | undefined
  /** A proxy handed the request on (`Forwarded`, `X-Forwarded-For`, `Via`): its caller may be anywhere. */
  readonly proxied: boolean
  /** The `Host` header. */
  readonly host: string | undefined
}

/** Who may have a development token. Throws `dev_tokens_disabled`. */
export function mayMintDevToken(request: DevTokenRequest): void {
  if (request.devTokens === 'anyone') return
  if (request.devTokens === 'off') throw new SottoError('dev_tokens_disabled')
  // A page of a foreign site whose name was made to resolve to this machine comes from loopback, but under its own name.
  if (!isLoopback(request.peer) || request.proxied || !namesThisMachine(request.host)) {
    throw new SottoError('dev_tokens_disabled', 'development tokens are for callers on the same machine')
  }
}

function namesThisMachine(host: string | undefined): boolean {
  if (host === undefined) return true
  const name = host.replace(/:\d*$/, '').replace(/^\[|\]$/g, '')
  return isLoopback(name) || /^([a-z0-9-]+\.)*localhost\.?$/i.test(name)
}

/**
 * The token of an `Authorization` header (RFC 6750 section 2.1), undefined when there is no header.
 * Throws `unauthenticated` when the header is of another kind.
 */
export function bearerToken(header: string | undefined): string | undefined {
  if (header === undefined) return undefined
  const token = /^bearer +([A-Za-z0-9._~+/-]+=*)$/i.exec(header)?.[1]
  if (token === undefined) throw new SottoError('unauthenticated', 'the Authorization header must be `Bearer` and a token')
  return token
}
