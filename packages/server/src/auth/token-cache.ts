import { hash } from 'node:crypto'
import type { Identity } from './authenticator.ts'

/**
 * Verified tokens by their SHA-256, so that a request does not pay for a signature each time: the least recently used
 * gives way. Nothing here can be presented as a token.
 */
export interface TokenCache {
  get(token: string): Identity | undefined
  put(token: string, identity: Identity): void
  delete(token: string): void
  clear(): void
}

export function createTokenCache(entriesMax: number): TokenCache {
  const identities = new Map<string, Identity>()
  return {
    get(token) {
      const key = keyOf(token)
      const identity = identities.get(key)
      if (identity === undefined) return undefined
      identities.delete(key)
      identities.set(key, identity)
      return identity
    },
    put(token, identity) {
      identities.set(keyOf(token), identity)
      if (identities.size <= entriesMax) return
      const [oldest] = identities.keys()
      if (oldest !== undefined) identities.delete(oldest)
    },
    delete(token) {
      identities.delete(keyOf(token))
    },
    clear() {
      identities.clear()
    },
  }
}

function keyOf(token: string): string {
  return hash('sha256', token, 'base64')
}
