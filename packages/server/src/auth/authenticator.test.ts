import { randomBytes } from 'node:crypto'
import { SottoError } from '@sotto/protocol'
import { CompactEncrypt } from 'jose'
import { afterAll, describe, expect, it } from 'vitest'
import { type AuthenticatorOptions, createAuthenticator } from './authenticator.ts'
import {
  base64url,
  ecdsa,
  ecPair,
  eddsa,
  edPair,
  forge,
  hmac,
  type Json,
  jwkOf,
  keyServer,
  pss,
  rsa,
  rsaPair,
  stoppedClock,
} from './forge.suite.ts'
import { Secret } from './secret.ts'
import type { TokenOutcome } from './token-refusal.ts'

const clock = stoppedClock()
const nowSeconds = clock.now() / 1000
const exp = nowSeconds + 3600
const secret = 'the secret that the server and the login share'
const hs = { alg: 'HS256', typ: 'JWT' }
const alice = { userId: 'alice', iat: nowSeconds, exp }

const rs = rsaPair()
const rsNew = rsaPair()
const es = ecPair()
const ed = edPair()
const stranger = { rs: rsaPair(), es: ecPair(), ed: edPair() }
const weak = rsaPair(1024)
const forEncryption = rsaPair()
const forPss = rsaPair()
const leaked = rsaPair()
const p384 = ecPair('P-384')
const koblitz = ecPair('secp256k1')
const shared = randomBytes(32)

const server = await keyServer(
  jwkOf(rs, { kid: 'rs', alg: 'RS256', use: 'sig' }),
  jwkOf(rsNew, { kid: 'rs-new' }),
  jwkOf(es, { kid: 'es' }),
  jwkOf(ed, { kid: 'ed', alg: 'EdDSA' }),
  jwkOf(weak, { kid: 'weak' }),
  jwkOf(forEncryption, { kid: 'for-encryption', use: 'enc' }),
  jwkOf(forPss, { kid: 'for-pss', alg: 'PS256' }),
  { ...leaked.privateKey.export({ format: 'jwk' }), kid: 'leaked' },
  jwkOf(p384, { kid: 'p384' }),
  jwkOf(koblitz, { kid: 'koblitz' }),
  { kty: 'oct', k: shared.toString('base64url'), kid: 'shared' },
)
const strangers = await keyServer(jwkOf(stranger.rs, { kid: 'stranger' }))
afterAll(async () => {
  await server.close()
  await strangers.close()
})

const issuer = 'https://login.example.org/'
const jwks = { url: server.url, issuer, audience: 'sotto', userClaim: 'sub' }
const bob = { iss: issuer, aud: 'sotto', sub: 'bob', iat: nowSeconds, exp }

function authenticator(options: Partial<AuthenticatorOptions>) {
  const outcomes: TokenOutcome[] = []
  return { outcomes, ...createAuthenticator({ clock, onChecked: (outcome) => outcomes.push(outcome), ...options }) }
}

const withSecret = (claims: Json | string | Buffer, header: Json | string | Buffer = hs) => forge(header, claims, hmac(secret))
const withRs = (claims: Json, header: Json = {}) => forge({ alg: 'RS256', kid: 'rs', ...header }, claims, rsa(rs.privateKey))
const without = (claims: Json, name: string) => Object.fromEntries(Object.entries(claims).filter(([key]) => key !== name))
const text = (claims: Json, more: string) => `${JSON.stringify(claims).slice(0, -1)},${more}}`
const withSignature = (token: string, change: (signature: Buffer) => Buffer) => {
  const [header, payload, signature = ''] = token.split('.')
  return `${header}.${payload}.${base64url(change(Buffer.from(signature, 'base64url')))}`
}
const flip = (index: number, mask: number) => (bytes: Buffer) => {
  const at = index < 0 ? bytes.length + index : index
  bytes[at] = bytes[at]! ^ mask
  return bytes
}
/** A token whose signature has a letter that base64 and base64url write differently. */
function inPlainBase64(): string {
  for (let jti = 0; ; jti++) {
    const [header, payload, signature = ''] = withSecret({ ...alice, jti }).split('.')
    if (/[-_]/.test(signature)) return `${header}.${payload}.${signature.replaceAll('-', '+').replaceAll('_', '/')}`
  }
}
/** The same signature plus the order of the group: refused by RFC 8032, accepted by careless verifiers. */
function withOrderAdded(signature: Buffer): Buffer {
  const order = 2n ** 252n + 27_742_317_777_372_353_535_851_937_790_883_648_493n
  const scalar = BigInt(`0x${Buffer.from(signature.subarray(32)).reverse().toString('hex')}`) + order
  return Buffer.concat([signature.subarray(0, 32), Buffer.from(scalar.toString(16).padStart(64, '0'), 'hex').reverse()])
}
const valid = withSecret(alice)
const [head, body, signature = ''] = valid.split('.')

