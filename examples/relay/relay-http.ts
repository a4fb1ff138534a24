import { claimedKeys, routes } from '@sotto/protocol'

/** A prekey that its owner has signed. */
export interface SignedPreKey {
  readonly keyId: number | string
  readonly publicKey: string
  readonly signature: string
}

export interface OneTimePreKey {
  readonly keyId: number | string
  readonly publicKey: string
}

export interface PublicKeys {
  /** 16 to 4,096 characters in the encoding of your protocol, like all keys here: the server does not read them. */
  readonly identityKey: string
  readonly signedPreKey: SignedPreKey
  /** The post-quantum prekey, for protocols that have one. */
  readonly pqPreKey?: SignedPreKey
  readonly oneTimePreKeys: readonly OneTimePreKey[]
}

/** The keys of one device, with a one-time prekey that nobody else gets, or null when none is left. */
export type ClaimedKeys = ReturnType<typeof claimedKeys.parse>

/** A token for local work: only a server with DEV_TOKENS=true gives it. Elsewhere the token is that of your login. */
export async function devToken(address: string, userId: string, deviceId: string): Promise<string> {
  const answer = await request(address, 'POST', '/auth/dev-token', { userId, deviceId })
  return routes['POST /auth/dev-token'].answer.parse(answer).token
}

/** The requests of a device: keys and groups. Each rejects with the server's error code in its message. */
export class RelayHttp {
  readonly #address: string
  readonly #token: string

  /** `address`: `127.0.0.1:8080`. */
  constructor(address: string, token: string) {
    this.#address = address
    this.#token = token
  }

  async publishKeys({ oneTimePreKeys, ...identity }: PublicKeys): Promise<void> {
    await this.#request('POST', '/keys/identity', identity)
    await this.#request('POST', '/keys/prekeys', { oneTimePreKeys })
  }

  /** Takes a one-time prekey of another user's device: it is gone from the server afterwards. */
  async claimKeys(userId: string, deviceId: string): Promise<ClaimedKeys> {
    return claimedKeys.parse(await this.#request('GET', `/keys/prekeys/${encodeURIComponent(userId)}?device=${deviceId}`))
  }

  /** Creates a group of the caller and these users. Resolves with its id. */
  async createGroup(members: readonly string[]): Promise<string> {
    return routes['POST /groups'].answer.parse(await this.#request('POST', '/groups', { members })).groupId
  }

  #request(method: string, path: string, body?: unknown): Promise<unknown> {
    return request(this.#address, method, path, body, this.#token)
  }
}

async function request(address: string, method: string, path: string, body?: unknown, token?: string): Promise<unknown> {
  const response = await fetch(`http://${address}${path}`, {
    method,
    headers: {
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const answer: unknown = await response.json()
  if (response.ok) return answer
  const { code, detail } = answer as { code?: string; detail?: string }
  throw new Error(`${method} ${path}: ${response.status} ${code}: ${detail}`)
}
