import {
  constants,
  createHmac,
  createSign,
  generateKeyPairSync,
  type JsonWebKey,
  type KeyObject,
  sign as signBytes,
} from 'node:crypto'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Clock } from '../clock.ts'

/** Tokens made by hand, so that they can be wrong in every way; and an issuer's key server. For tests. */

export type Signer = (input: Buffer) => Buffer
export type Json = Readonly<Record<string, unknown>>

export const base64url = (bytes: string | Buffer) => Buffer.from(bytes as string).toString('base64url')

const part = (value: Json | string | Buffer) =>
  base64url(typeof value === 'string' || Buffer.isBuffer(value) ? value : JSON.stringify(value))

/** A compact token; a header or payload given as text is taken as it is. */
export function forge(header: Json | string | Buffer, payload: Json | string | Buffer, signer: Signer): string {
  const input = `${part(header)}.${part(payload)}`
  return `${input}.${base64url(signer(Buffer.from(input)))}`
}

export const hmac =
  (secret: string | Buffer, bits = 256): Signer =>
  (input) =>
    createHmac(`sha${bits}`, secret).update(input).digest()
export const rsa =
  (key: KeyObject, hash = 'sha256'): Signer =>
  (input) =>
    createSign(hash).update(input).sign(key)
export const pss =
  (key: KeyObject): Signer =>
  (input) =>
    signBytes('sha256', input, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 })
export const ecdsa =
  (key: KeyObject, hash = 'sha256', dsaEncoding: 'ieee-p1363' | 'der' = 'ieee-p1363'): Signer =>
  (input) =>
    signBytes(hash, input, { key, dsaEncoding })
export const eddsa =
  (key: KeyObject): Signer =>
  (input) =>
    signBytes(null, input, key)

export interface KeyPair {
  readonly publicKey: KeyObject
  readonly privateKey: KeyObject
}

export const rsaPair = (bits = 2048): KeyPair => generateKeyPairSync('rsa', { modulusLength: bits })
export const ecPair = (namedCurve = 'P-256'): KeyPair => generateKeyPairSync('ec', { namedCurve })
export const edPair = (): KeyPair => generateKeyPairSync('ed25519')

/** The public key as a JWK, with further members. */
export const jwkOf = (pair: KeyPair, members: Json): JsonWebKey => ({ ...pair.publicKey.export({ format: 'jwk' }), ...members })

/** Time that stands still until it is told otherwise. */
export interface StoppedClock extends Clock {
  nowMs: number
}

export function stoppedClock(nowMs = Date.UTC(2026, 0, 2)): StoppedClock {
  let made = 0
  return {
    nowMs,
    now() {
      return this.nowMs
    },
    random(bytes) {
      made += 1
      return Buffer.alloc(bytes, made).toString('base64url')
    },
  }
}

export interface KeyServer {
  readonly url: string
  /** Requests so far. */
  hits: number
  answer: RequestListener
  publish(...keys: readonly JsonWebKey[]): void
  close(): Promise<void>
}

/** A real HTTP server on loopback that answers as it is told. */
export async function keyServer(...keys: readonly JsonWebKey[]): Promise<KeyServer> {
  const http: Server = createServer((request, response) => {
    server.hits += 1
    server.answer(request, response)
  })
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
  const server: KeyServer = {
    url: `http://127.0.0.1:${(http.address() as AddressInfo).port}/keys`,
    hits: 0,
    answer: (_, response) => response.writeHead(404).end(),
    publish(...published) {
      server.answer = (_, response) => {
        response.setHeader('content-type', 'application/jwk-set+json')
        response.end(JSON.stringify({ keys: published }))
      }
    },
    async close() {
      http.closeAllConnections()
      await new Promise((resolve) => http.close(resolve))
    },
  }
  server.publish(...keys)
  return server
}