describe('a valid token', () => {
  const controls: readonly [name: string, options: Partial<AuthenticatorOptions>, token: string, identity: Json][] = [
    ['HS256', { secret: new Secret(secret) }, valid, { userId: 'alice', deviceId: null }],
    ['HS256 without typ', { secret: new Secret(secret) }, withSecret(alice, { alg: 'HS256' }), { userId: 'alice' }],
    ['HS256 of type at+jwt', { secret: new Secret(secret) }, withSecret(alice, { ...hs, typ: 'AT+JWT' }), { userId: 'alice' }],
    ['HS256 with a kid', { secret: new Secret(secret) }, withSecret(alice, { ...hs, kid: 'any' }), { userId: 'alice' }],
    ['a device', { secret: new Secret(secret) }, withSecret({ ...alice, deviceId: 'phone-1' }), { deviceId: 'phone-1' }],
    [
      '128 characters',
      { secret: new Secret(secret) },
      withSecret({ ...alice, userId: 'é'.repeat(128) }),
      { userId: 'é'.repeat(128) },
    ],
    [
      'nbf and iat 30 s ahead',
      { secret: new Secret(secret) },
      withSecret({ ...alice, nbf: nowSeconds + 30, iat: nowSeconds + 30 }),
      {},
    ],
    [
      'claims that only seem to be there twice',
      { secret: new Secret(secret) },
      withSecret({ ...alice, note: '","userId":"mallory', nested: { userId: 'mallory', list: [{ exp: 1 }] } }),
      { userId: 'alice' },
    ],
    ['8,192 characters', { secret: new Secret(secret) }, atLength(8_192), { userId: 'alice' }],
    ['RS256', { jwks }, withRs(bob), { userId: 'bob', deviceId: null }],
    ['RS256 with a device', { jwks }, withRs({ ...bob, deviceId: 'tv' }), { userId: 'bob', deviceId: 'tv' }],
    ['RS256 with an audience among others', { jwks }, withRs({ ...bob, aud: ['billing', 'sotto'] }), { userId: 'bob' }],
    ['RS256 without kid, several keys fit', { jwks }, forge({ alg: 'RS256' }, bob, rsa(rsNew.privateKey)), { userId: 'bob' }],
    ['RS256 with addresses of keys', { jwks }, withRs(bob, { jku: strangers.url, x5u: strangers.url }), { userId: 'bob' }],
    ['ES256', { jwks }, forge({ alg: 'ES256', kid: 'es' }, bob, ecdsa(es.privateKey)), { userId: 'bob' }],
    ['EdDSA', { jwks }, forge({ alg: 'EdDSA', kid: 'ed' }, bob, eddsa(ed.privateKey)), { userId: 'bob' }],
    [
      'another user claim',
      { jwks: { ...jwks, userClaim: 'https://x/uid' } },
      withRs({ ...bob, 'https://x/uid': 'carol' }),
      { userId: 'carol' },
    ],
  ]

  it.each(controls)('with %s is accepted', async (_, options, token, identity) => {
    const { verify, outcomes, close } = authenticator(options)
    expect(await verify(token)).toEqual(expect.objectContaining({ expiresAt: exp * 1000, ...identity }))
    expect(outcomes).toEqual(['verified'])
    close()
  })
})

describe('a forged token', () => {
  type Case = readonly [name: string, token: unknown, outcome: TokenOutcome]

  const againstSecret: readonly Case[] = [
    ['no token', '', 'form'],
    ['undefined', undefined, 'size'],
    ['a number', 42, 'size'],
    ['an array', [valid], 'size'],
    ['a user name', 'alice', 'form'],
    ['two parts', `${head}.${body}`, 'form'],
    ['an empty signature', `${head}.${body}.`, 'form'],
    ['an empty payload', `${head}..${signature}`, 'form'],
    ['an empty header', `.${body}.${signature}`, 'form'],
    ['two dots', '..', 'form'],
    ['a fourth part', `${valid}.${signature}`, 'form'],
    ['a fourth part that is empty', `${valid}.`, 'form'],
    ['a leading blank', ` ${valid}`, 'form'],
    ['a trailing blank', `${valid} `, 'form'],
    ['a trailing line end', `${valid}\n`, 'form'],
    ['a blank inside', `${head}. ${body}.${signature}`, 'form'],
    ['a line end inside a part', `${head}.${body?.slice(0, 4)}\n${body?.slice(4)}.${signature}`, 'form'],
    ['a NUL at the end', `${valid}\0`, 'form'],
    ['a letter outside ASCII', `${valid}é`, 'form'],
    ['a Bearer before it', `Bearer ${valid}`, 'form'],
    ['two tokens', `${valid},${valid}`, 'form'],
    ['a padded signature', `${valid}=`, 'form'],
    ['plain base64', inPlainBase64(), 'form'],
    ['stray bits in the last letter', `${valid.slice(0, -1)}${strayBits(valid.slice(-1))}`, 'form'],
    ['a JWS in JSON', JSON.stringify({ protected: head, payload: body, signature }), 'form'],
    ['8,193 characters and more', atLength(8_196), 'size'],
    ['alg none', `${base64url('{"alg":"none"}')}.${body}.`, 'form'],
    ['alg none, signed', forge({ alg: 'none' }, alice, hmac(secret)), 'algorithm'],
    ['alg nOnE, signed', forge({ alg: 'nOnE' }, alice, hmac(secret)), 'algorithm'],
    ['alg in small letters', withSecret(alice, { alg: 'hs256' }), 'algorithm'],
    ['no alg', withSecret(alice, { typ: 'JWT' }), 'algorithm'],
    ['alg null', withSecret(alice, { alg: null }), 'algorithm'],
    ['alg as a list', withSecret(alice, { alg: ['HS256'] }), 'algorithm'],
    ['alg empty', withSecret(alice, { alg: '' }), 'algorithm'],
    ['alg of an object member', withSecret(alice, { alg: 'toString' }), 'algorithm'],
    ['HS384 with the right secret', forge({ alg: 'HS384' }, alice, hmac(secret, 384)), 'algorithm'],
    ['HS512 with the right secret', forge({ alg: 'HS512' }, alice, hmac(secret, 512)), 'algorithm'],
    ['HS256 in the header, SHA-512 in the signature', forge(hs, alice, hmac(secret, 512)), 'signature'],
    ['RS256 by a stranger', forge({ alg: 'RS256' }, alice, rsa(stranger.rs.privateKey)), 'algorithm'],
    ['another secret', forge(hs, alice, hmac(`${secret}.`)), 'signature'],
    ['an empty secret', forge(hs, alice, hmac('')), 'signature'],
    ['the secret with a line end', forge(hs, alice, hmac(`${secret}\n`)), 'signature'],
    ['the secret read as base64', forge(hs, alice, hmac(Buffer.from(secret, 'base64'))), 'signature'],
    [
      'a plain hash as signature',
      forge(hs, alice, (input) => hmac('')(Buffer.concat([Buffer.from(secret), input]))),
      'signature',
    ],
    ['the first bit flipped', withSignature(valid, flip(0, 0x80)), 'signature'],
    ['the last bit flipped', withSignature(valid, flip(-1, 0x01)), 'signature'],
    ['half a signature', withSignature(valid, (bytes) => bytes.subarray(0, 16)), 'signature'],
    ['a signature short of one byte', withSignature(valid, (bytes) => bytes.subarray(0, 31)), 'signature'],
    ['a signature of one byte', withSignature(valid, (bytes) => bytes.subarray(0, 1)), 'signature'],
    ['a signature longer by one byte', withSignature(valid, (bytes) => Buffer.concat([bytes, Buffer.alloc(1)])), 'signature'],
    ['a signature of zeros', withSignature(valid, (bytes) => Buffer.alloc(bytes.length)), 'signature'],
    ['the signature of another token', `${head}.${body}.${withSecret({ ...alice, jti: 1 }).split('.')[2]}`, 'signature'],
    [
      'the payload of another user',
      `${head}.${base64url(JSON.stringify({ ...alice, userId: 'bob' }))}.${signature}`,
      'signature',
    ],
    ['a header changed after signing', `${base64url('{"alg":"HS256","typ":"JWT","kid":"1"}')}.${body}.${signature}`, 'signature'],
    ['kid of a known file', forge({ ...hs, kid: '../../../../dev/null' }, alice, hmac('')), 'signature'],
    ['kid with SQL', forge({ ...hs, kid: "' UNION SELECT 'key" }, alice, hmac('key')), 'signature'],
    ['kid as a number', withSecret(alice, { ...hs, kid: 1 }), 'header'],
    ['kid as an object', withSecret(alice, { ...hs, kid: {} }), 'header'],
    ['kid null', withSecret(alice, { ...hs, kid: null }), 'header'],
    ['kid of 257 characters', withSecret(alice, { ...hs, kid: 'k'.repeat(257) }), 'header'],
    ['its own key as jwk', forge({ ...hs, jwk: { kty: 'oct', k: base64url('mine') } }, alice, hmac('mine')), 'signature'],
    ['crit with a known claim', withSecret(alice, { ...hs, crit: ['exp'], exp }), 'header'],
    ['crit empty', withSecret(alice, { ...hs, crit: [] }), 'header'],
    ['crit null', withSecret(alice, { ...hs, crit: null }), 'header'],
    ['b64 true', withSecret(alice, { ...hs, b64: true }), 'header'],
    ['b64 false, critical', withSecret(alice, { ...hs, b64: false, crit: ['b64'] }), 'header'],
    ['typ JWE', withSecret(alice, { ...hs, typ: 'JWE' }), 'type'],
    ['typ logout+jwt', withSecret(alice, { ...hs, typ: 'logout+jwt' }), 'type'],
    ['typ dpop+jwt', withSecret(alice, { ...hs, typ: 'dpop+jwt' }), 'type'],
    ['typ empty', withSecret(alice, { ...hs, typ: '' }), 'type'],
    ['typ as a number', withSecret(alice, { ...hs, typ: 1 }), 'type'],
    ['typ null', withSecret(alice, { ...hs, typ: null }), 'type'],
    ['a header that is a list', withSecret(alice, '["HS256"]'), 'header'],
    ['a header that is a text', withSecret(alice, '"HS256"'), 'header'],
    ['a header that is null', withSecret(alice, 'null'), 'header'],
    ['a header that is not JSON', withSecret(alice, '{alg:HS256}'), 'header'],
    ['a header that is not UTF-8', withSecret(alice, Buffer.from('{"alg":"HS256","x":"\xff"}', 'latin1')), 'header'],
    ['alg twice', withSecret(alice, '{"alg":"none","alg":"HS256"}'), 'header'],
    ['alg twice, once escaped', withSecret(alice, '{"al\\u0067":"none","alg":"HS256"}'), 'header'],
    ['claims that are a list', withSecret('[]'), 'claims'],
    ['claims that are a text', withSecret('"alice"'), 'claims'],
    ['claims that are null', withSecret('null'), 'claims'],
    ['claims that are not JSON', withSecret('{userId:alice}'), 'claims'],
    ['claims cut off', withSecret(JSON.stringify(alice).slice(0, -1)), 'claims'],
    ['claims that are not UTF-8', withSecret(Buffer.from(text(alice, '"x":"\xff"'), 'latin1')), 'claims'],
    ['a token within the token', withSecret(valid, { ...hs, cty: 'JWT' }), 'claims'],
    ['userId twice', withSecret(text(alice, '"userId":"mallory"')), 'claims'],
    ['userId twice, once escaped', withSecret(text(alice, '"userI\\u0064":"mallory"')), 'claims'],
    ['exp twice', withSecret(text(alice, `"exp":${exp}`)), 'claims'],
    ['no exp', withSecret(without(alice, 'exp')), 'claims'],
    ['exp null', withSecret({ ...alice, exp: null }), 'claims'],
    ['exp as text', withSecret({ ...alice, exp: String(exp) }), 'claims'],
    ['exp as a date', withSecret({ ...alice, exp: '2030-01-01T00:00:00Z' }), 'claims'],
    ['exp as a list', withSecret({ ...alice, exp: [exp] }), 'claims'],
    ['exp with a fraction', withSecret({ ...alice, exp: exp + 0.5 }), 'claims'],
    ['exp in milliseconds', withSecret({ ...alice, exp: exp * 1000 }), 'claims'],
    ['exp huge', withSecret({ ...alice, exp: 1e300 }), 'claims'],
    ['exp infinite', withSecret(text(without(alice, 'exp'), '"exp":1e999')), 'claims'],
    ['exp negative', withSecret({ ...alice, exp: -exp }), 'expired'],
    ['exp zero', withSecret({ ...alice, exp: 0 }), 'expired'],
    ['exp now', withSecret({ ...alice, exp: nowSeconds }), 'expired'],
    ['exp a day ago', withSecret({ ...alice, exp: nowSeconds - 86_400 }), 'expired'],
    ['nbf in 31 s', withSecret({ ...alice, nbf: nowSeconds + 31 }), 'notYetValid'],
    ['nbf as text', withSecret({ ...alice, nbf: '0' }), 'claims'],
    ['iat in 31 s', withSecret({ ...alice, iat: nowSeconds + 31 }), 'notYetValid'],
    ['iat as text', withSecret({ ...alice, iat: 'now' }), 'claims'],
    ['no userId', withSecret(without(alice, 'userId')), 'user'],
    ['sub instead of userId', withSecret({ ...without(alice, 'userId'), sub: 'alice' }), 'user'],
    ['userId empty', withSecret({ ...alice, userId: '' }), 'user'],
    ['userId of 129 characters', withSecret({ ...alice, userId: 'a'.repeat(129) }), 'user'],
    ['userId with NUL', withSecret({ ...alice, userId: 'alice\0' }), 'user'],
    ['userId with a line end', withSecret({ ...alice, userId: 'ali\nce' }), 'user'],
    ['userId with DEL', withSecret({ ...alice, userId: 'alice\x7f' }), 'user'],
    ['userId with a C1 control', withSecret({ ...alice, userId: 'alice\x85' }), 'user'],
    ['userId with a lone surrogate', withSecret(text(without(alice, 'userId'), '"userId":"a\\ud800"')), 'user'],
    ['userId as a number', withSecret({ ...alice, userId: 1 }), 'user'],
    ['userId as an object', withSecret({ ...alice, userId: { id: 'alice' } }), 'user'],
    ['userId as a list', withSecret({ ...alice, userId: ['alice'] }), 'user'],
    ['userId null', withSecret({ ...alice, userId: null }), 'user'],
    ['userId true', withSecret({ ...alice, userId: true }), 'user'],
    ['userId inherited', withSecret(text(without(alice, 'userId'), '"__proto__":{"userId":"alice"}')), 'user'],
    ['deviceId empty', withSecret({ ...alice, deviceId: '' }), 'device'],
    ['deviceId as a path', withSecret({ ...alice, deviceId: '../phone' }), 'device'],
    ['deviceId of 65 characters', withSecret({ ...alice, deviceId: 'd'.repeat(65) }), 'device'],
    ['deviceId as a number', withSecret({ ...alice, deviceId: 1 }), 'device'],
    ['deviceId null', withSecret({ ...alice, deviceId: null }), 'device'],
    ['deviceId as an object', withSecret({ ...alice, deviceId: {} }), 'device'],
  ]

  const es256 = { alg: 'ES256', kid: 'es' }
  const edDsa = { alg: 'EdDSA', kid: 'ed' }
  const publicPem = rs.publicKey.export({ type: 'spki', format: 'pem' })
  const publicDer = rs.publicKey.export({ type: 'spki', format: 'der' })
  const byStranger = (header: Json) => forge({ alg: 'RS256', kid: 'rs', ...header }, bob, rsa(stranger.rs.privateKey))
  const strangerJwk = jwkOf(stranger.rs, { kid: 'rs' })
  const againstKeys: readonly Case[] = [
    ['HS256 with the public key (PEM) as secret', forge({ alg: 'HS256', kid: 'rs' }, bob, hmac(publicPem)), 'algorithm'],
    ['HS256 with the public key (DER) as secret', forge({ alg: 'HS256', kid: 'rs' }, bob, hmac(publicDer)), 'algorithm'],
    ['HS256 with the modulus as secret', forge({ alg: 'HS256', kid: 'rs' }, bob, hmac(jwkOf(rs, {}).n ?? '')), 'algorithm'],
    ['HS256 with a secret in the key set', forge({ alg: 'HS256', kid: 'shared' }, bob, hmac(shared)), 'algorithm'],
    ['RS256 in the header, HMAC in the signature', forge({ alg: 'RS256', kid: 'rs' }, bob, hmac(publicPem)), 'signature'],
    ['RS256 with a secret in the key set', forge({ alg: 'RS256', kid: 'shared' }, bob, hmac(shared)), 'key'],
    ['alg none', forge({ alg: 'none', kid: 'rs' }, bob, rsa(rs.privateKey)), 'algorithm'],
    ['RS384', forge({ alg: 'RS384', kid: 'rs-new' }, bob, rsa(rsNew.privateKey, 'sha384')), 'algorithm'],
    ['RS512', forge({ alg: 'RS512', kid: 'rs-new' }, bob, rsa(rsNew.privateKey, 'sha512')), 'algorithm'],
    ['PS256', forge({ alg: 'PS256', kid: 'for-pss' }, bob, pss(forPss.privateKey)), 'algorithm'],
    ['PSS instead of PKCS1', forge({ alg: 'RS256', kid: 'rs' }, bob, pss(rs.privateKey)), 'signature'],
    ['SHA-1 in the signature', forge({ alg: 'RS256', kid: 'rs' }, bob, rsa(rs.privateKey, 'sha1')), 'signature'],
    ['a key that is for PSS', forge({ alg: 'RS256', kid: 'for-pss' }, bob, rsa(forPss.privateKey)), 'key'],
    ['a key that is for encryption', forge({ alg: 'RS256', kid: 'for-encryption' }, bob, rsa(forEncryption.privateKey)), 'key'],
    ['a key whose private half is published', forge({ alg: 'RS256', kid: 'leaked' }, bob, rsa(leaked.privateKey)), 'key'],
    ['an RSA key of 1024 bits', forge({ alg: 'RS256', kid: 'weak' }, bob, rsa(weak.privateKey)), 'key'],
    ['a stranger, known kid', byStranger({}), 'signature'],
    ['a stranger, unknown kid', byStranger({ kid: 'stranger' }), 'key'],
    ['a stranger, no kid', forge({ alg: 'RS256' }, bob, rsa(stranger.rs.privateKey)), 'signature'],
    ['kid as a path', byStranger({ kid: '../../../../dev/null' }), 'key'],
    ['kid as an address', byStranger({ kid: strangers.url }), 'key'],
    ['kid of an object member', byStranger({ kid: '__proto__' }), 'key'],
    ['kid in capitals', withRs(bob, { kid: 'RS' }), 'key'],
    ['kid empty', withRs(bob, { kid: '' }), 'key'],
    ['kid as a list', withRs(bob, { kid: ['rs'] }), 'header'],
    ['jku of a stranger', byStranger({ kid: 'stranger', jku: strangers.url }), 'key'],
    ['jku of a stranger, known kid', byStranger({ jku: strangers.url }), 'signature'],
    ['x5u of a stranger', byStranger({ x5u: strangers.url }), 'signature'],
    ['jwk of a stranger', byStranger({ jwk: strangerJwk }), 'signature'],
    ['jwk of a stranger, no known kid', byStranger({ jwk: strangerJwk, kid: 'stranger' }), 'key'],
    [
      'x5c of a stranger',
      byStranger({ x5c: [stranger.rs.publicKey.export({ type: 'spki', format: 'der' }).toString('base64')] }),
      'signature',
    ],
    ['x5t of nobody', byStranger({ x5t: 'x', 'x5t#S256': 'x' }), 'signature'],
    ['crit with jku', withRs(bob, { crit: ['jku'], jku: strangers.url }), 'header'],
    ['b64 false without crit', withRs(bob, { b64: false }), 'header'],
    ['ES256 in DER', forge(es256, bob, ecdsa(es.privateKey, 'sha256', 'der')), 'signature'],
    ['ES256 with r and s zero', forge(es256, bob, () => Buffer.alloc(64)), 'signature'],
    ['ES256 with r of the group order', forge(es256, bob, () => Buffer.alloc(64, 0xff)), 'signature'],
    ['ES256 with SHA-384', forge(es256, bob, ecdsa(es.privateKey, 'sha384')), 'signature'],
    [
      'ES256 short of one byte',
      withSignature(forge(es256, bob, ecdsa(es.privateKey)), (bytes) => bytes.subarray(0, 63)),
      'signature',
    ],
    ['ES256 by a stranger', forge(es256, bob, ecdsa(stranger.es.privateKey)), 'signature'],
    ['ES256 with P-384', forge({ alg: 'ES256', kid: 'p384' }, bob, ecdsa(p384.privateKey)), 'key'],
    ['ES256 with secp256k1', forge({ alg: 'ES256', kid: 'koblitz' }, bob, ecdsa(koblitz.privateKey)), 'key'],
    ['ES384', forge({ alg: 'ES384', kid: 'p384' }, bob, ecdsa(p384.privateKey, 'sha384')), 'algorithm'],
    ['ES256K', forge({ alg: 'ES256K', kid: 'koblitz' }, bob, ecdsa(koblitz.privateKey)), 'algorithm'],
    ['ES256 with the kid of an RSA key', forge({ alg: 'ES256', kid: 'rs' }, bob, rsa(rs.privateKey)), 'key'],
    ['RS256 with the kid of an EC key', forge({ alg: 'RS256', kid: 'es' }, bob, ecdsa(es.privateKey)), 'key'],
    ['EdDSA with the kid of an EC key', forge({ alg: 'EdDSA', kid: 'es' }, bob, ecdsa(es.privateKey)), 'key'],
    ['EdDSA by a stranger', forge(edDsa, bob, eddsa(stranger.ed.privateKey)), 'signature'],
    ['EdDSA, bit flipped', withSignature(forge(edDsa, bob, eddsa(ed.privateKey)), flip(63, 0x01)), 'signature'],
    ['EdDSA with the order added', withSignature(forge(edDsa, bob, eddsa(ed.privateKey)), withOrderAdded), 'signature'],
    ['EdDSA of zeros', forge(edDsa, bob, () => Buffer.alloc(64)), 'signature'],
    ['RS256 short of one byte', withSignature(withRs(bob), (bytes) => bytes.subarray(0, 255)), 'signature'],
    ['no issuer', withRs(without(bob, 'iss')), 'issuer'],
    ['another issuer', withRs({ ...bob, iss: 'https://login.example.com/' }), 'issuer'],
    ['an issuer short of its slash', withRs({ ...bob, iss: issuer.slice(0, -1) }), 'issuer'],
    ['issuers as a list', withRs({ ...bob, iss: [issuer] }), 'issuer'],
    ['no audience', withRs(without(bob, 'aud')), 'audience'],
    ['another audience', withRs({ ...bob, aud: 'billing' }), 'audience'],
    ['audiences without ours', withRs({ ...bob, aud: ['billing', 'wiki'] }), 'audience'],
    ['no audiences', withRs({ ...bob, aud: [] }), 'audience'],
    ['an audience that begins like ours', withRs({ ...bob, aud: 'sotto-admin' }), 'audience'],
    ['an audience within a list within a list', withRs({ ...bob, aud: [['sotto']] }), 'audience'],
    ['an audience as an object', withRs({ ...bob, aud: { sotto: true } }), 'audience'],
    ['no sub', withRs(without(bob, 'sub')), 'user'],
    ['userId instead of sub', withRs({ ...without(bob, 'sub'), userId: 'bob' }), 'user'],
    ['sub as a number', withRs({ ...bob, sub: 42 }), 'user'],
    ['no exp', withRs(without(bob, 'exp')), 'claims'],
    ['exp a second ago', withRs({ ...bob, exp: nowSeconds - 1 }), 'expired'],
    ['a token of the secret', valid, 'algorithm'],
    ['deviceId as a list', withRs({ ...bob, deviceId: ['tv'] }), 'device'],
  ]

  const secretOnly = authenticator({ secret: new Secret(secret) })
  const keysOnly = authenticator({ jwks })

  async function refused(subject: ReturnType<typeof authenticator>, token: unknown, outcome: TokenOutcome): Promise<void> {
    subject.outcomes.length = 0
    const error: unknown = await subject.verify(token as string).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(SottoError)
    const code = outcome === 'expired' ? 'token_expired' : 'unauthenticated'
    const message = outcome === 'expired' ? 'The token has expired' : 'the token is not accepted'
    expect(error).toMatchObject({ code, message, extra: {} })
    // Refused for the reason that it was made for, not for another mistake in it; and again: refusals are not remembered.
    expect(subject.outcomes).toEqual([outcome])
    await expect(subject.verify(token as string)).rejects.toThrow(message)
    expect(subject.outcomes).toEqual([outcome, outcome])
  }

  it.each(againstSecret)('with %s is refused (secret)', (_, token, outcome) => refused(secretOnly, token, outcome))
  it.each(againstKeys)('with %s is refused (JWKS)', (_, token, outcome) => refused(keysOnly, token, outcome))

  it('that is encrypted is refused', async () => {
    const encrypted = await new CompactEncrypt(Buffer.from(JSON.stringify(alice)))
      .setProtectedHeader({ alg: 'dir', enc: 'A256GCM' })
      .encrypt(shared)
    await refused(secretOnly, encrypted, 'form')
    await refused(keysOnly, encrypted, 'form')
  })

  it('never makes the server ask an address in it, and unknown keys do not make it ask for more than one set', async () => {
    for (const [, token] of againstKeys) await keysOnly.verify(token as string).catch(() => {})
    expect(strangers.hits).toBe(0)
    const before = server.hits
    for (const [, token] of againstKeys) await keysOnly.verify(token as string).catch(() => {})
    expect(server.hits).toBe(before)
  })
})

describe('verified tokens', () => {
  it('are remembered until they expire', async () => {
    const clock = stoppedClock()
    const { verify, outcomes } = authenticator({ secret: new Secret(secret), clock })
    const token = withSecret(alice)
    const first = await verify(token)
    expect(await verify(token)).toEqual(first)
    clock.nowMs = exp * 1000 - 1
    expect(await verify(token)).toEqual(first)
    clock.nowMs = exp * 1000
    await expect(verify(token)).rejects.toMatchObject({ code: 'token_expired' })
    await expect(verify(token)).rejects.toMatchObject({ code: 'token_expired' })
    expect(outcomes).toEqual(['verified', 'cached', 'cached', 'expired', 'expired'])
  })

  it('become valid with their nbf, as the clock says', async () => {
    const clock = stoppedClock()
    const { verify, outcomes } = authenticator({ secret: new Secret(secret), clock })
    const token = withSecret({ ...alice, nbf: nowSeconds + 60 })
    await expect(verify(token)).rejects.toMatchObject({ code: 'unauthenticated' })
    clock.nowMs += 30_000
    expect(await verify(token)).toMatchObject({ userId: 'alice' })
    expect(outcomes).toEqual(['notYetValid', 'verified'])
  })

  it('are forgotten, the least recently used first, past the limit', async () => {
    const { verify, outcomes } = authenticator({ secret: new Secret(secret), cachedTokensMax: 2 })
    const [a, b, c] = [1, 2, 3].map((jti) => withSecret({ ...alice, jti })) as [string, string, string]
    for (const token of [a, b, a, c, a, b]) await verify(token)
    expect(outcomes).toEqual(['verified', 'verified', 'cached', 'verified', 'cached', 'verified'])
  })

  it('cannot be changed by who got them', async () => {
    const { verify } = authenticator({ secret: new Secret(secret) })
    const identity = (await verify(valid)) as { userId: string }
    expect(() => {
      identity.userId = 'mallory'
    }).toThrow(TypeError)
    expect(await verify(valid)).toMatchObject({ userId: 'alice' })
  })
})

it('needs a secret or a JWKS', () => {
  expect(() => createAuthenticator({ clock })).toThrow(TypeError)
  expect(() => createAuthenticator({ clock, secret: new Secret(secret), jwks })).toThrow(TypeError)
})

/** A valid token of so many characters. */
function atLength(characters: number): string {
  for (let pad = 0; ; pad++) {
    const token = withSecret({ ...alice, pad: 'x'.repeat(characters * 0.7 + pad) })
    if (token.length >= characters) return token
  }
}

/** The letter of base64url with the same leading bits and another ending. */
function strayBits(letter: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  return alphabet[alphabet.indexOf(letter) ^ 1] ?? ''
}
